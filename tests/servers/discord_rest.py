"""Discord's HTTP API and CDN on loopback: what a bot calls, with Discord's limits."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.servers.discord_gateway import MESSAGE_CONTENT, Gateway
from tests.servers.discord_history import History
from tests.servers.discord_rules import (
    LOADING,
    Refused,
    check_choices,
    check_commands,
    check_message,
)
from tests.servers.discord_store import Exchange, Fault, Store
from tests.servers.discord_world import APPLICATION, MIB, Ids, Json, Server

ACKNOWLEDGE_S, TOKEN_S = 3.0, 15 * 60.0
_DEFERRED, _DEFERRED_UPDATE, _CHOICES, _MESSAGE = 5, 6, 8, 4


class Rest:
    """Answers the client's calls. ``calls`` keeps the method and path of each, in order."""

    def __init__(self, token: str, gateway: Gateway, ids: Ids) -> None:
        self.token = token
        self.gateway = gateway
        self.ids = ids
        self.store = Store(ids, gateway.bot.user)
        self.history = History(gateway.servers, self.store, _json)
        self.commands: list[Json] = []
        self.closed_dms: set[int] = set()
        self.exchanges: dict[str, Exchange] = {}
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self._nonces: dict[str, Json] = {}

    def app(self) -> web.Application:
        """The routes below ``/api/v10``, the gateway and the CDN."""
        app = web.Application(middlewares=[self._guard], client_max_size=40 * MIB)
        api, hook = "/api/v10", "/api/v10/webhooks/{app}/{token}"
        app.add_routes(
            [
                web.get(f"{api}/users/@me", self._me),
                web.post(f"{api}/users/@me/channels", self._open_dm),
                web.get(f"{api}/oauth2/applications/@me", self._application),
                web.get(f"{api}/applications/@me", self._application),
                web.get(f"{api}/gateway/bot", self._gateway_bot),
                web.put(f"{api}/applications/{{app}}/commands", self._put_commands),
                web.post(f"{api}/channels/{{channel}}/messages", self._post_message),
                web.patch(f"{api}/channels/{{channel}}/messages/{{id}}", self._patch_message),
                web.post(f"{api}/channels/{{channel}}/typing", self._typing),
                web.post(f"{api}/interactions/{{id}}/{{token}}/callback", self._callback),
                web.patch(f"{hook}/messages/@original", self._patch_original),
                web.delete(f"{hook}/messages/@original", self._delete_original),
                web.post(hook, self._follow_up),
                web.get("/cdn/{path:.*}", self._cdn),
                web.get("/gw/", self.gateway.handle),
                *self.history.routes(api),
            ]
        )
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        call = f"{request.method} {request.path}"
        self.calls.append(call)
        fault = next((f for f in self.faults if f.times and re.search(f.pattern, call)), None)
        if fault is not None:
            fault.times -= 1
            await asyncio.sleep(fault.stall_s)
            if fault.after:
                await handler(request)
            if fault.reset and request.transport is not None:
                request.transport.abort()
            if not fault.stall_s:
                return _json(fault.body, fault.status)
        bot_only = not re.search(r"/(webhooks|interactions|cdn|gw)/", request.path)
        if bot_only and request.headers.get("Authorization") != f"Bot {self.token}":
            return _json({"code": 0, "message": "401: Unauthorized"}, 401)
        try:
            return await handler(request)
        except Refused as refused:
            return _json(refused.body, refused.status)

    # -- who and what ------------------------------------------------------------------

    async def _me(self, _: web.Request) -> web.Response:
        return _json(self.gateway.bot.user)

    async def _application(self, _: web.Request) -> web.Response:
        facts = {"name": "tangerine", "description": "", "icon": None, "verify_key": "", "flags": 0}
        facts["bot_require_code_grant"] = False
        # What the developer portal grants shows as a flag, here that of unverified bots.
        facts["flags"] = 1 << 19 if self.gateway.allowed & MESSAGE_CONTENT else 0
        facts["approximate_guild_count"] = len(self.gateway.servers)
        owner = self.gateway.bot.user
        return _json({"id": str(APPLICATION), "owner": owner, "bot_public": True, **facts})

    async def _gateway_bot(self, _: web.Request) -> web.Response:
        starts = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        shards = self.gateway.advised
        return _json({"url": self.gateway.url, "shards": shards, "session_start_limit": starts})

    async def _put_commands(self, request: web.Request) -> web.Response:
        commands = await request.json()
        check_commands(commands)
        self.commands = [
            {"id": str(self.ids.new()), "application_id": str(APPLICATION), "version": "1", **c}
            for c in commands
        ]
        return _json([{"description": "", **command} for command in self.commands])

    async def _cdn(self, request: web.Request) -> web.Response:
        data = self.store.files.get(request.match_info["path"])
        if not self.history.alive(request.query_string):
            data = None
        return web.Response(body=data) if data is not None else web.Response(status=404)

    # -- messages of the bot ------------------------------------------------------------

    async def _open_dm(self, request: web.Request) -> web.Response:
        person = int((await request.json())["recipient_id"])
        user = {"id": str(person), "username": "x", "discriminator": "0", "avatar": None}
        return _json({"id": str(person + 2_000_000), "type": 1, "recipients": [user]})

    async def _typing(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _post_message(self, request: web.Request) -> web.Response:
        channel = int(request.match_info["channel"])
        server = self._server_of(channel)
        if server is not None and server.muted:
            raise Refused(403, 50013, "Missing Permissions")
        if channel in self.closed_dms:
            raise Refused(403, 50007, "Cannot send messages to this user")
        payload, files = await self.store.read(request, server.file_limit if server else 10 * MIB)
        reference = payload.get("message_reference")
        if reference and int(reference["message_id"]) in self.store.deleted:
            if reference.get("fail_if_not_exists", True):
                raise Refused(400, 50035, "Unknown message")
            payload["message_reference"] = None
        if payload.get("enforce_nonce") and payload["nonce"] in self._nonces:
            return _json(self._nonces[payload["nonce"]])
        message = self.store.add(channel, payload, files)
        if payload.get("nonce"):
            self._nonces[payload["nonce"]] = message
        return _json(message)

    async def _patch_message(self, request: web.Request) -> web.Response:
        message = self.store.existing(int(request.match_info["id"]))
        server = self._server_of(int(message["channel_id"]))
        payload, files = await self.store.read(request, server.file_limit if server else 10 * MIB)
        return _json(self.store.change(message, payload, files))

    # -- interactions -------------------------------------------------------------------

    async def _callback(self, request: web.Request) -> web.Response:
        exchange = self.exchanges.get(request.match_info["token"])
        if exchange is None or time.monotonic() - exchange.asked_at > ACKNOWLEDGE_S:
            raise Refused(404, 10062, "Unknown interaction")
        if exchange.kind is not None:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        payload, files = await self.store.read(request, exchange.limit)
        data = payload.get("data") or {}
        if payload["type"] == _MESSAGE:
            check_message(data, files)
        exchange.kind = payload["type"]
        exchange.acknowledged_s = time.monotonic() - exchange.asked_at
        resource: Json = {"type": exchange.kind}
        if exchange.kind == _CHOICES:
            check_choices(data["choices"])
            exchange.choices = data["choices"]
        elif exchange.kind == _DEFERRED_UPDATE:
            if exchange.pressed is None:
                raise Refused(400, 50035, "Invalid Form Body: there is no message to update")
            exchange.original = int(exchange.pressed["id"])
        else:
            waiting = LOADING if exchange.kind == _DEFERRED else 0
            data["flags"] = data.get("flags", 0) | waiting
            resource["message"] = self.store.add(exchange.channel, data, files, check=not waiting)
            exchange.original = int(resource["message"]["id"])
            exchange.messages.append(self.store.messages[exchange.original])
        interaction = {"id": str(exchange.id), "type": 2}
        interaction["response_message_id"] = str(exchange.original or exchange.id)
        return _json({"interaction": interaction, "resource": resource})

    async def _patch_original(self, request: web.Request) -> web.Response:
        exchange = self._acknowledged(request)
        message = self.store.existing(exchange.original)
        payload, files = await self.store.read(request, exchange.limit)
        changed = self.store.change(message, payload, files)
        if message not in exchange.messages:
            exchange.messages.append(message)
        return _json(changed)

    async def _delete_original(self, request: web.Request) -> web.Response:
        exchange = self._acknowledged(request)
        self.store.deleted.add(int(self.store.existing(exchange.original)["id"]))
        return web.Response(status=204)

    async def _follow_up(self, request: web.Request) -> web.Response:
        exchange = self._acknowledged(request)
        payload, files = await self.store.read(request, exchange.limit)
        original = self.store.messages.get(exchange.original or 0)
        waiting = original is not None and original["flags"] & LOADING
        if original is not None and waiting and exchange.original not in self.store.deleted:
            # Discord's own oddity: the first follow-up becomes the deferred answer, and as
            # public as that was.
            return _json(self.store.change(original, payload, files))
        message = self.store.add(exchange.channel, payload, files)
        exchange.messages.append(self.store.messages[int(message["id"])])
        return _json(message)

    def _acknowledged(self, request: web.Request) -> Exchange:
        exchange = self.exchanges.get(request.match_info["token"])
        if exchange is None or exchange.kind is None:
            raise Refused(404, 10015, "Unknown Webhook")
        if time.monotonic() - exchange.asked_at + exchange.age_s > TOKEN_S:
            raise Refused(401, 50027, "Invalid Webhook Token")
        return exchange

    def _server_of(self, channel: int) -> Server | None:
        return next((s for s in self.gateway.servers if channel in s.channels), None)


def _json(body: Any, status: int = 200) -> web.Response:
    # Exactly this content type: the client compares it, and a charset breaks the log-in.
    headers = {"Content-Type": "application/json", "Via": "1.1 loopback"}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers)
