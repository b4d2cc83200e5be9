"""How much may be asked: pauses between requests, and so many a minute and a day."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from cachetools import LRUCache

from core.domain.asker import Asker, asked_by
from core.domain.errors import AskedTooSoon, CommunityQuotaUsed, TooManyRequests
from core.domain.ports import Clock

Kind = Literal["text", "picture"]

_MINUTE_S = 60.0
_DAY_S = 86_400.0


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

_Bucket = tuple[str, str]


class _Windows:
    """When requests were admitted in each bucket, for the most recently used buckets."""

    def __init__(self, remembered: int) -> None:
        self._times: LRUCache[_Bucket, deque[float]] = LRUCache(remembered)

    def __len__(self) -> int:
        return len(self._times)

    def wait(self, bucket: _Bucket, quota: Quota, now: float) -> float:
        """Seconds until the bucket takes another request."""
        times = self._times.get(bucket)
        if times is None:
            return 0.0
        while times and times[0] <= now - _DAY_S:
            times.popleft()
        return max(
            self._until_free(times, quota.per_minute, _MINUTE_S, now),
            self._until_free(times, quota.per_day, _DAY_S, now),
        )

    def count(self, bucket: _Bucket, now: float) -> None:
        times = self._times.get(bucket)
        if times is None:
            times = self._times[bucket] = deque()
        times.append(now)

    @staticmethod
    def _until_free(times: deque[float], allowed: int, window_s: float, now: float) -> float:
        if not allowed or len(times) < allowed:
            return 0.0
        return times[-allowed] + window_s - now


class RateLimiter:
    """Counts the requests of each person and of each community in sliding windows.

    The state lives in memory, for the ``remembered`` most recent persons, and as many
    communities: a flood of invented names forgets the idle ones first and cannot grow
    without bound. ``quota`` None admits everything.
    """

    def __init__(
        self,
        quota: Quota | None,
        clock: Clock,
        *,
        community: Quota = COMMUNITY_QUOTA,
        admin: Quota = ADMIN_QUOTA,
        remembered: int = 10_000,
    ) -> None:
        self._quota = quota
        self._community = community
        self._admin = admin
        self._clock = clock
        self._persons = _Windows(remembered)
        self._communities = _Windows(remembered)
        self._free_at: LRUCache[tuple[_Bucket, str], float] = LRUCache(remembered)

    def change(self, quota: Quota | None, *, community: Quota, admin: Quota) -> None:
        """Let other quotas hold from the next request on; what was counted stays counted."""
        self._quota = quota
        self._community = community
        self._admin = admin

    def admit(
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
        now = self._clock.monotonic()
        quota = self._admin if admin else self._quota
        person = ("unasked" if unasked else "admin" if admin else "person", requester)
        everybody = ("unasked" if unasked else "asked", community)
        own_pauses = {} if admin else dict(cooldown_s or {})
        pause = (person, community if own_pauses else "")
        pausing = self._free_at.get(pause, now) - now
        used_up = self._persons.wait(person, quota, now)
        shared = self._communities.wait(everybody, self._community, now) if community else 0.0
        if address:
            half = _half(self._community)
            shared = max(shared, self._communities.wait(("address", address), half, now))
        if max(pausing, used_up, shared) > 0:
            raise _refusal(pausing, used_up, shared)
        self._persons.count(person, now)
        if community:
            self._communities.count(everybody, now)
        if address:
            self._communities.count(("address", address), now)
        self._free_at[pause] = now + {**quota.cooldown_s, **own_pauses}.get(kind, 0.0)
        asked_by.set(Asker(requester, partial(self._charge, person, everybody)))

    def _charge(self, person: _Bucket, everybody: _Bucket) -> None:
        now = self._clock.monotonic()
        for _ in range(CHARGED_REQUESTS):
            self._persons.count(person, now)
            if everybody[1]:
                self._communities.count(everybody, now)


def _half(quota: Quota) -> Quota:
    return Quota({}, math.ceil(quota.per_minute / 2), math.ceil(quota.per_day / 2))


def _refusal(pausing: float, used_up: float, shared: float) -> TooManyRequests:
    own = max(pausing, used_up)
    seconds = math.ceil(max(own, shared))
    if shared > own:
        return CommunityQuotaUsed(retry_after=seconds)
    kind = TooManyRequests if max(used_up, shared) > 0 else AskedTooSoon
    return kind(retry_after=seconds)
