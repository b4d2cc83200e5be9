"""Exceptions to the contract's JSON: ``{"error": {"code", "message"}}`` and a status."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.i18n.messages import Words
from bot.observability.tracing import NoTracer, request_scope
from bot.protocol.ports import Tracer
from bot.protocol.replies import ErrorInfo
from bot.web.page import wanted_language
from core.domain.errors import (
    EmptyCollection,
    Forbidden,
    InvalidRequest,
    MachineBusy,
    NotFound,
    PictureTooLarge,
    SourceError,
    TangerineError,
    TooManyRequests,
    Unavailable,
)

_STATUS: tuple[tuple[type[TangerineError], int], ...] = (
    # The first class that fits decides, so the special ones stand first.
    (PictureTooLarge, 413),
    (MachineBusy, 503),
    (InvalidRequest, 400),
    (Forbidden, 403),
    (NotFound, 404),
    (EmptyCollection, 404),
    (TooManyRequests, 429),
    (Unavailable, 503),
    # A folder that is not there comes back, as a disk does.
    (SourceError, 503),
)

# How long a request may take until its answer begins; nothing once it has begun.
_DEADLINE = web.RequestKey("deadline", asyncio.Timeout)
_BEGUN = web.RequestKey("begun", bool)

_HTTP_CODES = {403: "forbidden", 404: "not_found", 405: "invalid_request", 413: "too_large"}

# Nothing but our own files runs, loads or frames the page; pictures of a message that is
# being written are shown from memory (blob:), placeholders from the answer itself (data:).
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def status_of(error: TangerineError) -> int:
    """The HTTP status of an error: 400, 403, 404, 413, 429, 503, and 500 for the rest."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def error_response(status: int, info: ErrorInfo) -> web.Response:
    """The contract's JSON; ``Retry-After`` in whole seconds, at least 1."""
    response = web.json_response(
        {"error": {"code": info.code, "message": info.text}}, status=status
    )
    if info.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(info.retry_after)))
    if status == 403:  # noqa: PLR2004 - the contract's status for a missing token, too
        response.headers["WWW-Authenticate"] = 'Bearer realm="Tangerine"'
    return response


class ErrorMiddleware:
    """Turns every exception of a handler into JSON, and bounds how long it may take.

    ``timeout_s``: seconds until the answer begins, the reading of the request's body included.
    An answer that has begun gets no other one inside it: what goes wrong then ends the
    connection, so that whoever reads it knows that it is not whole. How long a client may take
    to read it is the connection's affair (:mod:`bot.http.server`).
    """

    def __init__(
        self,
        failures: Failures,
        presenters: Callable[[str], Presenter],
        *,
        timeout_s: float,
        log: Any = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._failures = failures
        self._presenters = presenters
        self._timeout_s = timeout_s
        self._tracer = tracer or NoTracer()
        # Bound once: an unbound one is created for every line, also for those left out.
        self._log = log if log is not None else structlog.get_logger("bot.web").bind()

    @property
    def middleware(self) -> Middleware:
        """For aiohttp's list of middlewares."""

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            with request_scope("web"):
                return await self._told(request, handler)

        return answer

    async def begin(self, request: web.Request, response: web.StreamResponse) -> None:
        """Signal handler: note that an answer begins."""
        del response
        request[_BEGUN] = True
        deadline = request.get(_DEADLINE)
        if deadline is not None:
            deadline.reschedule(None)

    async def _told(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        resource = request.match_info.route.resource
        # The route, never the address: the address holds what was asked.
        route = resource.canonical if resource else ""
        with self._tracer.span("http", method=request.method, route=route) as span:
            response = await self._answer(request, handler)
            span.tell(status=response.status)
        self._log.debug(
            "request",
            method=request.method,
            route=route,
            status=response.status,
            milliseconds=round(1000 * (time.perf_counter() - started), 1),
        )
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await self._in_time(request, handler)
        except Exception as error:
            if request.get(_BEGUN):
                return self._cut(request, error)
            if isinstance(error, web.HTTPException) and error.status < 400:  # noqa: PLR2004
                raise  # redirects are answers
            return self._explained(request, error)

    def _explained(self, request: web.Request, error: Exception) -> web.Response:
        if isinstance(error, web.HTTPException):
            code = _HTTP_CODES.get(error.status, "invalid_request")
            info = ErrorInfo(code, f"{error.status} {error.reason}.", "")
            response = error_response(error.status, info)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            if error.keep_alive is False:
                response.force_close()
            return response
        if isinstance(error, TangerineError):
            info = self._failures.explain(error, self._words(request))
            return error_response(status_of(error), info)
        if isinstance(error, ConnectionError) and _is_gone(request):
            return web.Response(status=400)
        asked = request.query.values()
        info = self._failures.explain(error, self._words(request), asked=asked, platform="web")
        return error_response(500, info)

    def _cut(self, request: web.Request, error: Exception) -> web.StreamResponse:
        if not (isinstance(error, ConnectionError) and _is_gone(request)):
            asked = request.query.values()
            self._failures.explain(error, self._words(request), asked=asked, platform="web")
            if request.transport is not None:
                request.transport.abort()
        return web.Response(status=500)  # to a connection that is closed: nobody gets it

    def _words(self, request: web.Request) -> Words:
        return self._presenters(wanted_language(request)).words

    async def _in_time(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        deadline = asyncio.timeout(self._timeout_s)
        try:
            async with deadline:
                request[_DEADLINE] = deadline
                try:
                    return await handler(request)
                finally:
                    del request[_DEADLINE]
        except TimeoutError:
            if not deadline.expired():
                raise
            raise Unavailable(
                "That took longer than {seconds} s.", retry_after=5, seconds=self._timeout_s
            ) from None


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: the headers that every response carries, errors included."""
    del request
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
