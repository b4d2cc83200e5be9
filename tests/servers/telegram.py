"""A Telegram Bot API server on the loopback, with the limits and the words of the real one.

Tests speak as people through :meth:`TelegramServer.say`, :meth:`~TelegramServer.press` and
:meth:`~TelegramServer.type_inline`, and read what the bot sent from ``world.sent``.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from aiohttp import web

from tests.servers.secrets import TELEGRAM_TOKEN as TOKEN
from tests.servers.telegram_checks import Call, Fault, Refused, Upload
from tests.servers.telegram_hook import deliver
from tests.servers.telegram_people import People
from tests.servers.telegram_world import Json

_LONGEST_WAIT_S = 20.0

__all__ = ["TOKEN", "Call", "Fault", "TelegramServer"]


def _upload(field: web.FileField) -> Upload:
    return Upload(field.filename, field.content_type, field.file.read())


class TelegramServer(People):
    """The bot's side of it: methods, files, updates by poll and by webhook, and faults."""

    def __init__(self, *, privacy: bool = True) -> None:
        super().__init__(privacy=privacy)
        self.calls: list[Call] = []
        self.faults: dict[str, deque[Fault]] = {}
        self.foreign: list[str] = []
        self.url = ""
        self._poll = 0

    @property
    def environment(self) -> dict[str, str]:
        """What a program is told to find this Telegram and to log in there."""
        return {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API_URL": self.url}

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[TelegramServer]:
        """Serve until the block is left."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/bot{token}/{method}", self._method)
        app.router.add_get("/file/bot{token}/{path:.*}", self._file)
        app.router.add_route("*", "/{rest:.*}", self._foreign)
        runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.2, access_log=None
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        delivering = asyncio.create_task(deliver(self.world, self._news))
        try:
            yield self
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await runner.cleanup()

    def fail(self, method: str, *faults: Fault) -> None:
        """Let the next calls of a method go wrong, one fault each."""
        self.faults.setdefault(method, deque()).extend(faults)

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until this holds, far longer than a loaded machine takes for anything."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - it has no event for all of these
                await asyncio.sleep(0.01)

    def called(self, method: str) -> list[Call]:
        """The calls of a method so far."""
        return [call for call in self.calls if call.method == method]

    async def _method(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        params: Json = dict(request.query)
        if request.method == "POST":
            for name, value in (await request.post()).items():
                params[name] = value if isinstance(value, str) else _upload(value)
        status, body = await self._respond(request, method, params)
        self.calls.append(Call(method, params, monotonic(), status))
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(body, status=status or 500)

    async def _respond(self, request: web.Request, method: str, params: Json) -> tuple[int, Json]:
        if request.match_info["token"] != TOKEN:
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
        waiting = self.faults.get(method)
        fault = waiting.popleft() if waiting else None
        if fault is not None and not fault.after:
            return fault.status, fault.body
        try:
            if method == "getUpdates":
                result: Any = await self._get_updates(params)
            else:
                result = self.methods.call(method, params)
                if method == "setWebhook":
                    await self.wake()
        except Refused as refused:
            return refused.status, refused.body
        if fault is not None:
            return fault.status, fault.body
        return 200, {"ok": True, "result": result}

    async def _get_updates(self, params: Json) -> list[Json]:
        offset = int(params.get("offset", 0))
        allowed = json.loads(params["allowed_updates"]) if params.get("allowed_updates") else None
        while self.world.updates and self.world.updates[0]["update_id"] < offset:
            self.world.updates.popleft()
        if self.world.hook is not None:
            raise Refused(409, "Conflict: can't use getUpdates method while webhook is active")
        self._poll = poll = self._poll + 1
        async with self._news:
            self._news.notify_all()  # a newer poll ends an older one
            wait = min(float(params.get("timeout", 0)), _LONGEST_WAIT_S)
            try:
                async with asyncio.timeout(wait):
                    while self._poll == poll and not self.world.updates:
                        await self._news.wait()
            except TimeoutError:
                return []
        if self._poll != poll:
            raise Refused(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one "
                "bot instance is running",
            )
        return [
            update
            for update in list(self.world.updates)[:100]
            if allowed is None or set(update) & set(allowed)
        ]

    async def _file(self, request: web.Request) -> web.StreamResponse:
        waiting = self.faults.get("file")
        fault = waiting.popleft() if waiting else None
        if request.match_info["token"] != TOKEN:
            return web.Response(status=401)
        if fault is not None:
            return web.json_response(fault.body, status=fault.status)
        unique = request.match_info["path"].removeprefix("photos/").removesuffix(".bin")
        found = next((f for f in self.world.files.values() if f.unique == unique), None)
        if found is None:
            return web.Response(status=404)
        response = web.StreamResponse()  # chunked: nobody is told the length beforehand
        await response.prepare(request)
        for at in range(0, len(found.data), 2**16):
            await response.write(found.data[at : at + 2**16])
        await response.write_eof()
        return response

    async def _foreign(self, request: web.Request) -> web.Response:
        self.foreign.append(request.path)
        return web.Response(status=404)
