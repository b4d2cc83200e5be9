"""The web adapter: the local web chat, the HTTP API, pictures, health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from bot.chat.admission import Admission
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.chat.presenters.settings import OperatorDefaults
from bot.http.connections import ConnectionLimits
from bot.http.health import HealthRoutes
from bot.http.listener import Listener
from bot.http.secrets import kept_secret
from bot.http.server import Runner, refuse_encoded
from bot.observability.tracing import NoTracer
from bot.protocol.ports import Counters, Readiness, Tracer
from bot.rendering.thumbnails import Thumbnails
from bot.web.api import ApiRoutes
from bot.web.auth import RequestGuard
from bot.web.browse import BrowsingRoutes
from bot.web.chat import ChatRoutes
from bot.web.errors import ErrorMiddleware, add_security_headers
from bot.web.forms import Forms
from bot.web.map import MapRoutes
from bot.web.pictures import Documents, PictureRoutes
from bot.web.sessions import Sessions
from core.domain.ports import Clock, Library
from core.search.browse import Browser
from core.search.service import Search


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where the web chat listens and what it accepts.

    ``port`` 0 takes any free one. ``token`` is required where ``host`` is not loopback;
    ``allowed_hosts`` are further names under which it is reached, as behind a proxy.
    ``admin``: whether people here are administrators. ``max_bytes``: of one picture;
    ``upload_memory``: of all that arrive at a time.
    ``timeout_s``: of one request, its body included, until the answer begins.
    ``session_file`` keeps the key of the sessions; without one they end with the program.
    ``session_key`` is a key that other nodes have as well, in its stead.
    ``connections`` None are as many as this process's descriptors allow.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    allowed_hosts: Iterable[str] = ()
    admin: bool = True
    max_bytes: int = 10 * 2**20
    upload_memory: int = 120 * 2**20
    timeout_s: float = 30.0
    session_file: Path | None = None
    session_key: str | None = field(default=None, repr=False)
    connections: ConnectionLimits | None = None


@dataclass(frozen=True, slots=True)
class WebParts:
    commands: Commands
    search: Search
    library: Library
    browser: Browser
    thumbnails: Thumbnails
    admission: Admission
    counters: Counters
    failures: Failures
    presenters: Callable[[str], Presenter]
    readiness: Readiness
    clock: Clock
    defaults: OperatorDefaults = field(default_factory=OperatorDefaults)
    tracer: Tracer = field(default_factory=NoTracer)
    details: Callable[[], Mapping[str, str]] = dict
    """What ``/readyz?verbose`` tells beside it, in words by subject."""


def build_web_app(parts: WebParts, options: WebOptions, session_key: str) -> web.Application:
    """The aiohttp application; ``session_key`` signs what browsers are known again by.

    Raises SettingsError for an open address without a token.
    """
    access = RequestGuard(
        parts.clock,
        host=options.host,
        token=options.token,
        allowed_hosts=options.allowed_hosts,
    )
    errors = ErrorMiddleware(
        parts.failures, parts.presenters, timeout_s=options.timeout_s, tracer=parts.tracer
    )
    forms = Forms(max_bytes=options.max_bytes, memory=options.upload_memory)
    app = web.Application(
        middlewares=[
            errors.middleware,
            refuse_encoded,
            access.middleware,
            Sessions(session_key).middleware,
        ],
        client_max_size=forms.max_body,
    )
    app.on_response_prepare.append(add_security_headers)
    app.on_response_prepare.append(errors.begin)
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
        parts.browser,
        languages=parts.commands.languages,
        defaults=parts.defaults,
        admin=options.admin,
    ).add_to(app)
    MapRoutes(parts.commands, parts.library, parts.presenters, admin=options.admin).add_to(app)
    BrowsingRoutes(parts.browser, parts.counters).add_to(app)
    PictureRoutes(parts.library, parts.thumbnails).add_to(app)
    HealthRoutes(parts.readiness, parts.counters, details=parts.details).add_to(app)
    return app


class WebAdapter:
    """Serves the web chat between :meth:`start` and :meth:`stop`.

    At ``listener``, where somebody else holds the address; else at one of its own.
    """

    def __init__(
        self,
        parts: WebParts,
        options: WebOptions | None = None,
        *,
        listener: Listener | None = None,
        drain_s: float = 5.0,
    ) -> None:
        self._parts = parts
        self._listener = listener
        self._own: Listener | None = None
        self._options = options or WebOptions()
        self._drain_s = drain_s
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Its address, as ``http://127.0.0.1:8080``, once started."""
        listener = self._listener or self._own
        assert listener is not None
        return listener.url

    async def start(self) -> None:
        """Listen.

        Raises SettingsError where the address is taken or not ours, or no key can be kept.
        """
        options = self._options
        listener = self._listener
        if listener is None:
            listener = self._own = await Listener.open(options.host, options.port)
        key = options.session_key
        if key is None:
            key = await asyncio.to_thread(
                kept_secret,
                options.session_file,
                what="The key of the web chat's sessions",
                remedy="Make the data folder writable.",
            )
        runner = Runner(
            build_web_app(self._parts, options, key),
            options.connections,
            # A client that left needs no answer: its search is cancelled.
            handler_cancellation=True,
            shutdown_timeout=self._drain_s,
        )
        await runner.setup()
        self._runner = runner
        await listener.serve(runner)

    async def stop(self) -> None:
        """Take no more connections, answer what is asked over those there are, end them.

        What is not answered after ``drain_s`` seconds is cut.
        """
        listener = self._listener or self._own
        if self._runner is not None and listener is not None:
            await listener.leave(self._runner)
            await self._runner.cleanup()
            self._runner = None
        if self._own is not None:
            self._own.close()
            self._own = None
