"""From the first moment to a running engine: who answers meanwhile, and what ends the wait."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app.lifecycle import Starting
from bot.app.serving import settle
from bot.chat.supervision import Pauses
from bot.http.listener import Listener
from bot.web.adapter import WebAdapter, WebOptions
from bot.web.waiting import WaitingRoom
from config.settings import Settings
from core.domain.errors import CatalogueError, ModelUnavailable, SettingsError
from tests.bot.engine.test_reloading import Said
from tests.web.parts import Parts


@asynccontextmanager
async def waiting_at(listener: Listener, reasons: list[str]) -> AsyncIterator[WaitingRoom]:
    """A waiting room at an address."""
    room = WaitingRoom(listener, lambda: reasons)
    await room.start()
    try:
        yield room
    finally:
        await room.stop()


async def test_whoever_comes_early_is_told() -> None:
    """Probes, programs and browsers: alive, not ready, why, and when to ask again."""
    listener = await Listener.open("127.0.0.1", 0)
    reasons = ["the model <b> is being loaded"]
    async with waiting_at(listener, reasons), aiohttp.ClientSession() as client:
        async with client.get(f"{listener.url}/healthz") as answer:
            assert answer.status == 200
        for method, path in (("GET", "/readyz"), ("POST", "/api/chat"), ("GET", "/pictures/1")):
            async with client.request(method, listener.url + path) as answer:
                assert answer.status == 503
                assert answer.headers["Retry-After"] == "5"
                told = (await answer.json())["error"]
                assert told == {"code": "not_ready", "message": reasons[0]}
        async with client.get(listener.url) as answer:
            page = await answer.text()
            assert (answer.status, answer.headers["Refresh"]) == (503, "5")
            assert "&lt;b&gt;" in page
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    listener.close()


async def test_the_address_is_handed_on_without_a_gap(tmp_path: Path) -> None:
    """Not one connection is refused while the web chat takes over."""
    listener = await Listener.open("127.0.0.1", 0)
    parts = Parts(tmp_path)
    adapter = WebAdapter(parts.web, WebOptions(port=0), listener=listener, drain_s=0.2)
    statuses: list[int] = []

    async def keep_asking() -> None:
        while True:
            async with (
                aiohttp.ClientSession() as client,
                client.get(f"{listener.url}/readyz") as answer,
            ):
                statuses.append(answer.status)

    asking = asyncio.create_task(keep_asking())
    async with waiting_at(listener, ["loading"]):
        while len(statuses) < 10:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.001)
        await adapter.start()
    assert adapter.url == listener.url
    while 200 not in statuses[-3:]:
        assert not asking.done()
        await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert set(statuses) == {200, 503}
    assert sorted(statuses, reverse=True)[:10] == [503] * 10
    await adapter.stop()
    await parts.close()
    listener.close()


@pytest.mark.parametrize("turns", range(4))
async def test_no_connection_is_lost_when_servers_change(turns: int) -> None:
    """Whoever connects in any turn of the loop is answered by one of them, or told to go."""
    listener = await Listener.open("127.0.0.1", 0)
    first, second = WaitingRoom(listener, lambda: ["one"]), WaitingRoom(listener, lambda: ["two"])
    await first.start()
    port = int(listener.url.rsplit(":", 1)[1])
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    for _ in range(turns):
        await asyncio.sleep(0)
    await second.start()
    await first.stop()
    for client in clients:
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200") or not answer
        writer.close()
    await second.stop()
    listener.close()


async def test_a_taken_address_is_told() -> None:
    """With the remedy, and before anything is loaded."""
    first = await Listener.open("127.0.0.1", 0)
    port = int(first.url.rsplit(":", 1)[1])
    with pytest.raises(SettingsError) as refused:
        await Listener.open("127.0.0.1", port)
    assert str(port) in refused.value.message
    assert "TANGERINE_WEB_PORT" in (refused.value.remedy or "")
    first.close()
    second = await Listener.open("127.0.0.1", port)
    second.close()


class Attempts:
    """Stands in for the opening of the engine: fails as often as it is told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.opened = self.closed = 0
        self.hang = False

    @asynccontextmanager
    async def __call__(self, settings: Settings) -> AsyncIterator[str]:
        """The next failure, or an engine."""
        del settings
        if self.hang:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        self.opened += 1
        yield "engine"
        self.closed += 1


@pytest.fixture
def attempts() -> Attempts:
    """Attempts that succeed, until they are told otherwise."""
    return Attempts()


def _starting(attempts: Attempts, said: Said, **options: Any) -> Starting:
    """With hardly a pause, over an engine of our own."""
    return Starting(
        Settings(model="mini"),
        said,
        opening=attempts,
        pauses=Pauses(0.001),
        grace_s=0.01,
        **options,
    )


async def test_a_missing_model_is_tried_again_and_told_once(attempts: Attempts) -> None:
    """The reason stands where probes look, until it has gone."""
    gone = ModelUnavailable("There is no model.", remedy="Set TANGERINE_MODEL.")
    attempts.failures = [gone, gone, ModelUnavailable("It is torn.", remedy="Fetch it again.")]
    said = Said()
    starting = _starting(attempts, said)
    assert starting.unready() == ["the model is being loaded"]
    async with AsyncExitStack() as stack:
        engine = await starting.engine(stack, asyncio.Event())
        assert engine == "engine"
        assert (attempts.opened, attempts.closed) == (1, 0)
    assert attempts.closed == 1
    assert said.lines.count("There is no model.") == 1
    assert said.lines.count("It is torn.") == 1
    assert starting.unready() == ["The model could not be loaded. The log says more"]


async def test_other_errors_end_the_start(attempts: Attempts) -> None:
    """A damaged catalogue does not mend itself."""
    attempts.failures = [CatalogueError("It is damaged.", remedy="Restore it.")]
    async with AsyncExitStack() as stack:
        with pytest.raises(CatalogueError):
            await _starting(attempts, Said()).engine(stack, asyncio.Event())
    assert attempts.opened == 0


async def test_a_stop_while_it_loads_ends_it(attempts: Attempts) -> None:
    """At once where nothing hangs, and for good where loading cannot be broken off."""
    attempts.hang = True
    ended: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    starting = _starting(
        attempts,
        Said(),
        end=lambda code: loop.call_soon_threadsafe(ended.put_nowait, code),
    )
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        coming = asyncio.create_task(starting.engine(stack, stop))
        await asyncio.sleep(0)
        stop.set()
        assert await coming is None
    async with asyncio.timeout(5):
        assert await ended.get() == 0
    assert attempts.opened == 0


def test_what_stays_for_good_is_not_walked_again() -> None:
    """A full garbage collection in service looks at what came after the start only."""
    before = gc.get_threshold()
    gc.set_threshold(700)
    try:
        settle()
        assert gc.get_freeze_count() > len(gc.get_objects())
        # And one of what is new does not come with every few requests.
        assert gc.get_threshold()[0] > 700
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
