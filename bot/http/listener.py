"""An address to listen on: taken once, and answered by one server after the other."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence
from typing import Self

from aiohttp import web

from core.domain.errors import SettingsError

_BACKLOG = 128
_LAST_PORT = 65_535


def _other(port: int) -> int:
    return port + 1 if port < _LAST_PORT else port - 1


def _in_line(listening: socket.socket) -> Iterator[socket.socket]:
    """Those who have connected and were not taken yet."""
    with contextlib.suppress(OSError):  # nobody any more
        while True:
            yield listening.accept()[0]


class Listener:
    """An address that connections reach from :meth:`open` until :meth:`close`.

    A server that takes over from another one gets copies of the same sockets, so that no
    connection is refused between them. The last one that leaves closes the address.
    """

    def __init__(self, host: str, sockets: Sequence[socket.socket]) -> None:
        self._host = host
        self._sockets = sockets
        self._copies: dict[web.AppRunner, list[socket.socket]] = {}

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        who: str = "The web chat",
        settings: str = "TANGERINE_WEB_HOST and TANGERINE_WEB_PORT",
        other: str = "TANGERINE_WEB_PORT",
    ) -> Self:
        """Take an address; port 0 is any free one.

        Raises SettingsError where it is taken or not ours: ``who`` cannot listen, which
        ``settings`` choose another address, and which ``other`` port.
        """
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
            taken = [shown.dup() for shown in server.sockets]
            server.close()
            for one in taken:
                # From here on the address is ours alone, and new connections wait.
                one.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"The port {port} of {host} is in use already.",
                    remedy=f"Stop what uses it, or choose another, as {other}={_other(port)}.",
                ) from error
            reason = error.strerror if isinstance(error, socket.gaierror) else str(error)
            raise SettingsError(
                f"{who} cannot listen on {host}, port {port}: {reason}.",
                remedy=f"Choose others with {settings}.",
            ) from error
        return cls(host, taken)

    @property
    def url(self) -> str:
        """Its address, as ``http://127.0.0.1:8080``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._sockets[0].getsockname()[1]}"

    async def serve(self, runner: web.AppRunner) -> None:
        """Let a server that is set up answer here from now on, until its own cleanup."""
        copies = self._copies[runner] = [taken.dup() for taken in self._sockets]
        for copy in copies:
            await web.SockSite(runner, copy).start()

    async def leave(self, runner: web.AppRunner) -> None:
        """Let a server take no more connections; its cleanup is to follow.

        Where no other one serves here, connections in the backlog still go to it, and the address
        is closed: from then on connections are refused.

        asyncio loses a connection that is taken in the very turn of the loop in which the
        server is closed, and whoever made it waits for ever
        (https://github.com/python/cpython/issues/109564).
        """
        loop = asyncio.get_running_loop()
        copies = self._copies.pop(runner, [])
        for copy in copies:
            loop.remove_reader(copy)
        # One turn in which what was taken gets its transport, one in which the server has it.
        for _ in range(2):
            await asyncio.sleep(0)
        if self._copies or not copies:
            return
        # The system resets what stands in line before a socket that is closed.
        in_line = [taken for copy in copies for taken in _in_line(copy)]
        self.close()
        for site in runner.sites:
            await site.stop()
        assert runner.server is not None
        for taken in in_line:
            await loop.connect_accepted_socket(runner.server, taken)

    def close(self) -> None:
        for taken in self._sockets:
            taken.close()
