"""Quotas: pauses, so many a minute and a day; for a person, an administrator, a community."""

from __future__ import annotations

import pytest

from core.domain.errors import CommunityQuotaUsed, TooManyRequests
from core.domain.rate_limits import OwnCounts, Quota, RateLimiter
from tests.fakes import FakeClock


async def _refusal(limits: RateLimiter, who: str = "ann", kind: str = "text") -> float:
    with pytest.raises(TooManyRequests) as refused:
        await limits.admit(who, kind)
    assert refused.value.remedy.startswith("Try again in")
    return refused.value.retry_after


async def test_a_pause_follows_each_kind_of_request() -> None:
    """3 s after a text, 5 s after a picture; the refusal says how long is left."""
    clock = FakeClock()
    limits = RateLimiter(Quota(), clock)
    await limits.admit("ann", "text")
    clock.advance(1)
    assert await _refusal(limits) == 2
    await limits.admit("bob", "picture")
    clock.advance(2)
    await limits.admit("ann", "text")
    assert await _refusal(limits, "bob") == 3


async def test_a_refused_request_costs_nothing() -> None:
    """Asking too early does not move the time at which one may ask."""
    clock = FakeClock()
    limits = RateLimiter(Quota(), clock)
    await limits.admit("ann", "text")
    for _ in range(10):
        await _refusal(limits)
    clock.advance(3)
    await limits.admit("ann", "text")


async def test_the_minute_and_the_day_slide() -> None:
    """The 4th request waits until the first of the minute is a minute old; days alike."""
    clock = FakeClock()
    limits = RateLimiter(Quota(cooldown_s={}, per_minute=3, per_day=5), clock)
    for _ in range(3):
        await limits.admit("ann", "text")
        clock.advance(10)
    assert await _refusal(limits) == 30
    clock.advance(30)
    await limits.admit("ann", "text")
    clock.advance(10)
    await limits.admit("ann", "text")
    clock.advance(60)
    assert await _refusal(limits) == 86_400 - 130


async def test_no_quota_admits_everything() -> None:
    """Switched off, nothing is counted."""
    limits = RateLimiter(None, FakeClock())
    for _ in range(1000):
        await limits.admit("ann", "picture")


async def test_a_flood_of_names_stays_bounded() -> None:
    """Only so many requesters are remembered, the idle ones forgotten first."""
    counts = OwnCounts(FakeClock(), remembered=10)
    limits = RateLimiter(Quota(), FakeClock(), counts=counts)
    for number in range(100):
        await limits.admit(f"user{number}", "text")
    assert len(counts) == 10
    await _refusal(limits, "user99")


async def test_a_community_has_a_quota_of_its_own() -> None:
    """Different people use it up together, and the refusal says that it is not theirs alone."""
    clock = FakeClock()
    limits = RateLimiter(Quota(), clock, community=Quota({}, per_minute=3, per_day=4))
    for number in range(3):
        await limits.admit(f"user{number}", "text", community="discord:1")
        clock.advance(1)
    with pytest.raises(CommunityQuotaUsed, match="Everybody here together") as refused:
        await limits.admit("ann", "text", community="discord:1")
    assert refused.value.retry_after == 57
    await limits.admit("ann", "text", community="discord:2")
    clock.advance(60)
    await limits.admit("bob", "text", community="discord:1")
    with pytest.raises(CommunityQuotaUsed) as refused:
        await limits.admit("cid", "text", community="discord:1")
    assert refused.value.retry_after == 86_400 - 63


async def test_the_longer_wait_is_told() -> None:
    """Where both quotas are used up, whoever waits for the longer one is told whose it is."""
    clock = FakeClock()
    limits = RateLimiter(
        Quota({}, per_minute=1), clock, community=Quota({}, per_minute=0, per_day=1)
    )
    await limits.admit("ann", "text", community="discord:1")
    with pytest.raises(CommunityQuotaUsed):
        await limits.admit("ann", "text", community="discord:1")
    clock.advance(86_400 - 30)
    await limits.admit("ann", "text")
    with pytest.raises(TooManyRequests) as refused:
        await limits.admit("ann", "text", community="discord:1")
    assert type(refused.value) is TooManyRequests


async def test_a_refusal_counts_nowhere() -> None:
    """Whom the community's quota refuses has not used up anything of their own, nor reversed."""
    clock = FakeClock()
    limits = RateLimiter(Quota({}, per_minute=2), clock, community=Quota({}, per_minute=2))
    await limits.admit("ann", "text", community="a")
    await limits.admit("bob", "text", community="a")
    for _ in range(5):
        with pytest.raises(CommunityQuotaUsed):
            await limits.admit("cid", "text", community="a")
    await limits.admit("cid", "text", community="b")
    await limits.admit("cid", "text", community="b")
    for _ in range(5):
        await _refusal(limits, "cid")
    clock.advance(60)
    await limits.admit("cid", "text", community="b")


async def test_administrators_are_counted_apart() -> None:
    """They wait after no request, up to a bound of their own, whatever they asked elsewhere."""
    clock = FakeClock()
    limits = RateLimiter(Quota(), clock, admin=Quota({}, per_minute=4))
    await limits.admit("ann", "picture")
    for _ in range(4):
        await limits.admit("ann", "picture", community="discord:1", admin=True)
    with pytest.raises(TooManyRequests):
        await limits.admit("ann", "text", community="discord:1", admin=True)
    assert await _refusal(limits) == 5


async def test_what_nobody_asked_stands_in_nobodys_way() -> None:
    """Photos that are answered unasked have their own pause and their own quotas."""
    clock = FakeClock()
    limits = RateLimiter(Quota(per_minute=2), clock, community=Quota({}, per_minute=2))
    await limits.admit("ann", "picture", community="a", unasked=True)
    with pytest.raises(TooManyRequests):
        await limits.admit("ann", "picture", community="a", unasked=True)
    await limits.admit("bob", "picture", community="a", unasked=True)
    with pytest.raises(CommunityQuotaUsed):
        await limits.admit("cid", "picture", community="a", unasked=True)
    await limits.admit("ann", "text", community="a")
    await limits.admit("cid", "text", community="a")


async def test_a_communitys_pauses_count_there_alone() -> None:
    """A longer pause holds nobody up elsewhere, and none at all lifts the operator's."""
    clock = FakeClock()
    limits = RateLimiter(Quota(), clock)
    slow, quick = {"text": 60.0}, {"text": 0.0, "picture": 0.0}
    await limits.admit("ann", "text", community="slow", cooldown_s=slow)
    await limits.admit("ann", "text", community="usual")
    await limits.admit("ann", "text", community="quick", cooldown_s=quick)
    await limits.admit("ann", "text", community="quick", cooldown_s=quick)
    assert await _refusal(limits) == 3
    clock.advance(59)
    with pytest.raises(TooManyRequests) as refused:
        await limits.admit("ann", "text", community="slow", cooldown_s=slow)
    assert refused.value.retry_after == 1
    clock.advance(1)
    await limits.admit("ann", "picture", community="slow", cooldown_s=slow)
    with pytest.raises(TooManyRequests) as refused:
        await limits.admit("ann", "text", community="slow", cooldown_s=slow)
    assert refused.value.retry_after == 5


async def test_an_address_has_half_whatever_names_it_takes() -> None:
    """New names bring no new quota: half of the community's is left to other addresses."""
    clock = FakeClock()
    quota = Quota({}, per_minute=2, per_day=0)
    limits = RateLimiter(quota, clock, community=Quota({}, per_minute=7, per_day=0))
    for number in range(4):
        await limits.admit(f"web:{number}", "text", community="web", address="203.0.113.5")
    with pytest.raises(CommunityQuotaUsed):
        await limits.admit("web:new", "text", community="web", address="203.0.113.5")
    await limits.admit("web:new", "text", community="web", address="203.0.113.6")
    clock.advance(60)
    await limits.admit("web:newer", "text", community="web", address="203.0.113.5")
