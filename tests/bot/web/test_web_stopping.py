"""A stop while many ask: each answer is the last of its connection, and none is reset."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.http.connections import ConnectionLimits
from bot.http.listener import Listener
from bot.telegram.webhook import SECRET_HEADER
from bot.web.adapter import WebAdapter, WebOptions
from bot.web.waiting import WaitingRoom
from tests.adapters.telegram_parts import talking
from tests.adapters.test_telegram_webhook import SECRET, hooked
from tests.web.parts import Parts

CALLERS = 64
_PATIENCE_S = 60.0


@dataclass
class Port:
    """A port of ours: what is asked there, how it is stopped."""

    host: str
    port: int
    request: bytes
    stop: Callable[[], Awaitable[object]]

    @classmethod
    def of(
        cls, url: str, stop: Callable[[], Awaitable[object]], *headers: str, method: str = "GET"
    ) -> Port:
        """The port of an address that is asked with this method."""
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        lines = [f"{method} {parts.path} HTTP/1.1", f"Host: {parts.hostname}", *headers]
        return cls(parts.hostname, parts.port, "\r\n".join([*lines, "", ""]).encode(), stop)


@dataclass
class Caller:
    """Somebody who asks over one connection for as long as it is not said to be the last time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answers: int = 0
    last: bool = field(default=False)

    @classmethod
    async def at(cls, port: Port) -> Caller:
        """A new connection."""
        return cls(*await asyncio.open_connection(port.host, port.port))

    async def ask(self, request: bytes) -> None:
        """One request and its whole answer. Raises what a reset raises."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
        await self.reader.readexactly(int(length.partition(":")[2]))
        self.answers += 1
        self.last = "\r\nconnection: close\r\n" in head

    async def keep_asking(self, request: bytes) -> None:
        """Until the answer that says it is the last one; then the connection ends, unreset."""
        async with asyncio.timeout(_PATIENCE_S):
            while not self.last:
                await self.ask(request)
            assert await self.reader.read() == b""
        self.writer.close()


@asynccontextmanager
async def _web(folder: Path, path: str) -> AsyncIterator[Port]:
    parts = Parts(folder)
    adapter = WebAdapter(parts.web, WebOptions(port=0))
    await adapter.start()
    try:
        yield Port.of(f"{adapter.url}{path}", adapter.stop)
    finally:
        await adapter.stop()
        await parts.close()


@asynccontextmanager
async def _waiting_room(_: Path) -> AsyncIterator[Port]:
    listener = await Listener.open("127.0.0.1", 0)
    room = WaitingRoom(listener, lambda: ["loading"])
    await room.start()
    yield Port.of(f"{listener.url}/readyz", room.stop)
    listener.close()


@asynccontextmanager
async def _webhook(folder: Path) -> AsyncIterator[Port]:
    async with talking(folder, webhook=hooked(folder, secret=SECRET)) as talk:
        hook = talk.server.world.hook
        assert hook is not None
        url = hook.url.replace("/behind/a/proxy", "")
        headers = (f"{SECRET_HEADER}: {SECRET}", "Content-Length: 2")
        port = Port.of(url, talk.adapter.stop, *headers, method="POST")
        port.request += b"[]"
        yield port


PORTS = {
    "web": lambda folder: _web(folder, "/api/find?q=red"),
    "metrics": lambda folder: _web(folder, "/metrics"),
    "health": lambda folder: _web(folder, "/healthz"),
    "waiting room": _waiting_room,
    "webhook": _webhook,
}


@pytest.mark.parametrize("name", PORTS)
async def test_nobody_who_keeps_asking_is_reset(tmp_path: Path, name: str) -> None:
    """64 kept-alive callers: all answers are whole, the last says so, then the connection ends."""
    async with PORTS[name](tmp_path) as port:
        callers = [await Caller.at(port) for _ in range(CALLERS)]
        asking = [asyncio.create_task(each.keep_asking(port.request)) for each in callers]
        while not all(each.answers for each in callers):  # noqa: ASYNC110 - they have no event
            await asyncio.sleep(0.001)
        await port.stop()
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        assert outcomes == [None] * CALLERS


async def test_who_connects_while_it_stops_is_answered_or_refused(tmp_path: Path) -> None:
    """Nobody gets a connection that is then reset: not even who stood in line."""
    async with _web(tmp_path, "/healthz") as port:
        outcomes: list[str] = []

        async def keep_coming() -> None:
            while "refused" not in outcomes:
                try:
                    caller = await Caller.at(port)
                except ConnectionRefusedError:
                    outcomes.append("refused")
                else:
                    await caller.ask(port.request)
                    caller.writer.close()
                    outcomes.append("answered")

        coming = [asyncio.create_task(keep_coming()) for _ in range(8)]
        while len(outcomes) < CALLERS:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        # The system takes connections by itself; the server hears of these in its next turn.
        in_line = [socket.create_connection((port.host, port.port)) for _ in range(8)]
        stopping = asyncio.ensure_future(port.stop())
        for connection in in_line:
            connection.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=connection)
            await Caller(reader, writer).keep_asking(port.request)
        await stopping
        await asyncio.gather(*coming)


async def test_an_idle_connection_is_closed_and_not_reset(tmp_path: Path) -> None:
    """Who is silent sees the end of it; what they say at that very moment resets nothing."""
    parts = Parts(tmp_path)
    options = WebOptions(port=0, connections=ConnectionLimits(quiet_s=0.1))
    adapter = WebAdapter(parts.web, options)
    await adapter.start()
    port = Port.of(f"{adapter.url}/healthz", adapter.stop)
    idle, fresh = (socket.create_connection((port.host, port.port), _PATIENCE_S) for _ in range(2))
    with idle, fresh:
        idle.sendall(port.request)
        assert b"HTTP/1.1 200" in await asyncio.to_thread(idle.recv, 4096)
        stopping = asyncio.create_task(adapter.stop())
        for connection in (idle, fresh):
            assert await asyncio.to_thread(connection.recv, 1) == b""
            connection.sendall(port.request)
        await stopping
        for connection in (idle, fresh):
            assert await asyncio.to_thread(connection.recv, 1) == b""
    await parts.close()


async def test_what_is_under_way_is_answered_with_the_word_that_it_is_the_last(
    tmp_path: Path,
) -> None:
    """A search that began before the stop ends whole."""
    async with _web(tmp_path, "/api/find?q=red") as port:
        caller = await Caller.at(port)
        asking = asyncio.create_task(caller.keep_asking(port.request))
        while not caller.answers:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        before = caller.answers
        await port.stop()
        await asking
        assert caller.last
        assert caller.answers > before
