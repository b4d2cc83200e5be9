"""Who may talk to the web chat: host names, origins and the bearer token."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware
from cachetools import TTLCache

from bot.web.sessions import is_encrypted
from config.addresses import is_loopback
from core.domain.errors import (
    Forbidden,
    InvalidRequest,
    ProxyNeedsToken,
    SettingsError,
    TooManyRequests,
)
from core.domain.ports import Clock

COOKIE = "tangerine"

_ALIVE = "/healthz"
# Headers that proxies and tunnels add (RFC 7239, RFC 9110 7.6.3, and what came before them).
# What proxies, content networks and tunnels add for whom they speak.
_HANDED_ON = frozenset(
    {
        "cdn-loop",
        "cf-connecting-ip",
        "client-ip",
        "fly-client-ip",
        "forwarded",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-forwarded-for",
        "x-real-ip",
    }
)
_HANDED_ON_FOR = ("x-forwarded", "ngrok-", "tailscale-")
_OPEN_PATHS = frozenset({"/", "/healthz", "/readyz"})
_OPEN_PREFIXES = ("/static/", "/p/")
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_COOKIE_S = 7 * 86_400
_WRONG_TOKENS = 10
_WRONG_S = 60.0


class RequestGuard:
    """Decides before anything else happens whether a request is answered.

    - Names: a server on loopback without a token answers only to its own names (and
      ``allowed_hosts``), so that a web site whose name points to 127.0.0.1 cannot read it
      (DNS rebinding). With a token such a site has no cookie, and proxies hand on any name.
    - Proxies: what a proxy or tunnel hands on comes from anywhere, so that it is refused
      where no token is set, however it is reached.
    - Origins: browsers name the page that sends a request; only our own may.
    - Token: where one is set, everything but the empty page and the health routes needs
      it, as ``Authorization: Bearer`` or as the cookie that :meth:`log_in` gives out.

    Raises SettingsError where others can reach ``host`` and there is no token.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        host: str,
        token: str | None,
        allowed_hosts: Iterable[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        if not token and not is_loopback(host):
            raise SettingsError(
                f"The web chat would listen on {host}, where others can reach it, without a token.",
                remedy="Set TANGERINE_WEB_TOKEN, or TANGERINE_WEB_HOST=127.0.0.1.",
            )
        self._token = token or None
        self._now = now
        self._wrong: TTLCache[str, int] = TTLCache(10_000, _WRONG_S, clock.monotonic)
        names = {name.lower().strip("[]") for name in allowed_hosts}
        if is_loopback(host) and not token:
            names |= {"localhost", "127.0.0.1", "::1", host}
        self._names = frozenset(names)

    @property
    def middleware(self) -> Middleware:
        """For aiohttp's list of middlewares."""

        @web.middleware
        async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._check_name(request)
            self._check_proxy(request)
            self._check_origin(request)
            self._check_token(request)
            return await handler(request)

        return admit

    def log_in(self, request: web.Request, response: web.Response) -> None:
        """Give the browser a cookie that scripts cannot read and other sites cannot send.

        It holds no token, but a proof of one that ends after seven days.
        """
        if self._token is None:
            return
        expires = str(int(self._now()) + _COOKIE_S)
        response.set_cookie(
            COOKIE,
            f"{expires}.{self._proof(expires)}",
            max_age=_COOKIE_S,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=is_encrypted(request),
        )

    def _check_name(self, request: web.Request) -> None:
        if self._names and _hostname(request.headers.get("Host", "")) not in self._names:
            raise Forbidden(
                "This server does not answer to that host name.",
                remedy="Open it as http://127.0.0.1 or http://localhost with its port.",
            )

    def _check_proxy(self, request: web.Request) -> None:
        if self._token is not None or request.path == _ALIVE:
            return
        names = {name.lower() for name in request.headers}
        # nginx speaks HTTP/1.0 to what it hands on to, where nobody told it otherwise
        # (proxy_http_version); no browser does.
        old = request.version < HttpVersion11
        if old or names & _HANDED_ON or any(name.startswith(_HANDED_ON_FOR) for name in names):
            raise ProxyNeedsToken

    def _check_origin(self, request: web.Request) -> None:
        site = request.headers.get("Sec-Fetch-Site", "none")
        if request.method in _SAFE_METHODS:
            # A link to the page may come from anywhere; its data may not.
            refused = site not in {"none", "same-origin"} and not _is_open(request.path)
        else:
            origin = request.headers.get("Origin")
            foreign = origin is not None and (
                _netloc(origin) != request.headers.get("Host", "").lower()
            )
            refused = foreign or site not in {"none", "same-origin"}
        if refused:
            raise Forbidden(
                "Another web site sent that request.", remedy="Use the chat's own page."
            )

    def _check_token(self, request: web.Request) -> None:
        if self._token is None or _is_open(request.path):
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and given.strip():
            self._check_given(given.strip(), request.remote or "")
            return
        if not self._is_proof(request.cookies.get(COOKIE, "")):
            raise Forbidden(
                "This chat is protected by a token.",
                remedy="Send it as: Authorization: Bearer <token>.",
            )

    def _check_given(self, given: str, remote: str) -> None:
        # The right one first, so that guesses from the same address lock nobody out.
        if hmac.compare_digest(_bytes(given), _bytes(self._token or "")):
            return
        wrong = self._wrong.get(remote, 0)
        if wrong >= _WRONG_TOKENS:
            raise TooManyRequests(
                "Too many wrong tokens came from your address.", retry_after=_WRONG_S
            )
        self._wrong[remote] = wrong + 1
        raise Forbidden("That token is wrong.", remedy="Ask the operator for TANGERINE_WEB_TOKEN.")

    def _is_proof(self, cookie: str) -> bool:
        expires, _, proof = cookie.partition(".")
        if not expires.isascii() or not expires.isdigit() or int(expires[:16]) < self._now():
            return False
        return hmac.compare_digest(_bytes(proof), self._proof(expires).encode())

    def _proof(self, expires: str) -> str:
        key = hashlib.sha256((self._token or "").encode()).digest()
        return hmac.new(key, f"web:{expires}".encode(), hashlib.sha256).hexdigest()


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        raise InvalidRequest("The Host header is malformed.", remedy="Use a host name.") from None


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""  # no address, and so none of ours


def _bytes(text: str) -> bytes:
    # Bytes that are no UTF-8 reach us as half surrogate pairs.
    return text.encode(errors="surrogateescape")
