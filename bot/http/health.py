"""What probes and Prometheus ask: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.protocol.ports import Counters, Readiness


class HealthRoutes:
    """``details`` is what ``/readyz?verbose`` tells beside it, in words by subject."""

    def __init__(
        self,
        readiness: Readiness,
        counters: Counters,
        *,
        details: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._readiness = readiness
        self._details = details
        self._counters = counters

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def alive(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"alive": True})

    async def ready(self, request: web.Request) -> web.Response:
        details = {"details": dict(self._details())} if "verbose" in request.query else {}
        reasons = list(self._readiness())
        if not reasons:
            return web.json_response({"ready": True, **details})
        error = {"code": "not_ready", "message": "; ".join(reasons)}
        return web.json_response(
            {"error": error, **details}, status=503, headers={"Retry-After": "5"}
        )

    async def metrics(self, request: web.Request) -> web.Response:
        del request
        return web.Response(
            body=self._counters.render(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
