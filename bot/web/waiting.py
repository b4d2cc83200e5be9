"""What answers at the web chat's address while the model is loaded."""

from __future__ import annotations

from html import escape

from aiohttp import web

from bot.http.listener import Listener
from bot.http.server import Runner
from bot.protocol.ports import Readiness
from bot.web.errors import add_security_headers

# A browser that came early asks again by itself; probes and programs are told the same.
_AGAIN_S = 5
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tangerine</title></head>
<body><h1>Tangerine</h1><p>Not ready yet: {reasons}.</p></body></html>
"""


class WaitingRoom:
    """Alive, not ready, and says why: between :meth:`start` and :meth:`stop`."""

    def __init__(self, listener: Listener, readiness: Readiness) -> None:
        self._listener = listener
        self._readiness = readiness
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/", self._page)
        app.router.add_get("/p/{id}", self._page)
        app.router.add_route("*", "/{path:.*}", self._not_yet)
        app.on_response_prepare.append(add_security_headers)
        self._runner = Runner(app, shutdown_timeout=1.0)

    async def start(self) -> None:
        await self._runner.setup()
        await self._listener.serve(self._runner)

    async def stop(self) -> None:
        await self._listener.leave(self._runner)
        await self._runner.cleanup()

    def _reasons(self) -> str:
        return "; ".join(self._readiness())

    async def _alive(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"alive": True})

    async def _page(self, request: web.Request) -> web.Response:
        del request
        return web.Response(
            text=_PAGE.format(reasons=escape(self._reasons())),
            status=503,
            content_type="text/html",
            headers={"Retry-After": str(_AGAIN_S), "Refresh": str(_AGAIN_S)},
        )

    async def _not_yet(self, request: web.Request) -> web.Response:
        del request
        error = {"code": "not_ready", "message": self._reasons()}
        return web.json_response(
            {"error": error}, status=503, headers={"Retry-After": str(_AGAIN_S)}
        )
