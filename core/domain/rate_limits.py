"""How much may be asked: pauses between requests, and so many a minute and a day."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, NamedTuple, Protocol

from cachetools import LRUCache

from core.domain.asker import Asker, asked_by
from core.domain.errors import AskedTooSoon, CommunityQuotaUsed, TooManyRequests
from core.domain.ports import Clock

Kind = Literal["text", "picture"]

MINUTE_S: Final = 60.0
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Quota:
    """What may be asked; 0 switches a rule off.

    ``cooldown_s`` is the pause in seconds after a request of each kind before the same
    person's next one of any kind.
    """

    cooldown_s: Mapping[Kind, float] = field(default_factory=lambda: {"text": 3.0, "picture": 5.0})
    per_minute: int = 20
    per_day: int = 300


COMMUNITY_QUOTA = Quota({}, per_minute=120, per_day=5000)
"""What everybody in one community may ask together."""

ADMIN_QUOTA = Quota({}, per_minute=60, per_day=1000)
"""What an administrator may ask: apart from what the same person asks as anybody else."""

CHARGED_REQUESTS: Final = 10
"""What a picture counts for, beside itself, whose decoder had to be ended: a worker was busy with
it for as long as with a hundred others, and has to be started anew."""

Bucket = tuple[str, str]
"""What is counted together: of which kind it is, and whose."""


class Window(NamedTuple):
    """So many a minute and a day of what one bucket counts; 0 switches a rule off."""

    bucket: Bucket
    per_minute: int
    per_day: int


class Asked(NamedTuple):
    """One request: the windows that have to have room for it, and the pause that has to be over.

    After it, ``pause`` goes on for ``pause_s`` seconds.
    """

    pause: Bucket
    pause_s: float = 0.0
    windows: tuple[Window, ...] = ()


class Waits(NamedTuple):
    """Seconds until the pause is over, and until each of the windows has room; 0: now."""

    pause_s: float
    windows_s: tuple[float, ...] = ()

    @property
    def none(self) -> bool:
        return self.pause_s <= 0 and max(self.windows_s, default=0.0) <= 0


class RequestCounts(Protocol):
    """Where requests are counted: in this process, or for all nodes that share a database.

    What each method does is one step, however many ask at the same time.
    """

    async def count(self, asked: Asked) -> Waits:
        """Count a request and begin its pause; where it has to wait, neither.

        Raises CatalogueError.
        """

    async def charge(self, buckets: Sequence[Bucket], times: int) -> None:
        """Count so many requests more, whether there is room for them or not. Raises nothing."""

    async def lift(self, pause: Bucket) -> None:
        """End a pause. Raises nothing."""


class OwnCounts:
    """The RequestCounts of one process, in its memory.

    It remembers the most recently used buckets: a flood of invented names forgets the idle ones
    first and cannot grow without bound.
    """

    def __init__(self, clock: Clock, *, remembered: int = 20_000) -> None:
        self._clock = clock
        self._times: LRUCache[Bucket, deque[float]] = LRUCache(remembered)
        self._free_at: LRUCache[Bucket, float] = LRUCache(remembered)

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._times)

    async def count(self, asked: Asked) -> Waits:
        now = self._clock.monotonic()
        waits = Waits(
            self._free_at.get(asked.pause, now) - now,
            tuple([self._wait(window, now) for window in asked.windows]),
        )
        if waits.none:
            for window in asked.windows:
                self._of(window.bucket).append(now)
            self._free_at[asked.pause] = now + asked.pause_s
        return waits

    async def charge(self, buckets: Sequence[Bucket], times: int) -> None:
        now = self._clock.monotonic()
        for bucket in buckets:
            self._of(bucket).extend([now] * times)

    async def lift(self, pause: Bucket) -> None:
        self._free_at.pop(pause, None)

    def _of(self, bucket: Bucket) -> deque[float]:
        times = self._times.get(bucket)
        if times is None:
            times = self._times[bucket] = deque()
        return times

    def _wait(self, window: Window, now: float) -> float:
        times = self._times.get(window.bucket)
        if times is None:
            return 0.0
        while times and times[0] <= now - DAY_S:
            times.popleft()
        return max(
            _until_free(times, window.per_minute, MINUTE_S, now),
            _until_free(times, window.per_day, DAY_S, now),
        )


def _until_free(times: deque[float], allowed: int, window_s: float, now: float) -> float:
    if not allowed or len(times) < allowed:
        return 0.0
    return times[-allowed] + window_s - now


class RateLimiter:
    """Counts the requests of each person and of each community in sliding windows.

    ``counts`` None: in this process alone. ``quota`` None admits everything.
    """

    def __init__(
        self,
        quota: Quota | None,
        clock: Clock,
        *,
        community: Quota = COMMUNITY_QUOTA,
        admin: Quota = ADMIN_QUOTA,
        counts: RequestCounts | None = None,
    ) -> None:
        self._quota = quota
        self._community = community
        self._admin = admin
        self.counts = OwnCounts(clock) if counts is None else counts

    def change(self, quota: Quota | None, *, community: Quota, admin: Quota) -> None:
        """Let other quotas hold from the next request on; what was counted stays counted."""
        self._quota = quota
        self._community = community
        self._admin = admin

    async def admit(
        self,
        requester: str,
        kind: Kind,
        *,
        community: str = "",
        admin: bool = False,
        unasked: bool = False,
        cooldown_s: Mapping[Kind, float] | None = None,
        address: str = "",
    ) -> None:
        """Count one request, or raise TooManyRequests with ``retry_after`` in seconds.

        A refused request is not counted, so that asking again too early costs nothing.
        Raises CommunityQuotaUsed where the others of the community have asked too much, and
        AskedTooSoon where it is only the pause; "" stands for no community. ``admin`` says
        that an administrator asks. What is ``unasked`` is counted apart, for the person and
        the community: it never stands in the way of a question. ``cooldown_s`` holds pauses
        that count in this community alone, instead of the quota's, for everybody but
        administrators. From one ``address`` come at most half of what everybody in a
        community may ask, whatever names its requesters give themselves; "" stands for none.
        From now on the task is known to work for them (:data:`core.domain.asker.asked_by`).
        """
        asked_by.set(None)
        if self._quota is None:
            return
        quota = self._admin if admin else self._quota
        person = ("unasked" if unasked else "admin" if admin else "person", requester)
        everybody = ("unasked here" if unasked else "asked here", community)
        own_pauses = {} if admin else dict(cooldown_s or {})
        windows = [Window(person, quota.per_minute, quota.per_day)]
        if community:
            windows.append(Window(everybody, self._community.per_minute, self._community.per_day))
        if address:
            half = _half(self._community)
            windows.append(Window(("address", address), half.per_minute, half.per_day))
        asked = Asked(
            (f"pause of {person[0]} in {community if own_pauses else ''}", requester),
            {**quota.cooldown_s, **own_pauses}.get(kind, 0.0),
            tuple(windows),
        )
        waits = await self.counts.count(asked)
        if not waits.none:
            used_up, *shared = waits.windows_s
            raise _refusal(waits.pause_s, used_up, max(shared, default=0.0))
        charged = (person, everybody) if community else (person,)
        asked_by.set(Asker(requester, partial(self.counts.charge, charged, CHARGED_REQUESTS)))


def _half(quota: Quota) -> Quota:
    return Quota({}, math.ceil(quota.per_minute / 2), math.ceil(quota.per_day / 2))


def _refusal(pausing: float, used_up: float, shared: float) -> TooManyRequests:
    own = max(pausing, used_up)
    seconds = math.ceil(max(own, shared))
    if shared > own:
        return CommunityQuotaUsed(retry_after=seconds)
    kind = TooManyRequests if max(used_up, shared) > 0 else AskedTooSoon
    return kind(retry_after=seconds)
