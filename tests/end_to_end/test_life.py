"""``tangerine run`` over its life: started, cut off, killed, asked to stop once and twice.

The platforms are on the loopback, the model is the real one, and readiness is read where
probes read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import pytest_asyncio

from tests.program import Program
from tests.running import ENDED_S, Running, running
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import Server
from tests.servers.telegram import Fault, TelegramServer
from tests.small_disk import LimitedFiles, SmallDisk, small_disk

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]

# What the issue allows until /readyz shows a change; ours take a few seconds.
_TOLD_S = 60.0
# The embedded model takes 57 MiB, twice while it is assembled.
_DISK = 192 << 20
_LEFT = 8 << 20


@dataclass
class Life:
    """A running program with both platforms, and all that it told its service manager."""

    running: Running
    discord: Discord
    telegram: TelegramServer
    told: list[str]
    unready: list[str]
    settings: Path
    disk: SmallDisk

    @property
    def data(self) -> Path:
        """The data folder of the program."""
        return Path(self.running.program.environment["TANGERINE_DATA_DIR"])

    async def until_unready(self, words: str) -> None:
        """Wait until /readyz answers 503 with these words in its reason."""
        async with asyncio.timeout(_TOLD_S):
            while True:
                status, answer = await self.running.get("/readyz")
                if status == 503 and words in answer["error"]["message"]:
                    return
                await asyncio.sleep(0.01)

    async def until_ready(self) -> None:
        """Wait until /readyz answers 200, and so does a question."""
        await _reasons(self.running)
        assert (await self.running.get("/api/find", q="orange fruits"))[0] == 200


async def _listen(manager: socket.socket, told: list[str]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        told.append((await loop.sock_recv(manager, 9999)).decode())


async def _reasons(started: Running) -> list[str]:
    """Every reason that /readyz gives from the first answer until it is ready."""
    await started.wait_for(lambda: bool(started.url))
    reasons: list[str] = []
    async with asyncio.timeout(_TOLD_S):
        while True:
            status, answer = await started.get("/readyz")
            if status == 200:
                return reasons
            reasons.append(answer["error"]["message"])
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def life(
    new_program: Callable[[], Program], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Life]:
    """A first start over a gallery that was never indexed, as systemd would make it."""
    telegram = TelegramServer()
    telegram.world.user(11)
    address = tmp_path_factory.mktemp("notify") / "socket"
    told: list[str] = []
    settings = tmp_path_factory.mktemp("settings") / "tangerine.toml"
    settings.write_text("[search]\nmax_query = 200\n", encoding="utf-8")
    with (
        small_disk(tmp_path_factory.mktemp("disk"), _DISK) as disk,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(str(address))
        manager.setblocking(False)
        listening = asyncio.create_task(_listen(manager, told))
        program = new_program()
        data = {"TANGERINE_DATA_DIR": str(disk.folder / "data")}
        async with (
            discord_with(Server(5, owner=1)) as discord,
            telegram.running(),
            running(
                replace(program, environment=program.environment | data),
                **discord.environment,
                **telegram.environment,
                NOTIFY_SOCKET=str(address),
                WATCHDOG_USEC="2000000",
                TANGERINE_CONFIG=str(settings),
            ) as started,
        ):
            unready = await _reasons(started)
            yield Life(started, discord, telegram, told, unready, settings, disk)
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


async def test_it_says_why_it_is_not_ready_yet(life: Life) -> None:
    """While the first index is built, /readyz and the service manager tell so."""
    assert any("indexed for the first time" in reason for reason in life.unready)
    assert "Not ready: the model is being loaded" in life.told[0]
    assert life.told.count("READY=1") == 1
    assert any("Not ready:" in told and "first time" in told for told in life.told)
    assert (await life.running.get("/healthz"))[0] == 200


async def test_settings_are_read_anew(life: Life) -> None:
    """At SIGHUP what can change does, wrong ones change nothing, and the rest is named."""
    question = "orange fruits " * 5
    assert (await life.running.get("/api/find", q=question))[0] == 200
    program = life.running.process
    life.settings.write_text("[search]\nmax_query = 60\n[encoder]\nmax_batch = 16\n")
    program.send_signal(signal.SIGHUP)
    await life.running.wait_until_said(
        "Settings read anew; changed: search.max_query; at the next start: encoder.max_batch."
    )
    status, answer = await life.running.get("/api/find", q=question)
    assert (status, answer["error"]["code"]) == (400, "query_too_long")
    life.settings.write_text("[search]\nmax_query = -1\n")
    program.send_signal(signal.SIGHUP)
    await life.running.wait_until_said("search.max_query = -1", "stay as they were")
    assert (await life.running.get("/api/find", q=question))[0] == 400
    assert (await life.running.get("/api/find", q="orange fruits"))[0] == 200
    life.settings.write_text("")
    program.send_signal(signal.SIGHUP)
    await life.running.wait_until_said("changed: search.max_query.")
    assert (await life.running.get("/api/find", q=question))[0] == 200


async def test_the_watchdog_is_told_in_time(life: Life) -> None:
    """Within two seconds, again and again, with the state in words."""
    clock = asyncio.get_running_loop().time
    before, times = len(life.told), list[float]()
    async with asyncio.timeout(_TOLD_S):
        # A loaded machine may hold one up, but not each of them.
        while not any(later - earlier < 2.0 for earlier, later in pairwise(times)):
            told = sum("WATCHDOG=1" in each for each in life.told[before:])
            times += [clock()] * (told - len(times))
            await asyncio.sleep(0.05)
    assert life.told[-1] == "WATCHDOG=1\nSTATUS=Answering."


async def test_a_cut_gateway_is_told(life: Life) -> None:
    """Discord's connection is cut and comes back by itself."""
    life.discord.gateway.accepts = False
    life.discord.gateway.cut()
    await life.until_unready("Discord")
    life.discord.gateway.accepts = True
    await life.until_ready()


async def test_an_event_that_discords_library_cannot_read_is_told(life: Life) -> None:
    """It costs the connection, not the platform: told with an id, and connected anew."""
    await life.discord.gateway.dispatch("GUILD_CREATE", {"name": "no id"})
    await life.until_unready("Discord ended unexpectedly (error ")
    await life.until_ready()


async def test_a_failing_poll_is_told(life: Life) -> None:
    """Telegram answers no poll any more, and then does again."""
    life.telegram.fail("getUpdates", *[Fault(502)] * 3)
    # What arrives ends the long poll under way.
    await life.telegram.say(11, 11, "/help")
    await life.until_unready("telegram")
    await life.until_ready()


async def test_a_data_folder_out_of_reach_is_told(life: Life) -> None:
    """A disk that is unmounted while the program runs, and mounted again."""
    data = life.data
    data.rename(data.with_name("elsewhere"))
    await life.until_unready("data folder is out of reach")
    data.with_name("elsewhere").rename(data)
    await life.until_ready()


async def test_a_full_disk_is_told(life: Life) -> None:
    """Nothing more can be kept; questions are answered all the same."""
    if isinstance(life.disk, LimitedFiles):
        pytest.skip("this system lets nobody mount a small disk of his own")
    with life.disk.with_room(_LEFT):
        await life.until_unready("is full: 8 MiB free")
        assert (await life.running.get("/api/find", q="orange fruits"))[0] == 200
    await life.until_ready()


async def test_dead_decoders_are_told_and_replaced(life: Life) -> None:
    """All workers are killed at once: told, replaced, and pictures are decoded again."""
    telling = asyncio.create_task(life.until_unready("decodes pictures"))
    killed = 0
    while not telling.done():
        # Again and again: a worker that died is replaced within a second.
        for worker in life.running.processes()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                if "resource_tracker" not in " ".join(worker.cmdline()):
                    worker.kill()
                    killed += 1
        await asyncio.sleep(0.05)
    await telling
    assert killed
    await life.until_ready()
    picture = min(life.running.program.gallery.glob("*.png")).read_bytes()
    statuses = [(await life.running.post("/api/similar", picture))[0]]
    async with asyncio.timeout(_TOLD_S):
        while statuses[-1] != 200:
            statuses.append((await life.running.post("/api/similar", picture))[0])


async def test_a_killed_program_starts_again_where_it_was(life: Life) -> None:
    """SIGKILL under load and while it reindexes: nothing is lost, and all agrees after it."""
    program = life.running.program
    before = await _found(life.running)
    assert len(before) == 5
    callers = [
        asyncio.create_task(life.running.get("/api/find", q=f"question {n}", k=1))
        for n in range(64)
    ]
    await asyncio.wait(callers, return_when=asyncio.FIRST_COMPLETED)
    life.running.process.send_signal(signal.SIGKILL)
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert await life.running.process.wait() == -signal.SIGKILL
    assert all(isinstance(o, (tuple, aiohttp.ClientError)) for o in outcomes)
    async with running(program) as again:
        await again.wait_for(lambda: again.said("Ready:"))
        assert await again.get("/readyz") == (200, {"ready": True})
        assert await _found(again) == before
        again.process.terminate()
        async with asyncio.timeout(ENDED_S):
            assert await again.process.wait() == 0
    assert (await asyncio.to_thread(program, "verify")).code == 0


async def _found(started: Running) -> list[tuple[str, float]]:
    """What a question finds; how a picture looks may not be known yet."""
    answer = (await started.get("/api/find", q="orange fruits", k=5))[1]
    return [(hit["path"], hit["match"]) for hit in answer["hits"]]


async def _half_a_question(started: Running) -> Any:
    """A request whose body never ends: what stops politely waits for it."""
    host, port = started.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/similar HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    await writer.drain()
    return writer


async def test_a_second_sigterm_ends_it_at_once(indexed: Program) -> None:
    """It does not wait for what is under way, and the exit code tells so."""
    address = indexed.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.setblocking(False)
        async with running(indexed, NOTIFY_SOCKET=str(address)) as started:
            await started.wait_for(lambda: started.said("Ready:"))
            writer = await _half_a_question(started)
            await started.get("/healthz")
            process = started.process
            while process.returncode is None:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await process.wait()
            # Once it has waited for the request, it ends with 0.
            assert process.returncode == 1
            writer.close()
            told: list[str] = []
            with contextlib.suppress(BlockingIOError):
                while True:
                    told.append(manager.recv(9999).decode())
    assert any(line.startswith("STOPPING=1") for line in told)


async def test_a_missing_model_is_told_and_waited_for(indexed: Program, tmp_path: Path) -> None:
    """Alive and not ready, with the remedy; ready once the model is there; stopped any time."""
    missing = tmp_path / "model"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "TANGERINE_MODEL": str(missing),
        # No export, which a folder that only this test has is not worth.
        "TANGERINE_ENCODER__BACKEND": "torch",
        "TANGERINE_WEB_PORT": str(port),
        # Its own, since the model's name is kept there.
        "TANGERINE_DATA_DIR": str(tmp_path / "data"),
    }
    async with running(indexed, **settings) as started:
        await started.wait_until_said("tried again")
        started.url = f"http://127.0.0.1:{port}"
        for path, expected in {"/healthz": 200, "/readyz": 503, "/api/find": 503}.items():
            status, answer = await started.get(path)
            assert status == expected
            if status == 503:
                assert "model could not be loaded" in answer["error"]["message"]
                assert str(missing) not in answer["error"]["message"]
        shutil.copytree(next((indexed.folder / "data" / "models").glob("mini*")), tmp_path / "half")
        (tmp_path / "half").rename(missing)
        await _reasons(started)
        assert (await started.get("/api/find", q="orange fruits"))[0] == 200
    async with running(indexed, **settings | {"TANGERINE_MODEL": f"{missing}s"}) as started:
        await started.wait_until_said("tried again")
        started.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(ENDED_S):
            assert await started.process.wait() == 0
