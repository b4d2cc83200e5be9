"""The servers of all our ports: what a connection may cost before anybody knows who makes it.

No server of ours unpacks a body, waits for a head that never ends, or lets connections take
the descriptors that the rest of the program needs. None resets a connection when it stops: what
was asked is answered, with the word that it is the last answer there (RFC 9112, section 9.6).
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bot.http.connections import ConnectionLimits, Crowd, HttpConnection

# What is asked for where the system names no hard limit.
_MANY_DESCRIPTORS = 65_536
# For those whose time is over; aiohttp takes 0 for "no limit".
_AT_LAST_S = 0.1


def raise_descriptor_limit() -> int:
    """Let this process open as many files and connections as the system allows; how many.

    What the soft limit is for, programs that still call ``select``, is none of ours.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems name a hard limit that they do not grant.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@web.middleware
async def refuse_encoded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what would have to be unpacked: a body of 2 MiB may hold 2 GiB."""
    if "Content-Encoding" in request.headers:
        refusal = web.HTTPUnsupportedMediaType(
            reason="Unsupported Media Type: send the body without Content-Encoding"
        )
        refusal.force_close()
        raise refusal
    return await handler(request)


class Runner(web.AppRunner):
    """Sets an application up as a server that withstands strangers.

    A stop waits ``shutdown_timeout`` seconds, at most, for answers under way and for clients
    that keep their connections. ``limits`` None are those that this process's descriptors
    allow. There is no access log: it would name what was asked.
    """

    def __init__(
        self,
        app: web.Application,
        limits: ConnectionLimits | None = None,
        *,
        shutdown_timeout: float,
        handler_cancellation: bool = False,
    ) -> None:
        if refuse_encoded not in app.middlewares:
            app.middlewares.insert(0, refuse_encoded)
        app.on_response_prepare.append(self._name_last)
        super().__init__(app, access_log=None, shutdown_timeout=shutdown_timeout)
        self._limits = limits
        self._cancels = handler_cancellation

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        limits = self._limits or ConnectionLimits.within(descriptors)
        return _Server(made, limits, handler_cancellation=self._cancels)

    async def _name_last(self, request: web.Request, response: web.StreamResponse) -> None:
        del request
        if isinstance(self.server, _Server) and self.server.draining:
            response.force_close()
            response.headers[hdrs.CONNECTION] = "close"


class _Server(web.Server):
    def __init__(
        self, made: web.Server, limits: ConnectionLimits, *, handler_cancellation: bool
    ) -> None:
        factory = made.request_factory

        def attended(*parts: Any) -> web.BaseRequest:
            # Called once for each request, when its head is whole and its turn has come.
            connection = parts[2]
            assert isinstance(connection, HttpConnection)
            connection.attend()
            return factory(*parts)

        super().__init__(
            made.request_handler,
            request_factory=attended,
            handler_cancellation=handler_cancellation,
        )
        self._limits = limits
        self._crowd = Crowd(limits)

    def __call__(self) -> web.RequestHandler:
        return HttpConnection(self, self._crowd, self._limits)

    @property
    def draining(self) -> bool:
        """Whether each answer is the last one of its connection."""
        return self._crowd.draining

    def pre_shutdown(self) -> None:
        # aiohttp's own takes nothing more from connections at once, although their clients were
        # told that they may go on asking.
        self._crowd.drain()

    async def shutdown(  # aiohttp's own signature
        self,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._crowd.gone.wait()
        super().pre_shutdown()
        await super().shutdown(_AT_LAST_S)
