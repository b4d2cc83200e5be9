"""How a running program is asked to stop: politely, at once, and in any case in time."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable

import structlog

# A process group and its leader are often signalled both: that is one request, not two.
_SAME_REQUEST_S = 1.0

# Of the 20 that are promised. Threads cannot be broken off, and one may be writing the index
# of a million pictures; nothing is lost by ending in the middle of it.
_AT_LATEST_S = 18.0

_log = structlog.get_logger("bot.stopping")


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
    _log.warning("not everything was done in time; what is on disk is whole all the same")
    end(0)
