"""Servers that all workers of a run share: the first one starts it, the last one stops it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
import pytest
from filelock import FileLock

_STARTED: dict[int, subprocess.Popen[bytes]] = {}
"""By whoever started them, until the end: another worker may stop the one that all share."""


class SharedServer(Protocol):
    """A server with a folder of its own."""

    @property
    def running(self) -> bool:
        """Whether any worker has started it."""

    def stop(self) -> None:
        """End it."""


class ServerProcess:
    """A server that is one process, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def running(self) -> bool:
        return (self.folder / "pid").exists()

    @property
    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def begin(
        self,
        command: Sequence[str],
        ready: Callable[[], bool],
        within_s: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it and wait until it is ready, which it tells nobody."""
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        _STARTED[server.pid] = server
        (self.folder / "pid").write_text(str(server.pid))
        end = time.monotonic() + within_s
        while time.monotonic() < end and server.poll() is None:
            try:
                if ready():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        pytest.fail((self.folder / "log").read_text(errors="replace")[-3000:])

    def stop(self) -> None:
        """End it at once, as a loss of power would."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        (self.folder / "pid").unlink()
        if pid in _STARTED:
            _STARTED.pop(pid).wait()


def free_ports(count: int) -> list[int]:
    """So many ports on loopback that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


_Server = TypeVar("_Server", bound=SharedServer)
_Process = TypeVar("_Process", bound=ServerProcess)


@contextmanager
def own_server(server: _Process, start: Callable[[_Process], object]) -> Iterator[_Process]:
    """A server of one test alone, which it may stop."""
    server.folder.mkdir()
    start(server)
    yield server
    if server.running:
        server.stop()


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
