"""Who is let in to an encoder, and how what goes wrong is told: in OpenAI's form, with a code."""

from __future__ import annotations

import hmac
import time
from http import HTTPStatus

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from bot.chat.failures import places_of
from bot.encoding.wire import REQUEST_ID
from bot.observability.tracing import request_scope
from bot.protocol.ports import Counters
from core.domain.errors import EncodingFailed, TangerineError, Unavailable

PLATFORM = "encoder"
"""What calls are counted and logged under."""

_OPEN_PATHS = frozenset({"/healthz", "/readyz"})

_log = structlog.get_logger("bot.encoding")


class RefusedCallError(Exception):
    """An HTTP answer that is no vector: ``status``, a stable ``code``, and words for people."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after = retry_after


def admitting(token: str | None) -> Middleware:
    """Lets in who sends the token, compared in constant time; everybody where there is none."""
    wanted = (token or "").encode()

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if wanted and request.path not in _OPEN_PATHS:
            scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(errors="replace"), wanted)
            if scheme.lower() != "bearer" or not right:
                raise RefusedCallError(
                    401, "unauthorized", "Send the token as Authorization: Bearer <token>."
                )
        return await handler(request)

    return admit


def explaining(counters: Counters) -> Middleware:
    """Turns every exception of a handler into JSON, and counts and times each call."""

    @web.middleware
    async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        with request_scope(PLATFORM):
            try:
                response = await handler(request)
            except Exception as error:  # noqa: BLE001 - each becomes an answer
                response = _explained(request, error, counters)
            seconds = time.perf_counter() - started
            if request.method == hdrs.METH_POST:
                counters.answered(PLATFORM, seconds)
            _log.debug(
                "request",
                route=request.path,
                status=response.status,
                of=request.headers.get(REQUEST_ID, "")[:32],
                milliseconds=round(1000 * seconds, 1),
            )
            return response

    return explain


def _explained(request: web.Request, error: Exception, counters: Counters) -> web.Response:
    refused = _refusal(error)
    if refused.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("unexpected error", error=type(error).__name__, traceback=places_of(error))
    counters.error(refused.code)
    kind = "server_error" if refused.status >= 500 else "invalid_request_error"  # noqa: PLR2004
    told = {"message": str(refused), "type": kind, "param": None, "code": refused.code}
    response = web.json_response({"error": told}, status=refused.status)
    if refused.retry_after is not None:
        response.headers[hdrs.RETRY_AFTER] = str(refused.retry_after)
    if refused.status == HTTPStatus.UNAUTHORIZED:
        response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="Tangerine encoder"'
    if not request.content.is_eof():
        response.force_close()  # what is still on its way would be read as the next request
    return response


def _refusal(error: Exception) -> RefusedCallError:
    """What an exception is told as."""
    match error:
        case RefusedCallError():
            told = error
        case web.HTTPException():
            told = RefusedCallError(error.status, "invalid_request", f"{error.reason}.")
        case TimeoutError():
            told = RefusedCallError(504, "timeout", "There was not enough time for this.")
        case Unavailable():
            after = max(1, round(error.retry_after))
            told = RefusedCallError(503, error.code, error.message, retry_after=after)
        case EncodingFailed():
            told = RefusedCallError(422, error.code, error.message)
        case TangerineError():
            told = RefusedCallError(503, error.code, error.general[0])
        case _:
            told = RefusedCallError(500, "internal", "Something went wrong here.")
    return told
