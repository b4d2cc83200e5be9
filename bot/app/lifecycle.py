"""The life of the program: alive at once, ready with its model, asked to stop, over in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Self, TypeVar

import structlog

from bot.chat.supervision import Pauses
from bot.engine.engine import Engine, open_engine
from bot.observability.health import told_to_strangers
from bot.protocol.ports import Readiness
from bot.terminal.console import Loading, Terminal
from config.settings import Settings
from core.domain.errors import ModelUnavailable

_Result = TypeVar("_Result")

_log = structlog.get_logger("bot.starting")
_stopping_log = structlog.get_logger("bot.stopping")

# A model may come back: its disk is mounted late, its hub out of reach. Within a minute of
# that it is noticed.
_PAUSES = Pauses(longest_s=30.0)
# Loading cannot be broken off, and nothing is lost by ending in the middle of it.
_GRACE_S = 10.0

_STATUS_EVERY_S = 10.0
# systemd.service(5), "WatchdogSec=": at half of the time.
_WATCHDOG_SHARE = 0.5

# A process group and its leader are often signalled both: that is one request, not two.
_SAME_REQUEST_S = 1.0
# Of the 20 that are promised. Threads cannot be broken off, and one may be writing the index
# of a million pictures; nothing is lost by ending in the middle of it.
_AT_LATEST_S = 18.0

Opening = Callable[[Settings], AbstractAsyncContextManager[Engine]]
"""How an engine is made of settings."""


class Starting:
    """Opens the engine as soon as its model can be loaded, and says why it is not yet."""

    def __init__(
        self,
        settings: Settings,
        terminal: Terminal,
        *,
        opening: Opening = open_engine,
        pauses: Pauses = _PAUSES,
        grace_s: float = _GRACE_S,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """``pauses`` lie between attempts of ``opening``.

        ``grace_s`` after the last one was given up, ``end`` is called.
        """
        self._settings = settings
        self._terminal = terminal
        self._opening = opening
        self._pauses = pauses
        self._grace_s = grace_s
        self._end = end
        self._reason = "the model is being loaded"

    def unready(self) -> list[str]:
        """Why there is no engine yet, for as long as there is none."""
        return [self._reason]

    async def engine(self, stack: AsyncExitStack, stop: asyncio.Event) -> Engine | None:
        """The engine, closed with ``stack``; None where ``stop`` was set before.

        A model that cannot be loaded is told once and tried again, until it can be. Raises
        what else :func:`bot.engine.engine.open_engine` raises.
        """
        return await _unless(stop, self._open(stack), self._give_up)

    async def _open(self, stack: AsyncExitStack) -> Engine:
        failures, told = 0, ""
        while True:
            try:
                remote = bool(self._settings.encoder.urls)
                what = "asking the encoders" if remote else f"loading {self._settings.model}"
                with Loading(self._terminal, what):
                    engine = await stack.enter_async_context(self._opening(self._settings))
                _log.debug("engine.ready")
            except ModelUnavailable as error:
                if told != error.message:
                    self._terminal.error(error.message, error.remedy)
                    self._terminal.note("It is tried again from time to time.")
                    told = error.message
                self._reason = told_to_strangers(error)
            else:
                return engine
            failures += 1
            await asyncio.sleep(self._pauses.after(failures))

    def _give_up(self) -> None:
        # A thread, since the event loop waits for the one that loads when it ends.
        ending = threading.Timer(self._grace_s, self._end, (0,))
        ending.daemon = True
        ending.start()


async def _unless(
    stop: asyncio.Event, work: Coroutine[Any, Any, _Result], give_up: Callable[[], None]
) -> _Result | None:
    """The result of ``work``; where ``stop`` is set before, None, and the work is cancelled."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        give_up()
        return None
    finally:
        for task in (doing, stopping):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


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


def stop_on_signals(
    *,
    at_latest_s: float = _AT_LATEST_S,
    end: Callable[[int], object] = os._exit,
    clock: Callable[[], float] = time.monotonic,
) -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets, on the running event loop.

    A second signal, more than a second later by ``clock``, calls ``end`` with 1 at once.
    ``at_latest_s`` seconds after the first, ``end`` is called with 0 where the process is still
    there by then.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked_at = 0.0

    def on_signal() -> None:
        nonlocal asked_at
        if not stop.is_set():
            asked_at = clock()
            stop.set()
            # A thread, since the event loop itself may be what waits.
            late = threading.Timer(at_latest_s, _too_late, (end,))
            late.daemon = True
            late.start()
        elif clock() - asked_at > _SAME_REQUEST_S:
            end(1)  # asked twice: now means now

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


def asked_by_hangup() -> asyncio.Event:
    """An event that SIGHUP sets, on the running event loop."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    return asked


def _too_late(end: Callable[[int], object]) -> None:
    _stopping_log.warning("not everything was done in time; what is on disk is whole all the same")
    end(0)
