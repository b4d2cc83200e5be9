"""Servers that all workers of a run share: the first one starts it, the last one stops it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from filelock import FileLock


class SharedServer(Protocol):
    """A server with a folder of its own."""

    @property
    def running(self) -> bool:
        """Whether any worker has started it."""

    def stop(self) -> None:
        """End it."""


_Server = TypeVar("_Server", bound=SharedServer)


@contextmanager
def shared_by_workers(
    name: str, at: Callable[[Path], _Server], start: Callable[[_Server], object]
) -> Iterator[_Server]:
    """The server of this run, in a folder with this name."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"pid{os.getpid()}")
    # Below the system's folder: pytest's own is closed to the user that a server may run as.
    folder = Path(tempfile.gettempdir()) / f"tangerine-{name}-{run}"
    server, users = at(folder), folder / "users"
    with FileLock(f"{folder}.lock"):
        if not server.running:
            folder.mkdir()
            start(server)
            users.write_text("0")
        users.write_text(str(int(users.read_text()) + 1))
    yield server
    with FileLock(f"{folder}.lock"):
        left = int(users.read_text()) - 1
        users.write_text(str(left))
        if not left:
            server.stop()
            shutil.rmtree(folder)
            Path(f"{folder}.lock").unlink()
