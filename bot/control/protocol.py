"""How a command and the running bot of the same data folder talk, with the standard library only.

One connection for each command, over a Unix socket in the data folder that its owner alone may
use. The command sends one JSON object in a line, the bot answers in such lines:

- ``{"taken": true}``: it does the task; ``{"taken": false}``: the command has to do it itself;
- ``{"out": "…"}`` and ``{"err": "…"}``: for the command's standard output and error;
- ``{"file": "…", "data": "…"}``: a file to write, in base64;
- ``{}``: it is still at it, once a second;
- ``{"code": 0}``: the exit code, last.

Closing the connection ends the task.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = ".commands"
"""The socket's name in the data folder."""

PROTOCOL = 1
"""Counts up when requests or answers change; a bot of another one takes no task."""

LONGEST_LINE = 64 * 2**20
"""Bytes of one line: a table of the tags of a million pictures has as many."""

BEAT_S = 1.0
"""Seconds between two signs of life."""

_LONGEST_PATH = 100
"""Bytes: macOS allows 103 (``sun_path``), Linux 107."""


@contextmanager
def short(folder: Path) -> Iterator[Path]:
    """A path to this folder that is short enough for the name of a socket in it."""
    folder = folder.absolute()
    if len(os.fsencode(folder)) + len(NAME) < _LONGEST_PATH:
        yield folder
        return
    import tempfile  # noqa: PLC0415 - a fifth of what a whole command takes, and rarely needed

    with tempfile.TemporaryDirectory(prefix="tangerine-") as scratch:
        link = Path(scratch) / "d"
        link.symlink_to(folder)
        yield link
