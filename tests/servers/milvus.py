"""A real Milvus on loopback ports, for the tests of one run: started once, stopped at the end."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from tests.servers.shared import ServerProcess, free_ports, own_server, shared_by_workers

_READY_S = 180.0
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


class MilvusProcess(ServerProcess):
    """The server in ``folder``."""

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
        health, *of_etcd = free_ports(3)
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
        port = (self.folder / "health").read_text()

        def ready() -> bool:
            answer = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5)
            return answer.status_code == httpx.codes.OK and "OK" in answer.text

        environment = {
            **os.environ,
            "DEPLOY_MODE": "STANDALONE",
            "LD_LIBRARY_PATH": str(programs),
            "ETCD_CONFIG_PATH": str(self.folder / "etcd.yaml"),
            "METRICS_PORT": port,
        }
        command = [str(programs / "milvus"), "run", "standalone"]
        self.begin(command, ready, _READY_S, environment)


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
    with own_server(MilvusProcess(tmp_path / "milvus"), MilvusProcess.make) as server:
        yield server
