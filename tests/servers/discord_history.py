"""What people posted in the channels of a loopback Discord: kept, paged, edited, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.servers.discord_rules import EPHEMERAL, Refused
from tests.servers.discord_store import Store
from tests.servers.discord_world import BOT, Json, Server

VIEW, HISTORY = 1 << 10, 1 << 16
_PAGE, _ALIVE_S = 100, 86_400


class History:
    """Messages by channel, as the bot may read them. ``ahead_s``: by how much it is later here."""

    def __init__(
        self, servers: list[Server], store: Store, answer: Callable[..., web.Response]
    ) -> None:
        self._servers = servers
        self._store = store
        self._answer = answer
        self.posted: dict[int, dict[int, Json]] = {}
        self.ahead_s = 0.0
        # What the portal's intent lets the bot read of others' messages.
        self.readable = True

    def routes(self, api: str) -> list[web.RouteDef]:
        """Its part of the API."""
        channel = f"{api}/channels/{{channel}}"
        return [
            web.get(channel, self._channel),
            web.get(f"{channel}/messages", self._messages),
            web.get(f"{channel}/messages/{{id}}", self._message),
            web.get(f"{channel}/threads/archived/public", self._archived),
        ]

    @property
    def now(self) -> float:
        """What time it is there."""
        return time.time() + self.ahead_s

    def keep(self, message: Json) -> None:
        """Somebody posted a message."""
        channel = int(message["channel_id"])
        self.posted.setdefault(channel, {})[int(message["id"])] = message

    def forget(self, channel: int, *messages: int) -> None:
        """Delete messages, or all of a channel."""
        for each in messages or tuple(self.posted.get(channel, {})):
            self.posted[channel].pop(each, None)

    def alive(self, url_query: str) -> bool:
        """Whether a signed link is still good."""
        ends = dict(parse_qsl(url_query)).get("ex", "0")
        return ends == "0" or int(ends, 16) >= self.now

    def signed(self, message: Json) -> Json:
        """A message with links that are good for a day from now on."""
        ends = f"{int(self.now) + _ALIVE_S:x}"
        attachments = []
        for each in message["attachments"]:
            url = each["url"].partition("?")[0] + f"?ex={ends}&is=0&hm=0"
            attachments.append({**each, "url": url, "proxy_url": url})
        found = {**message, "attachments": attachments}
        if not self.readable and message["author"]["id"] != str(BOT):
            found |= {"content": "", "attachments": [], "embeds": [], "components": []}
        return found

    def _all(self, channel: int) -> Iterator[Json]:
        yield from self.posted.get(channel, {}).values()
        for number, message in self._store.messages.items():
            gone = number in self._store.deleted or message["flags"] & EPHEMERAL
            if message["channel_id"] == str(channel) and not gone:
                yield message

    def _open(self, request: web.Request, *, rights: int = VIEW | HISTORY) -> int:
        channel = int(request.match_info["channel"])
        for server in self._servers:
            if channel in server.channels:
                if server.rights_of_bot(channel) & rights != rights:
                    raise Refused(403, 50001, "Missing Access")
                return channel
        raise Refused(404, 10003, "Unknown Channel")

    async def _channel(self, request: web.Request) -> web.Response:
        channel = self._open(request, rights=VIEW)
        server = next(each for each in self._servers if channel in each.channels)
        return self._answer(server.payload_of(channel))

    async def _messages(self, request: web.Request) -> web.Response:
        channel = self._open(request)
        after, limit = (int(request.query.get(k, d)) for k, d in (("after", 0), ("limit", 50)))
        assert limit <= _PAGE
        later = sorted(
            (each for each in self._all(channel) if int(each["id"]) > after),
            key=lambda each: int(each["id"]),
        )[:limit]
        return self._answer([self.signed(each) for each in reversed(later)])

    async def _message(self, request: web.Request) -> web.Response:
        channel = self._open(request)
        wanted = request.match_info["id"]
        found = next((each for each in self._all(channel) if each["id"] == wanted), None)
        if found is None:
            raise Refused(404, 10008, "Unknown Message")
        return self._answer(self.signed(found))

    async def _archived(self, request: web.Request) -> web.Response:
        channel = self._open(request)
        server = next(each for each in self._servers if channel in each.channels)
        before = request.query.get("before", "9999")
        threads: list[Any] = [
            payload
            for payload in map(server.payload_of, server.archived)
            if payload["parent_id"] == str(channel)
            and payload["thread_metadata"]["archive_timestamp"] < before
        ]
        return self._answer({"threads": threads, "members": [], "has_more": False})
