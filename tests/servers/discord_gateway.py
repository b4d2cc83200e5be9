"""A Discord gateway on loopback: identify, heartbeat, dispatch, resume, close codes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.discord_world import APPLICATION, BOT, Json, Person, Server

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT = 0, 1, 2, 6, 7
INVALID_SESSION, HELLO, ACK = 9, 10, 11
MESSAGE_CONTENT = 1 << 15


@dataclass
class _Session:
    """What one shard was told, and where it listens."""

    id: str
    shard: list[int]
    socket: web.WebSocketResponse | None
    events: list[Json] = field(default_factory=list)

    async def send(self, event: str, data: Json) -> None:
        """Tell it, now or when it resumes."""
        self.events.append({"op": DISPATCH, "t": event, "d": data, "s": len(self.events) + 1})
        if self.socket is not None and not self.socket.closed:
            await self.socket.send_json(self.events[-1])


@dataclass
class Gateway:
    """A session for each shard. What is dispatched while nobody listens is kept for a resume.

    ``allowed`` are the privileged intents that the developer portal grants the bot, ``lacking``
    the fields that READY comes without. ``advised``: how many shards Discord wants. ``shard``:
    which one identified last, of how many; what ends a connection ends that one's.
    """

    token: str
    servers: list[Server] = field(default_factory=list)
    url: str = ""
    bot: Person = field(default_factory=lambda: Person(BOT, "tangerine", bot=True))
    intents: int = 0
    allowed: int = MESSAGE_CONTENT
    identified: int = 0
    resumed: int = 0
    accepts: bool = True
    turned_away: int = 0
    lacking: frozenset[str] = frozenset()
    advised: int = 1
    shard: list[int] = field(default_factory=list)
    _sessions: dict[int, _Session] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection of the client."""
        if not self.accepts:
            self.turned_away += 1
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 41_250}, "s": None})
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            message = json.loads(frame.data)
            if message["op"] == HEARTBEAT:
                await socket.send_json({"op": ACK, "d": None, "s": None})
            elif message["op"] == IDENTIFY:
                await self._identify(socket, message["d"])
            elif message["op"] == RESUME:
                await self._resume(socket, message["d"])
        return socket

    async def dispatch(self, event: str, data: Json, *, times: int = 1) -> None:
        """Send an event, or the same one several times, as a resumed session may."""
        guild = data.get("guild_id") or (event.startswith("GUILD_") and data.get("id")) or 0
        number = (int(guild) >> 22) % self.shard[1] if self.shard else 0
        # Where a bot has but some of the shards, tests tell those of the others, too.
        session = self._sessions.get(number) or self._last
        for _ in range(times):
            await session.send(event, data)

    async def ask_to_reconnect(self) -> None:
        """What Discord does before it restarts a node."""
        await self._socket.send_json({"op": RECONNECT, "d": None, "s": None})

    async def invalidate(self) -> None:
        """End the session for good: the client has to identify anew."""
        self._last.events.clear()
        await self._socket.send_json({"op": INVALID_SESSION, "d": False, "s": None})

    async def close(self, code: int) -> None:
        """Close the connection with one of Discord's codes."""
        socket, self._last.socket = self._socket, None
        await socket.close(code=code)

    def cut(self) -> None:
        """Cut the wire: no close frame, no reason."""
        socket, self._last.socket = self._socket, None
        transport = socket._req.transport if socket._req is not None else None
        if transport is not None:
            transport.abort()

    @property
    def _last(self) -> _Session:
        return self._sessions[self.shard[0]]

    @property
    def _socket(self) -> web.WebSocketResponse:
        assert self._last.socket is not None
        return self._last.socket

    async def _identify(self, socket: web.WebSocketResponse, data: Json) -> None:
        if data["token"] != self.token:
            await socket.close(code=4004)
            return
        if data["intents"] & MESSAGE_CONTENT & ~self.allowed:
            await socket.close(code=4014)
            return
        self.identified += 1
        self.intents = data["intents"]
        self.shard = data.get("shard", [0, 1])
        number, count = self.shard
        session = _Session(f"session-{self.identified}", self.shard, socket)
        self._sessions[number] = session
        servers = [each for each in self.servers if (each.id >> 22) % count == number]
        ready: Json = {
            "v": 10,
            "user": self.bot.user,
            "guilds": [{"id": str(s.id), "unavailable": True} for s in servers],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {"id": str(APPLICATION), "flags": 0},
            "shard": self.shard,
        }
        await session.send("READY", {k: v for k, v in ready.items() if k not in self.lacking})
        for server in servers:
            if not server.outage:
                await session.send("GUILD_CREATE", server.payload)

    async def _resume(self, socket: web.WebSocketResponse, data: Json) -> None:
        known = [each for each in self._sessions.values() if each.id == data["session_id"]]
        if not known or not known[0].events:
            await socket.send_json({"op": INVALID_SESSION, "d": False, "s": None})
            return
        self.resumed += 1
        known[0].socket = socket
        for event in known[0].events[data["seq"] :]:
            await socket.send_json(event)
        await known[0].send("RESUMED", {"_trace": []})


async def until(condition: Any, *, seconds: float = 60.0) -> None:
    """Wait until the condition holds, far longer than a loaded machine takes for anything.

    Raises TimeoutError.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for lies behind a network
            await asyncio.sleep(0.005)
