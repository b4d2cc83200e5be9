"""Who asks over the web: a browser's session, not the address that many may share."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.protocol.requests import InMemory, Request

COMMUNITY = "web"
PLATFORM = "web"
SESSION_COOKIE = "tangerine_session"

# What the page asks for when it is opened, and after a log-in. Not the page itself: a browser
# that follows a link from another site asks for it without the cookie that it has (SameSite),
# and would lose the session to a new one.
_BEGINS = frozenset({"/api/welcome", "/api/login"})
_ID_BYTES = 16
# Browsers keep no cookie for longer.
_COOKIE_S = 400 * 86_400

_SESSION = web.RequestKey("session", str)


def requester(request: web.Request) -> str:
    """Whom a request counts for: its session; its address for programs that keep no cookie."""
    return f"web:{request.get(_SESSION) or request.remote}"


def neutral(
    request: web.Request,
    *,
    admin: bool,
    locale: str = "en",
    text: str = "",
    pictures: tuple[InMemory, ...] = (),
) -> Request:
    """The request as every platform makes it."""
    return Request(
        platform=PLATFORM,
        community=COMMUNITY,
        requester=requester(request),
        address=request.remote or "",
        is_admin=admin,
        locale=locale,
        text=text,
        pictures=pictures,
    )


class Sessions:
    """Gives browsers a session each, and knows them again, also after a restart.

    A session is a random name, signed with ``key``, in a cookie that scripts cannot read and
    other sites cannot send.
    """

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(b"web session:" + key.encode()).digest()

    @property
    def middleware(self) -> Middleware:
        """For aiohttp's list of middlewares."""

        @web.middleware
        async def know(request: web.Request, handler: Handler) -> web.StreamResponse:
            session = self._session_of(request)
            if session is not None:
                request[_SESSION] = session
            if request.path not in _BEGINS:
                return await handler(request)
            name = session or secrets.token_urlsafe(_ID_BYTES)
            request[_SESSION] = name
            response = await handler(request)
            self._give(name, request, response)
            return response

        return know

    def _session_of(self, request: web.Request) -> str | None:
        name, _, signature = request.cookies.get(SESSION_COOKIE, "").partition(".")
        if not name:
            return None
        expected = self._signature(name)
        valid = hmac.compare_digest(signature.encode(errors="surrogateescape"), expected.encode())
        return name if valid else None

    def _give(self, name: str, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Cache-Control"] = "private, no-store"
        response.set_cookie(
            SESSION_COOKIE,
            f"{name}.{self._signature(name)}",
            max_age=_COOKIE_S,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=is_encrypted(request),
        )

    def _signature(self, name: str) -> str:
        return hmac.new(
            self._key, name.encode(errors="surrogateescape"), hashlib.sha256
        ).hexdigest()


def is_encrypted(request: web.Request) -> bool:
    """Whether the browser speaks TLS, to us or to the proxy before us."""
    return request.secure or request.headers.get("X-Forwarded-Proto") == "https"
