"""A real Milvus on loopback ports, for the tests of one run: started once, stopped at the end."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from tests.servers.shared import shared_by_workers

_READY_S = 180.0
_STARTED: dict[int, subprocess.Popen[bytes]] = {}
_SET_UP = """
import sys
from milvus import MilvusServerConfig, _initialize_data_files
config = MilvusServerConfig(data_dir=sys.argv[1])
for part in "rootCoord proxy queryCoord queryNode indexNode dataCoord dataNode".split():
    config.set(part + ".ip", "127.0.0.1")
config.set("log.level", "error")
config.resolve()
_initialize_data_files(sys.argv[2])
print(config.get("proxy_port"))
"""


class MilvusProcess:
    """The server in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def running(self) -> bool:
        return (self.folder / "pid").exists()

    @property
    def url(self) -> str:
        return f"milvus://127.0.0.1:{(self.folder / 'port').read_text()}"

    def make(self) -> None:
        """Set an empty one up and start it."""
        # Its programs are packed in the wheel; unpacking them takes longer than the start.
        kept = Path(tempfile.gettempdir()) / "tangerine-milvus"
        kept.mkdir(exist_ok=True)
        with FileLock(f"{kept}.lock"):
            # In a process of its own: it leaves sockets open.
            made = subprocess.run(
                [sys.executable, "-c", _SET_UP, str(self.folder), str(kept)],
                check=True,
                capture_output=True,
                text=True,
            )
        (self.folder / "port").write_text(made.stdout.strip())
        (self.folder / "bin").symlink_to(kept / "bin")
        health, *of_etcd = _free_ports(3)
        (self.folder / "health").write_text(str(health))
        # The one inside would take its usual ports, whatever else is there.
        client, peer = (f"http://127.0.0.1:{port}" for port in of_etcd)
        (self.folder / "etcd.yaml").write_text(
            f"name: default\nlisten-client-urls: {client}\nadvertise-client-urls: {client}\n"
            f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
            f"initial-cluster: default={peer}\nlog-level: error\n"
        )
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        programs = self.folder / "bin"
        ports = {"METRICS_PORT": (self.folder / "health").read_text()}
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(
                [str(programs / "milvus"), "run", "standalone"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={
                    **os.environ,
                    "DEPLOY_MODE": "STANDALONE",
                    "LD_LIBRARY_PATH": str(programs),
                    "ETCD_CONFIG_PATH": str(self.folder / "etcd.yaml"),
                    **ports,
                },
                start_new_session=True,
            )
        _STARTED[server.pid] = server
        (self.folder / "pid").write_text(str(server.pid))
        end = time.monotonic() + _READY_S
        while time.monotonic() < end and server.poll() is None:
            try:
                answer = httpx.get(f"http://127.0.0.1:{ports['METRICS_PORT']}/healthz", timeout=5)
                if answer.status_code == httpx.codes.OK and "OK" in answer.text:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)  # it tells nobody when it is ready
        pytest.fail((self.folder / "log").read_text(errors="replace")[-3000:])

    def stop(self) -> None:
        """End it at once, as a loss of power would."""
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        (self.folder / "pid").unlink()
        if pid in _STARTED:
            _STARTED.pop(pid).wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return found


def _missing() -> bool:
    return any(importlib.util.find_spec(each) is None for each in ("pymilvus", "milvus"))


@pytest.fixture(scope="session")
def milvus() -> Iterator[MilvusProcess]:
    """The server of this run, which all workers share; the last one to leave stops it."""
    if _missing():
        pytest.skip("pymilvus (extra milvus) or milvus, a wheel for Linux, is missing")
    with shared_by_workers("milvus", MilvusProcess, MilvusProcess.make) as server:
        yield server


@pytest.fixture
def own_milvus(tmp_path: Path) -> Iterator[MilvusProcess]:
    """A server of this test alone, which it may stop."""
    if _missing():
        pytest.skip("pymilvus (extra milvus) or milvus, a wheel for Linux, is missing")
    folder = tmp_path / "milvus"
    folder.mkdir()
    server = MilvusProcess(folder)
    server.make()
    yield server
    if server.running:
        server.stop()
