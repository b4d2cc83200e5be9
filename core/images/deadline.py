"""How long a worker may take for one picture: by its processor's clock, not by the wall's."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final, Self

from core.domain.errors import DecodingFailed
from core.images.errors import machine_busy, out_of_time

WAITS: Final = 12.0
"""Times the limit that a worker may take by the wall clock, where others have the processor."""

_LEAST_PAUSE_SECONDS: Final = 0.02


class WorkerDeadline:
    """Raises TimeoutError in its ``async with`` when a process has had its time; :meth:`error`.

    The process ``pid`` may use ``seconds`` of processor time, and ``waits`` times as much by the
    wall clock: on a busy machine that is no measure of a picture. Where the system does not tell
    the processor time of another process (macOS), the wall clock stands for it.
    """

    def __init__(self, pid: int, seconds: float, waits: float = WAITS) -> None:
        self._pid = pid
        self._seconds = seconds
        self._most = seconds * waits
        self._timeout = asyncio.timeout(None)
        self._check: asyncio.TimerHandle | None = None
        self._starved = False

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._began = time.monotonic()
        self._used = _processor_seconds(self._pid)
        self._look_in(self._seconds)
        return self

    async def __aexit__(self, *raised: object) -> None:
        assert self._check is not None
        self._check.cancel()
        await self._timeout.__aexit__(*raised)  # type: ignore[arg-type]

    def error(self) -> DecodingFailed:
        """What is said of the picture after the TimeoutError."""
        return machine_busy(self._most) if self._starved else out_of_time(self._seconds)

    def _look_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._check = loop.call_later(max(seconds, _LEAST_PAUSE_SECONDS), self._look)

    def _look(self) -> None:
        used = _processor_seconds(self._pid)
        passed = time.monotonic() - self._began
        spent = passed if used is None or self._used is None else used - self._used
        left = self._seconds - spent
        self._starved = left > 0 and passed >= self._most
        if left <= 0 or self._starved:
            self._timeout.reschedule(asyncio.get_running_loop().time())
        else:
            self._look_in(min(left, self._most - passed))


def _processor_seconds(pid: int) -> float | None:
    """What all threads of a process have used; None where nobody can tell."""
    if sys.platform != "linux":
        return None
    try:
        # What clock_getcpuclockid(3) gives: the complement of the number, and CPUCLOCK_SCHED.
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:  # it has ended
        return None
