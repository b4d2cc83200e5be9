"""The connections of a port: what each may take, who makes room, and how each ends."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, cast

import structlog
from aiohttp import web

_log = structlog.get_logger("bot.http")

_MOST_CONNECTIONS = 1024
# Two ports at a time leave half of the descriptors to everything else.
_SHARE_OF_DESCRIPTORS = 4
# A proxy is one address for all who come through it.
_SHARE_OF_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What the connections of one port may take.

    ``total`` and ``per_address`` are connections at a time. Times in seconds: ``head_s`` from
    a connection to the end of its first request's head, ``idle_s`` from an answer to the end
    of the next head, ``stalled_s`` for a client to take a part of its answer (some 48 KiB:
    asyncio's marks of a write buffer). While the server stops, a connection that has sent
    nothing for ``quiet_s`` is closed.
    """

    total: int = _MOST_CONNECTIONS
    per_address: int = _MOST_CONNECTIONS // _SHARE_OF_CONNECTIONS
    head_s: float = 10.0
    idle_s: float = 75.0
    stalled_s: float = 30.0
    quiet_s: float = 1.0

    @classmethod
    def within(cls, descriptors: int) -> Self:
        """Limits that leave most descriptors to the rest of the program."""
        total = min(_MOST_CONNECTIONS, descriptors // _SHARE_OF_DESCRIPTORS)
        total = _MOST_CONNECTIONS if descriptors < 0 else max(total, _SHARE_OF_CONNECTIONS)
        return cls(total=total, per_address=total // _SHARE_OF_CONNECTIONS)


class Crowd:
    """The connections of a port: by address, those that wait for their client apart.

    The one that has waited longest is cut where room is needed; a connection whose request
    is being answered never does.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._total = 0
        self._all: defaultdict[str, set[HttpConnection]] = defaultdict(set)
        # A dict for its order: the first has waited longest.
        self._waiting: defaultdict[str, dict[HttpConnection, None]] = defaultdict(dict)
        self.draining = False
        self.gone = asyncio.Event()
        self.gone.set()

    def enter(self, connection: HttpConnection, address: str) -> bool:
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
            self.gone.clear()
        return admitted

    def leave(self, connection: HttpConnection, address: str) -> None:
        """Forget a connection; one that was not taken in, or left before, changes nothing."""
        here = self._all.get(address)
        if here is None or connection not in here:
            return
        self.attend(connection, address)
        here.discard(connection)
        self._total -= 1
        if not here:
            del self._all[address]
        if not self._total:
            self.gone.set()

    def wait(self, connection: HttpConnection, address: str) -> None:
        if connection in self._all.get(address, ()):
            self._waiting[address].setdefault(connection)

    def attend(self, connection: HttpConnection, address: str) -> None:
        waiting = self._waiting.get(address)
        if waiting is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._waiting[address]

    def drain(self) -> None:
        """Let every connection end as soon as its client has what it asked for."""
        self.draining = True
        for connection in [one for here in self._all.values() for one in here]:
            connection.drain()

    def _cut_one_of(self, address: str) -> bool:
        longest = next(iter(self._waiting.get(address, ())), None)
        if longest is None:
            return False
        self.leave(longest, address)
        longest.cut()
        return True


class HttpConnection(web.RequestHandler):
    """One connection, cut where its client lets it wait for too long."""

    __slots__ = ("_address", "_answering", "_crowd", "_farewell", "_limits", "_timer", "_wire")

    def __init__(self, server: web.Server, crowd: Crowd, limits: ConnectionLimits) -> None:
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
        self._farewell: asyncio.TimerHandle | None = None
        self._answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it in, or cut it where there is no room."""
        self._wire = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if not self._crowd.enter(self, self._address):
            _log.debug("connection refused")
            self.cut()
            return
        super().connection_made(transport)
        self._wait(self._limits.head_s, self.cut)
        self.drain()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.drain()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        self._stay()
        self._crowd.leave(self, self._address)
        super().connection_lost(exc)

    def attend(self) -> None:
        self._answering = True
        self._stay()
        self._be_patient()

    def drain(self) -> None:
        """Where the server stops and nothing is being answered: end it, unless more is asked."""
        if self._crowd.draining and not self._answering and not self._close:
            self._stay()
            loop = asyncio.get_running_loop()
            self._farewell = loop.call_later(self._limits.quiet_s, self._leave)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer. See :class:`aiohttp.web.RequestHandler`."""
        finished = await super().finish_response(request, resp, start_time)
        # What the client has not taken by then keeps even a closed connection open.
        self._wait(self._limits.stalled_s, self._cut_unsent)
        self._answering = False
        self.drain()  # where it began after the answer had
        return finished

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait(self._limits.stalled_s, self.cut)

    def resume_writing(self) -> None:
        """Go on: the client has taken a part."""
        super().resume_writing()
        self._be_patient()

    def cut(self) -> None:
        """End the connection now; what was not sent is lost."""
        self._stop_timer()
        if self._wire is not None:
            self._wire.abort()

    def _leave(self) -> None:
        # Closed at once, data that is on its way here now would be answered with a reset.
        self.close()
        if self._wire is not None and not self._wire.is_closing():
            self._wire.write_eof()
            loop = asyncio.get_running_loop()
            self._farewell = loop.call_later(self._limits.quiet_s, self.force_close)

    def _stay(self) -> None:
        if self._farewell is not None:
            self._farewell.cancel()
            self._farewell = None

    def _be_patient(self) -> None:
        self._stop_timer()
        self._crowd.attend(self, self._address)

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
