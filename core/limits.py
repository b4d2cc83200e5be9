"""How much one requester may ask: a pause between requests, so many a minute and a day."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cachetools import LRUCache

from core.errors import TooManyRequests
from core.ports import Clock

Kind = Literal["text", "picture"]

_MINUTE_S = 60.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Quota:
    """What one requester may ask; 0 switches a rule off.

    ``cooldown_s`` is the pause in seconds after a request of each kind before the next of
    any kind.
    """

    cooldown_s: Mapping[Kind, float] = field(default_factory=lambda: {"text": 3.0, "picture": 5.0})
    per_minute: int = 20
    per_day: int = 300


@dataclass(slots=True)
class _Usage:
    free_at: float = -math.inf
    times: deque[float] = field(default_factory=deque)


class Limits:
    """Counts the requests of each requester in sliding windows.

    The state lives in memory, for the ``remembered`` most recent requesters: a flood of
    invented names forgets the idle ones first and cannot grow without bound. ``quota`` None
    admits everything.
    """

    def __init__(self, quota: Quota | None, clock: Clock, *, remembered: int = 10_000) -> None:
        self._quota = quota
        self._clock = clock
        self._usage: LRUCache[str, _Usage] = LRUCache(remembered)

    def admit(self, requester: str, kind: Kind) -> None:
        """Count one request, or raise TooManyRequests with ``retry_after`` in seconds.

        A refused request is not counted, so that asking again too early costs nothing.
        """
        if self._quota is None:
            return
        now = self._clock.monotonic()
        usage = self._usage.get(requester) or _Usage()
        self._usage[requester] = usage
        while usage.times and usage.times[0] <= now - _DAY_S:
            usage.times.popleft()
        wait = max(
            usage.free_at - now,
            self._until_free(usage.times, self._quota.per_minute, _MINUTE_S, now),
            self._until_free(usage.times, self._quota.per_day, _DAY_S, now),
        )
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyRequests(
                "You are asking faster than this server allows.",
                remedy=f"Try again in {_in_words(seconds)}.",
                retry_after=seconds,
            )
        usage.times.append(now)
        usage.free_at = now + self._quota.cooldown_s.get(kind, 0.0)

    @staticmethod
    def _until_free(times: deque[float], allowed: int, window_s: float, now: float) -> float:
        if not allowed or len(times) < allowed:
            return 0.0
        return times[-allowed] + window_s - now


def _in_words(seconds: int) -> str:
    if seconds < 120:  # noqa: PLR2004 - below two minutes, seconds read better
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{math.ceil(seconds / 60)} minutes"
    return f"{math.ceil(seconds / 3600)} hours"
