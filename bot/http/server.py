"""The servers of all our ports: what a connection may cost before anybody knows who makes it.

No server of ours unpacks a body, waits for a head that never ends, or lets connections take
the descriptors that the rest of the program needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

_log = structlog.get_logger("bot.http")

# What is asked for where the system names no hard limit.
_MANY_DESCRIPTORS = 65_536
_MOST_CONNECTIONS = 1024
# Two ports at a time leave half of the descriptors to everything else.
_SHARE_OF_DESCRIPTORS = 4
# A proxy is one address for all who come through it.
_SHARE_OF_CONNECTIONS = 2


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


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What the connections of one port may take.

    ``total`` and ``per_address`` are connections at a time. Times in seconds: ``head_s`` from
    a connection to the end of its first request's head, ``idle_s`` from an answer to the end
    of the next head, ``stalled_s`` for a client to take a part of its answer (some 48 KiB:
    asyncio's marks of a write buffer).
    """

    total: int = _MOST_CONNECTIONS
    per_address: int = _MOST_CONNECTIONS // _SHARE_OF_CONNECTIONS
    head_s: float = 10.0
    idle_s: float = 75.0
    stalled_s: float = 30.0

    @classmethod
    def within(cls, descriptors: int) -> Self:
        """Limits that leave most descriptors to the rest of the program."""
        total = min(_MOST_CONNECTIONS, descriptors // _SHARE_OF_DESCRIPTORS)
        total = _MOST_CONNECTIONS if descriptors < 0 else max(total, _SHARE_OF_CONNECTIONS)
        return cls(total=total, per_address=total // _SHARE_OF_CONNECTIONS)


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

    What a stop waits for answers under way is ``shutdown_timeout`` seconds. ``limits`` None
    are those that this process's descriptors allow. There is no access log: it would name
    what was asked.
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
        super().__init__(app, access_log=None, shutdown_timeout=shutdown_timeout)
        self._limits = limits
        self._cancels = handler_cancellation

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        limits = self._limits or ConnectionLimits.within(descriptors)
        return _Server(made, limits, handler_cancellation=self._cancels)


class _Crowd:
    """The connections of a port: by address, those that wait for their client apart.

    Whoever has waited longest goes first where room is needed; a connection whose request
    is being answered never does.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._total = 0
        self._all: defaultdict[str, set[_Connection]] = defaultdict(set)
        # A dict for its order: the first has waited longest.
        self._waiting: defaultdict[str, dict[_Connection, None]] = defaultdict(dict)

    def enter(self, connection: _Connection, address: str) -> bool:
        """Take a connection in, at the cost of one that waits where there is no room."""
        if len(self._all.get(address, ())) >= self._limits.per_address:
            admitted = self._cut_one_of(address)
        elif self._total >= self._limits.total:
            by_size = sorted(self._waiting, key=lambda a: len(self._all[a]), reverse=True)
            admitted = any(self._cut_one_of(crowded) for crowded in by_size)
        else:
            admitted = True
        if admitted:
            self._total += 1
            self._all[address].add(connection)
        return admitted

    def leave(self, connection: _Connection, address: str) -> None:
        """Forget a connection; one that was not taken in, or left before, changes nothing."""
        here = self._all.get(address)
        if here is None or connection not in here:
            return
        self.attend(connection, address)
        here.discard(connection)
        self._total -= 1
        if not here:
            del self._all[address]

    def wait(self, connection: _Connection, address: str) -> None:
        if connection in self._all.get(address, ()):
            self._waiting[address].setdefault(connection)

    def attend(self, connection: _Connection, address: str) -> None:
        """Note that it is our turn."""
        waiting = self._waiting.get(address)
        if waiting is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._waiting[address]

    def _cut_one_of(self, address: str) -> bool:
        longest = next(iter(self._waiting.get(address, ())), None)
        if longest is None:
            return False
        self.leave(longest, address)
        longest.cut()
        return True


class _Server(web.Server):
    def __init__(
        self, made: web.Server, limits: ConnectionLimits, *, handler_cancellation: bool
    ) -> None:
        factory = made.request_factory

        def attended(*parts: Any) -> web.BaseRequest:
            # Called once for each request, when its head is whole and its turn has come.
            connection = parts[2]
            assert isinstance(connection, _Connection)
            connection.attend()
            return factory(*parts)

        super().__init__(
            made.request_handler,
            request_factory=attended,
            handler_cancellation=handler_cancellation,
        )
        self._limits = limits
        self._crowd = _Crowd(limits)

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, self._crowd, self._limits)


class _Connection(web.RequestHandler):
    """One connection, cut where its client lets it wait for too long."""

    __slots__ = ("_address", "_crowd", "_limits", "_timer", "_wire")

    def __init__(self, server: web.Server, crowd: _Crowd, limits: ConnectionLimits) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's runner hands it over
            auto_decompress=False,
            keepalive_timeout=limits.idle_s,
        )
        self._crowd = crowd
        self._limits = limits
        self._address = ""
        self._wire: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if not self._crowd.enter(self, self._address):
            _log.debug("connection refused")
            self.cut()
            return
        super().connection_made(transport)
        self._wait(self._limits.head_s, self.cut)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        self._crowd.leave(self, self._address)
        super().connection_lost(exc)

    def attend(self) -> None:
        self._stop_timer()
        self._crowd.attend(self, self._address)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        finished = await super().finish_response(request, resp, start_time)
        # What the client has not taken by then keeps even a closed connection open.
        self._wait(self._limits.stalled_s, self._cut_unsent)
        return finished

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(self._limits.stalled_s, self.cut)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.attend()

    def cut(self) -> None:
        """End the connection now; what was not sent is lost."""
        self._stop_timer()
        if self._wire is not None:
            self._wire.abort()

    def _cut_unsent(self) -> None:
        if self._wire is not None and self._wire.get_write_buffer_size():
            self.cut()

    def _wait(self, seconds: float, late: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, late)
        self._crowd.wait(self, self._address)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
