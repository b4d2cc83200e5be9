"""The web adapter: the local web chat, the HTTP API, pictures, health and metrics."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from bot.admission import Admission
from bot.commands import Commands
from bot.failures import Failures
from bot.ports import Counters, Readiness
from bot.presenter import Presenter
from bot.thumbnails import Thumbnails
from bot.web_access import Access
from bot.web_api import ApiRoutes
from bot.web_chat import ChatRoutes
from bot.web_documents import Documents
from bot.web_errors import ErrorMiddleware, add_security_headers
from bot.web_forms import Forms
from bot.web_pictures import PictureRoutes
from core.errors import SettingsError
from core.ports import Clock, Library
from core.search import Search


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where the web chat listens and what it accepts.

    ``port`` 0 takes any free one. ``token`` is required where ``host`` is not loopback;
    ``allowed_hosts`` are further names under which it is reached, as behind a proxy.
    ``admin``: whether people here are administrators. ``count``: results where no number is
    given. ``max_bytes``: of one picture. ``timeout_s``: of one request, its body included.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    allowed_hosts: Iterable[str] = ()
    admin: bool = True
    count: int = 5
    max_bytes: int = 10 * 2**20
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the web adapter is made of."""

    commands: Commands
    search: Search
    library: Library
    thumbnails: Thumbnails
    admission: Admission
    counters: Counters
    failures: Failures
    presenters: Callable[[str], Presenter]
    readiness: Readiness
    clock: Clock


def build_web_app(parts: WebParts, options: WebOptions) -> web.Application:
    """The aiohttp application. Raises SettingsError for an open address without a token."""
    access = Access(
        parts.clock,
        host=options.host,
        token=options.token,
        allowed_hosts=options.allowed_hosts,
    )
    errors = ErrorMiddleware(parts.failures, parts.presenters, timeout_s=options.timeout_s)
    forms = Forms(max_bytes=options.max_bytes)
    app = web.Application(
        middlewares=[errors.middleware, access.middleware], client_max_size=forms.max_body
    )
    app.on_response_prepare.append(add_security_headers)
    documents = Documents(parts.clock)
    documents.add_to(app)
    ChatRoutes(
        parts.commands,
        parts.library,
        access,
        forms,
        parts.presenters,
        documents=documents,
        max_bytes=options.max_bytes,
        admin=options.admin,
    ).add_to(app)
    ApiRoutes(
        parts.search,
        parts.admission,
        parts.counters,
        forms,
        count=options.count,
        admin=options.admin,
    ).add_to(app)
    PictureRoutes(parts.library, parts.thumbnails).add_to(app)
    _HealthRoutes(parts.readiness, parts.counters).add_to(app)
    return app


class _HealthRoutes:
    def __init__(self, readiness: Readiness, counters: Counters) -> None:
        self._readiness = readiness
        self._counters = counters

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def alive(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"alive": True})

    async def ready(self, request: web.Request) -> web.Response:
        del request
        reasons = list(self._readiness())
        if not reasons:
            return web.json_response({"ready": True})
        error = {"code": "not_ready", "message": "; ".join(reasons)}
        return web.json_response({"error": error}, status=503, headers={"Retry-After": "5"})

    async def metrics(self, request: web.Request) -> web.Response:
        del request
        return web.Response(
            body=self._counters.render(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


class WebAdapter:
    """Serves the web chat between :meth:`start` and :meth:`stop`."""

    def __init__(
        self, parts: WebParts, options: WebOptions | None = None, *, drain_s: float = 5.0
    ) -> None:
        self._parts = parts
        self._options = options or WebOptions()
        self._drain_s = drain_s
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its address, as ``http://127.0.0.1:8080``, once started."""
        host = self._options.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises SettingsError where the address is taken or not ours."""
        options = self._options
        runner = web.AppRunner(
            build_web_app(self._parts, options),
            # A client that left needs no answer: its search is cancelled.
            handler_cancellation=True,
            # The access log would name what was asked.
            access_log=None,
            shutdown_timeout=self._drain_s,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, options.host, options.port)
            await site.start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            reason = error.strerror if isinstance(error, socket.gaierror) else str(error)
            raise SettingsError(
                f"The web chat cannot listen on {options.host}, port {options.port}: {reason}.",
                remedy="Choose others with TANGERINE_WEB_HOST and TANGERINE_WEB_PORT.",
            ) from error
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, let running requests end for ``drain_s`` seconds, then cut them."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
