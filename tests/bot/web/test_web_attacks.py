"""Attacks on the ports of the web chat and the waiting room, over real connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.http.listener import Listener
from bot.web.waiting import WaitingRoom
from tests.attacks import BODIES, Target, cost_of_bodies
from tests.bot.web.test_web_sessions import browser
from tests.web.parts import Parts, serving

ALLOWED_S = 0.3
FLOOD = 300
FLOOD_S = 5.0


@asynccontextmanager
async def _port(kind: str, folder: Path) -> AsyncIterator[Target]:
    if kind == "web chat":
        async with serving(Parts(folder)) as adapter:
            yield Target.of(adapter.url)
        return
    listener = await Listener.open("127.0.0.1", 0)
    room = WaitingRoom(listener, lambda: ["loading"])
    await room.start()
    try:
        yield Target.of(listener.url)
    finally:
        await room.stop()
        listener.close()


@pytest.mark.parametrize("kind", ["web chat", "waiting room"])
@pytest.mark.parametrize("path", ["/api/chat", "/no/such/page"])
async def test_compressed_bodies_are_not_unpacked(tmp_path: Path, kind: str, path: str) -> None:
    """12 bodies of 2 MiB, 2 GiB each unpacked, cost next to nothing, and are told so."""
    async with _port(kind, tmp_path) as target:
        seconds, answers = await cost_of_bodies(target, path)
    print(f"{kind}: {BODIES} compressed bodies cost {seconds:.2f} s of processor")
    assert seconds < ALLOWED_S
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 415 ")
        assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("kind", ["web chat", "waiting room"])
@pytest.mark.slow
async def test_half_open_connections_lock_nobody_out(tmp_path: Path, kind: str) -> None:
    """Headers that never end take no connection that somebody else needs."""
    async with _port(kind, tmp_path) as target, target.half_open(600) as attack:
        seconds, answer = await asyncio.to_thread(target.get, "/healthz")
        print(f"600 half-open, {attack.held} held; /healthz in {seconds:.3f} s")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert seconds < 1.0
        assert attack.held < 550


@pytest.mark.parametrize("path", ["/api/chat", "/api/find"])
@pytest.mark.slow
async def test_a_flood_leaves_others_their_answers(tmp_path: Path, path: str) -> None:
    """300 commands of one person keep another one waiting for less than five seconds."""

    async def ask(client: aiohttp.ClientSession) -> int:
        form = aiohttp.FormData({"text": "/find red"}, default_to_multipart=True)
        asked = client.post(path, data=form) if path == "/api/chat" else client.get(path + "?q=red")
        async with asked as response:
            await response.read()
            return response.status

    async with (
        serving(Parts(tmp_path)) as adapter,
        browser(adapter, connector=aiohttp.TCPConnector(limit=0)) as flooding,
        browser(adapter) as other,
    ):
        flood = [asyncio.create_task(ask(flooding)) for _ in range(FLOOD)]
        await asyncio.sleep(0)
        began = time.monotonic()
        assert await ask(other) == 200
        seconds = time.monotonic() - began
        print(f"{FLOOD} {path} of one person; another one after {seconds:.2f} s")
        assert seconds < FLOOD_S
        assert set(await asyncio.gather(*flood)) <= {200, 503}
