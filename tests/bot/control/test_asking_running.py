"""A command and the socket of a running bot: who is asked, and what ends the waiting."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.control.client import done_by_running
from bot.control.protocol import NAME, short
from bot.control.server import answering_commands
from bot.observability.metrics import Metrics
from config.settings import Settings, load


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of commands that are run here."""
    for name in [name for name in os.environ if name.startswith("TANGERINE_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("TANGERINE_DATA_DIR", str(folder))
    monkeypatch.setenv("TANGERINE_CONFIG", "")
    return folder


@contextmanager
def answered(data: Path, answer: Callable[[socket.socket], object]) -> Iterator[list[object]]:
    """A bot that reads a request and answers so; what it was asked."""
    asked: list[object] = []
    with short(data) as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / NAME))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(json.loads(connection.makefile("rb").readline()))
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        thread.join()


def _says(*frames: dict[str, object]) -> Callable[[socket.socket], object]:
    lines = b"".join(json.dumps(frame).encode() + b"\n" for frame in frames)
    return lambda connection: connection.sendall(lines)


def test_without_a_bot_a_command_works_alone(data: Path) -> None:
    """No socket, one that a killed bot left, and a file in its place: nobody is asked."""
    assert done_by_running(None, "find", {}) is None
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(data / NAME))
    assert stat.S_ISSOCK((data / NAME).stat().st_mode)
    assert done_by_running(None, "find", {}) is None
    (data / NAME).unlink()
    (data / NAME).write_text("a file")
    assert done_by_running(None, "find", {}) is None


def test_what_the_bot_shows_is_shown(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output, standard error and the exit code are those of the bot's answer."""
    with answered(data, _says({"taken": True}, {"out": "a\n"}, {}, {"err": "b\n"}, {"code": 1})):
        assert done_by_running(None, "find", {"text": "x"}) == 1
    assert capsys.readouterr() == ("a\n", "b\n")


def test_a_bot_that_refuses_or_says_nothing_is_not_waited_for(data: Path) -> None:
    """The command does its task itself: refused, no word in time, an end, no JSON."""
    done = threading.Event()
    for answer in (
        _says({"taken": False}),
        lambda _: done.wait(10),
        _says({"taken": True}),
        lambda connection: connection.sendall(b"HTTP/1.1 400\n"),
    ):
        with answered(data, answer):
            assert done_by_running(None, "find", {}, taken_within_s=0.2, silent_s=0.2) is None
            done.set()
        (data / NAME).unlink()


def test_a_bot_that_ends_in_the_middle_is_told(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was shown cannot be taken back: the command says so, and exits with 1."""
    with answered(data, _says({"taken": True}, {"out": "half of it\n"})):
        assert done_by_running(None, "reindex", {}) == 1
    assert "ended before it had answered" in capsys.readouterr().err


def test_a_file_is_written_where_the_command_runs(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And where it cannot be, the command says which and why."""
    good, bad = tmp_path / "a.png", tmp_path / "none" / "a.png"
    with answered(data, _says({"taken": True}, {"file": str(good), "data": "YWJj"}, {"code": 0})):
        assert done_by_running(None, "map", {"out": good}) == 0
    assert good.read_bytes() == b"abc"
    (data / NAME).unlink()
    with answered(data, _says({"taken": True}, {"file": str(bad), "data": "YWJj"}, {"code": 0})):
        assert done_by_running(None, "map", {"out": bad}) == 1
    assert f"{bad} cannot be written" in capsys.readouterr().err


@dataclass
class Bot:
    """As much of an engine as is asked before a task begins."""

    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_the_socket_is_its_owners_alone(data: Path) -> None:
    """Mode 0600, in the place of one that was left, and gone when the bot stops."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(data / NAME))
    async with answering_commands(Bot(load())):  # type: ignore[arg-type]
        status = (data / NAME).stat()
        assert stat.S_ISSOCK(status.st_mode)
        assert stat.S_IMODE(status.st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(data / NAME))
        assert _names(data) == [NAME]
    assert _names(data) == []


async def test_a_long_path_has_a_socket_too(tmp_path: Path) -> None:
    """Names of sockets are short (sun_path); those of folders need not be."""
    data = tmp_path / ("x" * 100) / ("y" * 100)
    data.mkdir(parents=True)
    async with answering_commands(Bot(load(data_dir=data))):  # type: ignore[arg-type]
        with short(data) as folder, socket.socket(socket.AF_UNIX) as client:
            assert len(str(folder)) < 100
            client.connect(str(folder / NAME))
