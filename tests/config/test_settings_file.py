"""The settings file: found by every command, and the record that a run leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from bot.app.gallery import GalleryChoice, as_called
from bot.cli.main import app
from bot.engine.settings_record import is_record, write_record
from bot.terminal.console import Terminal
from bot.terminal.invocation import COMMANDS, Called, program_called, unsaid
from config.addresses import is_loopback
from config.files import config_file
from config.settings import WrongSettingError, load
from tests.fakes import picture_bytes

_EXPLAINED = (Path(__file__).parents[2] / "config" / "default.toml").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _nobody_said(empty_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of one's own, a home without settings, and no word in the environment."""
    del empty_environment
    monkeypatch.delenv("TANGERINE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def _write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_first_file_that_is_there_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--config, then TANGERINE_CONFIG, the current folder, and the user's own folder."""
    assert config_file() is None
    user = _write(tmp_path / "home" / "tangerine" / "tangerine.toml", 'model = "user"')
    assert config_file() == user
    _write(tmp_path / "here" / "tangerine.toml", 'model = "here"')
    assert load().model == "here"
    named = _write(tmp_path / "named.toml", 'model = "named"')
    monkeypatch.setenv("TANGERINE_CONFIG", str(named))
    assert load().model == "named"
    asked = _write(tmp_path / "asked.toml", 'model = "asked"')
    assert load(asked).model == "asked"
    assert load(asked, model="option").model == "option"
    monkeypatch.setenv("TANGERINE_MODEL", "environment")
    assert load(asked).model == "environment"


def test_nothing_is_looked_for_where_somebody_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty TANGERINE_CONFIG means none, so that nothing lying about changes a test."""
    _write(tmp_path / "here" / "tangerine.toml", 'model = "here"')
    monkeypatch.setenv("TANGERINE_CONFIG", "")
    assert config_file() is None
    monkeypatch.delenv("TANGERINE_CONFIG")
    assert config_file(look=False) is None


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    """So that it says the same wherever a command is called."""
    (tmp_path / "etc" / "models" / "mine").mkdir(parents=True)
    file = _write(
        tmp_path / "etc" / "t.toml",
        'data_dir = "data"\ngallery = "../pictures"\nmodel = "models/mine"\n'
        '[[collections]]\nname = "shop"\nfolder = "shop"\n',
    )
    settings = load(file)
    assert settings.data_dir == tmp_path / "etc" / "data"
    assert settings.gallery is not None
    assert settings.gallery.resolve() == tmp_path / "pictures"
    assert settings.collections[0].folder == tmp_path / "etc" / "shop"
    assert settings.model == str(tmp_path / "etc" / "models" / "mine")
    _write(file, 'gallery = "~/pictures"\nmodel = "owner/name"\n')
    assert load(file).gallery == Path("~/pictures").expanduser()
    assert load(file).model == "owner/name"


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    """In one line, with its name."""
    file = _write(tmp_path / "here" / "tangerine.toml", "model = ")
    with pytest.raises(WrongSettingError, match=r"tangerine\.toml: cannot be read as TOML"):
        load()
    assert file.exists()


def test_a_record_is_a_record_until_somebody_changes_it(tmp_path: Path) -> None:
    """It follows the last run; what a person wrote or changed is never touched."""
    file = tmp_path / "here" / "tangerine.toml"
    write_record(load(model="mini", gallery=tmp_path / "here" / "a"), _EXPLAINED)
    assert is_record(file)
    assert 'gallery = "a"' in file.read_text()
    assert load().model == "mini"
    assert load().data_dir == tmp_path / "here" / "data"
    write_record(load(gallery=tmp_path / "b"), _EXPLAINED)
    assert load().gallery == tmp_path / "b"
    file.write_text(file.read_text() + "# mine\n")
    assert not is_record(file)
    changed = file.read_text()
    write_record(load(gallery=tmp_path / "c"), _EXPLAINED)
    assert file.read_text() == changed
    assert [each.name for each in file.parent.iterdir()] == ["tangerine.toml"]


def test_what_is_written_down_leads_through_no_other_folder(tmp_path: Path) -> None:
    """``../x`` typed today is the folder that it is; a link stays what was typed."""
    there = tmp_path / "pictures"
    there.mkdir()
    link = tmp_path / "link"
    link.symlink_to(there)
    (tmp_path / "here").mkdir(exist_ok=True)
    for typed, kept in (
        (Path("../pictures"), there),
        (Path("../here/../link"), there),
        (link, link),
    ):
        (tmp_path / "here" / "tangerine.toml").unlink(missing_ok=True)
        write_record(load(gallery=typed), _EXPLAINED)
        assert load().gallery == kept, typed


def _demo(folder: Path) -> Path:
    """A demo gallery that is there already."""
    stamps = folder / "data" / "demo" / "stamps"
    stamps.mkdir(parents=True)
    (stamps / "a.png").write_bytes(picture_bytes("red"))
    (stamps / ".complete").touch()
    return stamps


async def _run(gallery: Path | None, terminal: Terminal) -> tuple[str, Path]:
    """What ``run --gallery`` or else ``run --demo`` shows: a collection and its folder."""
    chosen = GalleryChoice(None, gallery, terminal, demo=gallery is None)
    settings = await chosen.settings(load(gallery=gallery))
    await chosen.keep(settings)
    [collection] = settings.all_collections
    return collection.name, collection.folder


async def test_demo_own_gallery_and_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run shows what was asked for, the demo as a collection of its own; commands follow."""
    here, terminal = tmp_path / "here", Terminal(called=Called())
    stamps, mine = _demo(here), tmp_path / "mine"
    assert await _run(None, terminal) == ("demo", stamps.relative_to(here))
    assert [(c.name, c.folder) for c in load().all_collections] == [("demo", stamps)]
    assert await _run(mine, terminal) == ("default", mine)
    assert [(c.name, c.folder) for c in load().all_collections] == [("default", mine)]
    assert await _run(None, terminal) == ("demo", stamps)
    assert [c.name for c in load().all_collections] == ["demo"]
    assert f"make run GALLERY={mine}" in capsys.readouterr().err
    assert terminal.called.environment == {}


def test_a_run_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """A folder that is mistyped, or has no pictures, is not what the next commands ask about."""
    write_record(load(data_dir=tmp_path / "here" / "data", gallery=tmp_path / "mine"), _EXPLAINED)
    kept = Path("tangerine.toml").read_text()
    (tmp_path / "empty").mkdir()
    for gallery in ("empty", "nowhere"):
        done = CliRunner().invoke(
            app,
            ["run", "--gallery", str(tmp_path / gallery)],
            env={"TANGERINE_MODEL": "mini", "TANGERINE_WEB_PORT": "0"},
        )
        assert done.exit_code == 1
        assert str(tmp_path / gallery) in "".join(done.stderr.splitlines())
        assert Path("tangerine.toml").read_text() == kept


async def test_a_file_of_ones_own_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its gallery wins over the demo; where a run shows another one, messages say how."""
    here, terminal = tmp_path / "here", Terminal(called=Called(".venv/bin/tangerine"))
    _demo(here)
    own = _write(here / "tangerine.toml", 'gallery = "own"\n')
    assert await _run(None, terminal) == ("default", here / "own")
    assert "move it away to see the demo gallery" in " ".join(capsys.readouterr().err.split())
    assert await _run(tmp_path / "other", terminal) == ("default", tmp_path / "other")
    assert own.read_text() == 'gallery = "own"\n'
    assert f"TANGERINE_GALLERY={tmp_path / 'other'}" in capsys.readouterr().err
    terminal.note("Run: tangerine reindex --full")
    told = capsys.readouterr().err
    assert f"Run: TANGERINE_GALLERY={tmp_path / 'other'} .venv/bin/tangerine reindex" in told


async def test_whoever_uses_the_environment_gets_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services and scripts name their folders themselves, and nothing is left beside them."""
    monkeypatch.setenv("TANGERINE_DATA_DIR", str(tmp_path / "elsewhere" / "data"))
    await _run(tmp_path / "mine", Terminal(called=Called()))
    monkeypatch.delenv("TANGERINE_DATA_DIR")
    monkeypatch.setenv("TANGERINE_CONFIG", "")
    await _run(tmp_path / "mine", Terminal(called=Called()))
    assert not (tmp_path / "here" / "tangerine.toml").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_messages_name_the_command_that_works(tmp_path: Path) -> None:
    """With its path, its options, and what it would not find by itself; prose stays as it is."""
    called = Called(".venv/bin/tangerine", ("--config", "my file.toml"), {"TANGERINE_MODEL": "a b"})
    assert called.told("Run: tangerine reindex --full") == (
        "Run: TANGERINE_MODEL='a b' .venv/bin/tangerine --config 'my file.toml' reindex --full"
    )
    for prose in ("a tangerine is a fruit", ".venv/bin/tangerine find x", "Tangerine runs"):
        assert called.told(prose) == prose
    assert called.told_to_others("Run: tangerine tag") == "Run: .venv/bin/tangerine tag"
    home = Called("/home/me/tangerine/.venv/bin/tangerine")
    assert home.told_to_others("Run: tangerine tag") == "Run: tangerine tag"
    assert set(COMMANDS) == set(get_command(app).commands)  # type: ignore[attr-defined]
    settings = load(gallery=tmp_path / "g", model="mini")
    assert unsaid(settings, {"model": "mini", "gallery": str(tmp_path / "g")}) == {}
    assert as_called(Called(), settings, None).environment == {
        "TANGERINE_GALLERY": str(tmp_path / "g"), "TANGERINE_MODEL": "mini",
    }  # fmt: skip


def test_the_program_is_named_as_a_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name where that is on the path, else from the current folder, else in full."""
    script = _write(tmp_path / "here" / ".venv" / "bin" / "tangerine", "#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert program_called(str(script)) == ".venv/bin/tangerine"
    monkeypatch.chdir(tmp_path / "here" / ".venv")
    assert program_called(str(script)) == "bin/tangerine"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert program_called(str(script)) == str(script)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tangerine").symlink_to(script)
    assert program_called(str(script)) == "tangerine"


def test_a_relative_configuration_folder_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the XDG specification says: what it would mean depends on where one stands."""
    _write(tmp_path / "here" / "near" / "tangerine" / "tangerine.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", "near")
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    assert config_file() is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LocalHost", True),
        ("127.8.9.1", True),
        ("[::1]", True),
        ("localhost.example.org", False),
        ("::", False),
    ],
)
def test_a_loopback_address_is_known_in_any_form(host: str, *, loopback: bool) -> None:
    """Names are alike in any case; what only begins like one may lead anywhere."""
    assert is_loopback(host) == loopback
