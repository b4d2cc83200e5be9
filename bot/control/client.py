"""A command's side of :mod:`bot.control.protocol`: whether a running bot did its task.

Nothing here imports more than the standard library, and nothing takes the bot's word for a
setting: the bot gets what this command was told, and refuses where it was told otherwise.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from bot.control.protocol import BEAT_S, NAME, PROTOCOL, short
from config.files import UnreadableFileError, config_file, read_file

_DATA_DIR = "TANGERINE_DATA_DIR"
_PREFIX = "TANGERINE_"
_RICH = ("COLORTERM", "FORCE_COLOR", "NO_COLOR", "TERM", "TTY_COMPATIBLE")
"""Variables that say what a terminal can show."""

_TAKEN_WITHIN_S = 3.0
"""Seconds for a first word: a bot that is that busy, or stopping, is not waited for."""

_SILENT_S = 15 * BEAT_S
"""Seconds without a sign of life after which a bot is given up."""

_SIZE = (80, 25)


def done_by_running(
    config: Path | None,
    task: str,
    arguments: Mapping[str, Any],
    *,
    taken_within_s: float = _TAKEN_WITHIN_S,
    silent_s: float = _SILENT_S,
) -> int | None:
    """The exit code of a task that a running bot did; None where this command has to do it."""
    try:
        file = config_file(config)
        data_dir = _data_dir(file)
        connection = _connect(data_dir, taken_within_s)
    except (OSError, UnreadableFileError, tomllib.TOMLDecodeError):
        return None  # nobody answers, or what is wrong is told by who reads all settings
    with connection, connection.makefile("rb") as lines:
        asked = {
            "protocol": PROTOCOL,
            "task": task,
            "arguments": {name: _sent(value) for name, value in arguments.items()},
            "config": str(file.absolute()) if file else None,
            "environment": {k: v for k, v in os.environ.items() if k.upper().startswith(_PREFIX)},
            "folder": str(Path.cwd()),
            "terminal": _terminal(),
        }
        return _Answer(connection, lines, silent_s).code(json.dumps(asked).encode() + b"\n")


class _NotWrittenError(Exception):
    """A file cannot be written; the text is for the user."""


class _Answer:
    def __init__(self, connection: socket.socket, lines: IO[bytes], silent_s: float) -> None:
        self._connection = connection
        self._silent_s = silent_s
        self._lines = lines
        self._shown = False

    def code(self, request: bytes) -> int | None:
        try:
            self._connection.sendall(request)
            if not json.loads(self._lines.readline() or b"{}").get("taken"):
                return None
            self._connection.settimeout(self._silent_s)
            for frame in self._frames():
                if "code" in frame:
                    return int(frame["code"])
                if "file" in frame:
                    _write(Path(frame["file"]), base64.b64decode(frame["data"]))
                self._show(frame)
        except _NotWrittenError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except (OSError, ValueError):
            pass  # it ended, or does not answer any more
        if not self._shown:
            return None
        sys.stderr.write("error: The running bot ended before it had answered.\nTry it again.\n")
        return 1

    def _frames(self) -> Iterator[dict[str, Any]]:
        while line := self._lines.readline():
            yield json.loads(line)

    def _show(self, frame: Mapping[str, str]) -> None:
        if not frame:
            return
        self._shown = True
        for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
            if text := frame.get(name):
                stream.write(text)
                stream.flush()


def _data_dir(file: Path | None) -> Path:
    named = os.environ.get(_DATA_DIR) or (read_file(file).get("data_dir") if file else None)
    return Path(str(named or "data"))


def _connect(data_dir: Path, taken_within_s: float) -> socket.socket:
    with short(data_dir) as folder:
        path = folder / NAME
        status = path.lstat()
        if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid():
            raise FileNotFoundError(path)  # another user's socket cannot be trusted
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(taken_within_s)
            connection.connect(str(path))
        except OSError:
            connection.close()
            raise
    return connection


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _NotWrittenError(
            f"error: {path} cannot be written: {error.strerror}.\nName another file."
        ) from error


def _number(name: str, known: int) -> int:
    told = os.environ.get(name, "")
    return int(told) if told.isdecimal() else known


def _sent(value: object) -> object:
    """A file as it was typed, where it is, and what is there: the bot may see other ones."""
    if not isinstance(value, Path):
        return value
    sent: dict[str, object] = {"typed": str(value), "path": str(value.expanduser().absolute())}
    try:
        status = value.stat()
    except OSError:
        return sent  # a file that is to be written
    return {**sent, "same": [status.st_ino, status.st_size, status.st_mtime_ns]}


def _terminal() -> dict[str, object]:
    columns, lines = _SIZE
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        try:
            columns, lines = os.get_terminal_size(stream.fileno())  # type: ignore[union-attr]
            break
        except (AttributeError, ValueError, OSError):
            continue
    return {
        "out": sys.stdout.isatty(),
        "err": sys.stderr.isatty(),
        "columns": _number("COLUMNS", columns),
        "lines": _number("LINES", lines),
        "environment": {name: os.environ[name] for name in _RICH if name in os.environ},
    }
