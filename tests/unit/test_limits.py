"""Quotas: a pause between requests, so many a minute and a day, for each requester."""

from __future__ import annotations

import pytest

from core.errors import TooManyRequests
from core.limits import Limits, Quota
from tests.fakes import FakeClock


def _refusal(limits: Limits, who: str = "ann", kind: str = "text") -> float:
    with pytest.raises(TooManyRequests) as refused:
        limits.admit(who, kind)
    assert refused.value.remedy.startswith("Try again in")
    return refused.value.retry_after


def test_a_pause_follows_each_kind_of_request() -> None:
    """3 s after a text, 5 s after a picture; the refusal says how long is left."""
    clock = FakeClock()
    limits = Limits(Quota(), clock)
    limits.admit("ann", "text")
    clock.advance(1)
    assert _refusal(limits) == 2
    limits.admit("bob", "picture")
    clock.advance(2)
    limits.admit("ann", "text")
    assert _refusal(limits, "bob") == 3


def test_a_refused_request_costs_nothing() -> None:
    """Asking too early does not move the time at which one may ask."""
    clock = FakeClock()
    limits = Limits(Quota(), clock)
    limits.admit("ann", "text")
    for _ in range(10):
        _refusal(limits)
    clock.advance(3)
    limits.admit("ann", "text")


def test_the_minute_and_the_day_slide() -> None:
    """The 4th request waits until the first of the minute is a minute old; days alike."""
    clock = FakeClock()
    limits = Limits(Quota(cooldown_s={}, per_minute=3, per_day=5), clock)
    for _ in range(3):
        limits.admit("ann", "text")
        clock.advance(10)
    assert _refusal(limits) == 30
    clock.advance(30)
    limits.admit("ann", "text")
    clock.advance(10)
    limits.admit("ann", "text")
    clock.advance(60)
    assert _refusal(limits) == 86_400 - 130


def test_no_quota_admits_everything() -> None:
    """Switched off, nothing is counted."""
    limits = Limits(None, FakeClock())
    for _ in range(1000):
        limits.admit("ann", "picture")


def test_a_flood_of_names_stays_bounded() -> None:
    """Only so many requesters are remembered, the idle ones forgotten first."""
    limits = Limits(Quota(), FakeClock(), remembered=10)
    for number in range(100):
        limits.admit(f"user{number}", "text")
    assert len(limits._usage) == 10
    _refusal(limits, "user99")
