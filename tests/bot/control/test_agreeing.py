"""When a running bot does a command's task: where it was told nothing else than the bot."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.control.agreement import agree
from config.settings import Settings, load

_OURS = {"TANGERINE_MODEL": "mini", "TANGERINE_SEARCH__TEXT_WEIGHT": "0.4"}


def _told(folder: Path, **environment: str) -> Settings:
    return load(environ={"TANGERINE_DATA_DIR": str(folder / "data"), **environment})


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ({}, True),
        (_OURS, True),
        ({"TANGERINE_GALLERY": "gallery"}, True),
        ({"TANGERINE_WEB_PORT": "1", "TANGERINE_ENCODER__THREADS": "7"}, True),
        ({"TANGERINE_GALLERY": "other"}, False),
        ({"TANGERINE_MODEL": "some/other"}, False),
        ({"TANGERINE_SEARCH__TEXT_WEIGHT": "0.5"}, False),
        ({"TANGERINE_ENCODER__PRECISION": "bfloat16"}, False),
        ({"TANGERINE_COLLECTIONS": '[{"name": "more", "folder": "more"}]'}, False),
        ({"TANGERINE_DATA_DIR": "other"}, False),
    ],
)
def test_what_nobody_said_is_as_the_bot_has_it(
    tmp_path: Path, told: dict[str, str], *, same: bool
) -> None:
    """Ports and threads change no answer; paths are compared from where each was started."""
    ours = _told(tmp_path, **_OURS, TANGERINE_GALLERY=str(tmp_path / "gallery"))
    assert agree(ours, _told(tmp_path, **told), tmp_path) is same
