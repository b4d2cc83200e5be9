"""Readiness: what dies is told with its reason, and no more once it is well again."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app.lifecycle import ServiceManager
from bot.observability.health import DiskWatch, disk_trouble, serving_troubles
from core.domain.errors import EncodingFailed
from core.encoder.batch_records import BatcherHealth
from core.encoder.batcher import MicroBatcher
from tests.small_disk import needs_mounts

_WELL = BatcherHealth(alive=True, restarts=0, restarted_ago=None, running_for=None, queued=0)
_LOOK = """
import sys
from pathlib import Path
from bot.observability.health import disk_trouble
print(disk_trouble(Path(sys.argv[1])))
"""


async def test_a_dead_worker_of_the_batcher_is_told_for_a_minute() -> None:
    """It is replaced at once, so the reason stays long enough for a probe, and then goes."""

    def double(items: list[int]) -> Sequence[int]:
        return [2 * item for item in items]

    async with MicroBatcher(double) as batcher:
        assert serving_troubles(batcher.health, decoding=True) == []
        assert batcher._worker is not None
        batcher._worker.cancel()
        try:
            assert await batcher.submit(1) == 2
        except EncodingFailed:
            assert await batcher.submit(1) == 2
        [reason] = serving_troubles(batcher.health, decoding=True)
        assert "queue died" in reason
        later = replace(batcher.health, restarted_ago=60.0)
        assert serving_troubles(later, decoding=True) == []
    assert "not running" in serving_troubles(batcher.health, decoding=True)[0]


@pytest.mark.parametrize(
    ("health", "decoding", "words"),
    [
        (replace(_WELL, alive=False), True, ["not running"]),
        (replace(_WELL, running_for=61.0), True, ["busy for 61 s"]),
        (replace(_WELL, running_for=59.0), True, []),
        (_WELL, False, ["decodes pictures"]),
        (replace(_WELL, alive=False), False, ["not running", "decodes pictures"]),
    ],
)
def test_each_trouble_has_its_reason(
    health: BatcherHealth, words: list[str], *, decoding: bool
) -> None:
    """All of them at once where there are several."""
    reasons = serving_troubles(health, decoding=decoding)
    assert len(reasons) == len(words)
    assert all(word in reason for word, reason in zip(words, reasons, strict=True))


async def test_a_data_folder_that_goes_and_comes_back(tmp_path: Path) -> None:
    """It is told while it lasts, not where it is, and the watch never makes it anew."""
    folder = tmp_path / "data"
    folder.mkdir()
    watch = DiskWatch(folder, every_s=0.01)
    watching = asyncio.create_task(watch.watch())

    async def until(troubled: bool) -> None:
        async with asyncio.timeout(10):
            while bool(watch.troubles()) is not troubled:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.005)

    assert watch.troubles() == []
    folder.rename(tmp_path / "elsewhere")
    await until(troubled=True)
    assert "the data folder is out of reach" in watch.troubles()[0]
    assert str(tmp_path) not in watch.troubles()[0]
    assert not folder.exists()
    (tmp_path / "elsewhere").rename(folder)
    await until(troubled=False)
    watching.cancel()


@needs_mounts
@pytest.mark.parametrize(
    ("options", "fill", "words"),
    [
        ("size=64m", 0, "None"),
        ("size=64m", 60, "is full: 4 MiB free"),
        ("size=64m,ro", 0, "mounted read-only"),
    ],
)
@pytest.mark.process
def test_a_full_and_a_read_only_disk(tmp_path: Path, options: str, fill: int, words: str) -> None:
    """Real file systems, mounted where nobody else sees them."""
    command = f"""
        mount -t tmpfs -o {options} tmpfs {tmp_path} &&
        {{ test {fill} = 0 || head -c {fill}M /dev/zero > {tmp_path}/fill; }} &&
        {sys.executable} -c {shlex.quote(_LOOK)} {tmp_path}
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert words in done.stdout, done


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """Permissions are told as such."""
    tmp_path.chmod(0o500)
    assert "may not be written" in (disk_trouble(tmp_path) or "")


# The service manager


@pytest.fixture
def manager_socket(tmp_path: Path) -> socket.socket:
    """What systemd listens on."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    listening.settimeout(10)
    return listening


async def test_the_service_manager_is_told(manager_socket: socket.socket) -> None:
    """Ready, alive with the reasons of /readyz, stopping: in the words of sd_notify(3)."""
    reasons: list[str] = []
    with manager_socket:
        manager = ServiceManager.of(
            {"NOTIFY_SOCKET": manager_socket.getsockname(), "WATCHDOG_USEC": "20000"}, pid=1
        )
        manager.ready()
        assert manager_socket.recv(999) == b"READY=1"
        alive = asyncio.create_task(manager.keep_alive(lambda: reasons))

        async def told() -> str:
            return (await asyncio.to_thread(manager_socket.recv, 999)).decode()

        assert await told() == "WATCHDOG=1\nSTATUS=Answering."
        reasons += ["Discord is not connected", "a\nb"]
        async with asyncio.timeout(10):
            while (status := await told()).endswith("Answering."):
                pass
        assert status == "WATCHDOG=1\nSTATUS=Not ready: Discord is not connected; a b"
        alive.cancel()
        manager.stopping()
        async with asyncio.timeout(10):
            while (status := await told()).startswith("WATCHDOG"):
                pass
        assert status == "STOPPING=1\nSTATUS=Stopping."


def test_an_abstract_socket_is_understood() -> None:
    """A name that begins with @ stands for one that begins with a zero byte."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0tangerine-test-{os.getpid()}")
        listening.settimeout(10)
        ServiceManager(f"@tangerine-test-{os.getpid()}").ready()
        assert listening.recv(99) == b"READY=1"


async def test_without_a_service_manager_nothing_happens(tmp_path: Path) -> None:
    """Nor where its socket is gone: that stops no bot."""
    for manager in (ServiceManager.of({}, pid=1), ServiceManager(str(tmp_path / "gone"))):
        manager.ready()
        manager.stopping()
    await ServiceManager.of({}, pid=1).keep_alive(list)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "4000000"}, 2.0),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "7"}, 2.0),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "8"}, 10.0),
        ({"WATCHDOG_USEC": "0"}, 10.0),
        ({"WATCHDOG_USEC": "soon"}, 10.0),
        ({}, 10.0),
    ],
)
def test_the_watchdog_is_told_twice_in_its_time(
    environment: dict[str, str], seconds: float
) -> None:
    """Where it is meant for this process; otherwise only the status is kept up to date."""
    assert ServiceManager.of(environment, pid=7)._every_s == seconds
