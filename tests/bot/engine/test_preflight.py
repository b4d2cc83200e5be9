"""What is wrong from the start: one line each, at once, without the model."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot.engine.instance import is_running, only_one
from bot.engine.preflight import check_model, check_question, check_start
from config.settings import Settings, load
from core.domain.errors import ModelUnavailable, NotFound, SettingsError, SourceError
from tests.fakes import picture_bytes
from tests.servers.model_hub import running_hub

_ROOT = Path(__file__).parents[3]

# One process for all of them, since each costs seconds of imports: what was said, and whether
# torch came into it.
_SCRIPT = """
import json, sys
from typer.testing import CliRunner
from bot.cli.main import app
for arguments, environment in json.load(sys.stdin):
    done = CliRunner().invoke(app, arguments, env=environment)
    print(json.dumps([done.exit_code, done.stderr, "torch" in sys.modules]))
"""


@pytest.fixture
def gallery(tmp_path: Path, empty_environment: None) -> Path:
    """A folder with a picture."""
    del empty_environment
    folder = tmp_path / "gallery"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture_bytes("red"))
    return folder


def _settings(tmp_path: Path, gallery: Path, **values: object) -> Settings:
    return load(gallery=gallery, data_dir=tmp_path / "data", **{"model": "mini", **values})


@pytest.mark.process
def test_the_program_says_it_without_loading_anything(tmp_path: Path, gallery: Path) -> None:
    """Each with exit code 1 and one line of cause and remedy; a usage error with 2."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-model").mkdir()
    usual = {
        "TANGERINE_CONFIG": "",
        "TANGERINE_MODEL": "mini",
        "TANGERINE_DATA_DIR": str(tmp_path / "data"),
        "TANGERINE_GALLERY": str(gallery),
        "TANGERINE_WEB_PORT": "0",
    }
    with socket.socket() as taken, only_one(tmp_path / "busy") as other:
        other.tell("http://127.0.0.1:1234")
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        nowhere = {"TANGERINE_GALLERY": str(tmp_path / "nowhere")}
        no_model = {"TANGERINE_MODEL": str(tmp_path / "no-model")}
        cases: list[tuple[list[str], dict[str, str], int, str]] = [
            (["run"], nowhere, 1, f"There is no folder {tmp_path / 'nowhere'}"),
            (["run"], {"TANGERINE_GALLERY": str(tmp_path / "empty")}, 1, "holds no pictures"),
            (["run"], {"TANGERINE_GALLERY": str(gallery / "a.png")}, 1, "is a file"),
            (["run"], {"TANGERINE_GALLERY": ""}, 1, "There is no collection"),
            (["run"], {"TANGERINE_WEB_PORT": str(port)}, 1, f"The port {port} of 127.0.0.1 is in"),
            (["run"], {"TANGERINE_DATA_DIR": str(tmp_path / "busy")}, 1, "http://127.0.0.1:1234"),
            (["run"], no_model, 1, "has no config.json"),
            (["find", "red"], nowhere, 1, f"is not there: {tmp_path / 'nowhere'}"),
            (["find", "red"], no_model, 1, "has no config.json"),
            (["find", "red", "--collection", "x"], {}, 1, "There is no collection “x”"),
            (["reindex"], {"TANGERINE_GALLERY": ""}, 1, "There is no collection"),
            (["verify", "--repair"], {"TANGERINE_GALLERY": ""}, 1, "There is no collection"),
            (["reindex", "--collection", "x"], {}, 1, "There is no collection “x”"),
            (["find", "  "], {}, 2, 'find "orange'),
        ]
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            input=json.dumps([(asked, {**usual, **said}) for asked, said, _, _ in cases]),
            capture_output=True,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "COLUMNS": "300"},
            timeout=100,
            check=True,
        )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(cases)
    for (asked, said, code, words), (ended, told, loaded) in zip(cases, answers, strict=True):
        assert ended == code, (asked, said, told)
        assert words in " ".join(told.split()), (asked, said, told)
        assert "Traceback" not in told
        assert not loaded, (asked, said)


def test_one_folder_of_several_may_be_missing(tmp_path: Path, gallery: Path) -> None:
    """The others are served; where none has a picture, nothing is."""
    other = {"name": "shop", "folder": tmp_path / "shop"}
    [trouble] = check_start(_settings(tmp_path, gallery, collections=[other]))
    assert str(tmp_path / "shop") in trouble.message
    (gallery / "a.png").unlink()
    with pytest.raises(SourceError, match="holds no pictures"):
        check_start(_settings(tmp_path, gallery, collections=[other]))


def test_what_people_added_is_a_gallery_too(tmp_path: Path, gallery: Path) -> None:
    """A collection of uploads alone needs no picture in its folder."""
    (gallery / "a.png").unlink()
    uploads = tmp_path / "data" / "uploads" / "default"
    uploads.mkdir(parents=True)
    (uploads / "abcdefgh.jpg").touch()
    assert check_start(_settings(tmp_path, gallery)) == []
    gallery.rmdir()
    check_question(_settings(tmp_path, gallery), None)
    with pytest.raises(NotFound):
        check_question(_settings(tmp_path, gallery), "other")


def test_pictures_far_below_count(tmp_path: Path, gallery: Path) -> None:
    """A gallery of folders alone is not empty; what is hidden is no picture."""
    (gallery / "a.png").rename(gallery / ".hidden.png")
    with pytest.raises(SourceError):
        check_start(_settings(tmp_path, gallery))
    below = gallery / "2020" / "may"
    below.mkdir(parents=True)
    (gallery / ".hidden.png").rename(below / "a.png")
    assert check_start(_settings(tmp_path, gallery)) == []


def test_the_hub_is_asked_for_a_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that it has is fine, one that it has not is refused; no answer is no refusal."""
    # The library reads its environment when it is imported, and takes no other address.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with running_hub({"owner/there": tmp_path}) as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        assert check_model("owner/there")
        with pytest.raises(ModelUnavailable, match="There is no model owner/missing"):
            check_model("owner/missing")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert not check_model("owner/there")
    assert check_model("mini")


def test_one_program_runs_on_a_data_folder(tmp_path: Path) -> None:
    """A second one is refused with the first one's address, until that has ended."""
    with only_one(tmp_path / "data") as first:
        first.tell("http://127.0.0.1:8080")
        assert is_running(tmp_path / "data")
        with pytest.raises(SettingsError, match=rf"{os.getpid()}, http://127.0.0.1:8080"):
            only_one(tmp_path / "data").__enter__()
    assert not is_running(tmp_path / "data")
    with only_one(tmp_path / "data"):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="cannot be made"):
        only_one(tmp_path / "file" / "data").__enter__()
