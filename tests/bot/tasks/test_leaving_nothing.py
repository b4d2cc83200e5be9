"""Commands that only read: where there is no data folder, they make none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.tasks.access import allow, list_communities
from bot.tasks.collections import export_collection
from bot.tasks.registry import alone
from bot.terminal.console import Terminal
from config.settings import Settings, load
from core.domain.errors import EmptyCollection, NotFound
from tests.fakes import picture_bytes

pytestmark = pytest.mark.usefixtures("empty_environment")


def _names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A gallery of one picture that nobody has indexed."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(picture_bytes("red"))
    return load(data_dir=tmp_path / "data", gallery=tmp_path / "pictures", model="mini", look=False)


@pytest.mark.parametrize(
    ("name", "told"), [("status", "default"), ("verify", "a.png is not indexed")]
)
async def test_what_is_stored_is_told_without_a_folder(
    settings: Settings, name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty state is told as any other one."""
    await alone(settings, Terminal(), name, {"json": False})
    assert told in capsys.readouterr().out
    assert not settings.data_dir.exists()


async def test_a_state_without_a_collection_names_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table without rows would tell a new user nothing."""
    settings = load(data_dir=tmp_path / "data", model="mini", look=False)
    assert await alone(settings, Terminal(), "status", {"json": False}) == 0
    told = capsys.readouterr()
    assert "TANGERINE_GALLERY" in told.err
    assert "generation" not in told.out


@pytest.mark.parametrize("json", [False, True])
async def test_without_a_collection_there_is_nothing_to_verify(
    tmp_path: Path, *, json: bool
) -> None:
    """Nothing agrees with nothing: the remedy is named, as by every command."""
    settings = load(data_dir=tmp_path / "data", model="mini", look=False)
    with pytest.raises(NotFound) as caught:
        await alone(settings, Terminal(), "verify", {"json": json})
    assert "TANGERINE_GALLERY" in caught.value.remedy
    assert not settings.data_dir.exists()


async def test_who_may_search_is_told_without_a_folder(settings: Settings) -> None:
    """The list alone makes none; letting somebody in has to be kept."""
    assert await list_communities(settings, Terminal(), json=False) == 0
    assert not settings.data_dir.exists()
    assert await allow(settings, Terminal(), community="discord:1", collection=None) == 0
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["find", "similar", "describe", "map", "tag"])
async def test_questions_to_nothing_leave_nothing(settings: Settings, name: str) -> None:
    """Nothing is indexed yet, which is said before a model is loaded."""
    with pytest.raises(EmptyCollection, match="Nothing is indexed yet"):
        await alone(settings, Terminal(), name, {"collection": None})
    assert not settings.data_dir.exists()


async def test_an_export_of_nothing_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    """Neither a data folder nor the folder of the export."""
    with pytest.raises(EmptyCollection, match="Nothing is indexed yet"):
        await export_collection(settings, Terminal(), tmp_path / "out", None, json=False)
    assert _names(tmp_path) == {"pictures"}
