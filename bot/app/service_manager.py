"""What systemd is told of the program: ready, stopping, alive (``sd_notify(3)``)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from typing import Self

from bot.protocol.ports import Readiness

_STATUS_EVERY_S = 10.0
# systemd.service(5), "WatchdogSec=": at half of the time.
_WATCHDOG_SHARE = 0.5


class ServiceManager:
    """Speaks to the service manager that started us; to nobody where there is none.

    ``address`` is the path of its socket, or an abstract name that begins with ``@``.
    ``watchdog_s`` is the time after which it restarts a program that was silent, None for
    never.
    """

    def __init__(self, address: str | None, *, watchdog_s: float | None = None) -> None:
        self._address = address
        self._every_s = min(_STATUS_EVERY_S, (watchdog_s or float("inf")) * _WATCHDOG_SHARE)

    @classmethod
    def of(cls, environment: Mapping[str, str], *, pid: int) -> Self:
        """The one that an environment names, as systemd sets it for the process ``pid``."""
        watchdog = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        seconds = int(watchdog) / 1e6 if watchdog.isdecimal() and meant else None
        return cls(environment.get("NOTIFY_SOCKET"), watchdog_s=seconds or None)

    def ready(self) -> None:
        """Say that the model is loaded and the adapters are started."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that what is under way is being answered, and nothing else any more."""
        self._send("STOPPING=1", "STATUS=Stopping.")

    async def keep_alive(self, readiness: Readiness) -> None:
        """Say again and again that the event loop runs, and how the program is."""
        if self._address is None:
            return
        while True:
            reasons = "; ".join(readiness()).replace("\n", " ")
            status = f"Not ready: {reasons}" if reasons else "Answering."
            self._send("WATCHDOG=1", f"STATUS={status}")
            await asyncio.sleep(self._every_s)

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # A manager that is gone or busy must not stop us.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.setblocking(False)
            out.sendto("\n".join(lines).encode(), address)
