"""A question that comes too soon waits; whoever asks on and on is refused."""

from __future__ import annotations

import asyncio

import pytest

from bot.chat.admission import LONGEST_WAIT_S, Admission
from core.domain.errors import AskedTooSoon, TooManyRequests
from core.domain.rate_limits import Quota, RateLimiter
from tests.fake_contributions import FakeCommunitySettings
from tests.fakes import FakeClock


class Pauses:
    """Sleeps that end when they are told to, and then move the clock."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.begun = asyncio.Event()
        self.over = asyncio.Event()
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Wait until the pause is over, and let the time pass."""
        self.asked.append(seconds)
        self.begun.set()
        await self.over.wait()
        self._clock.advance(seconds)


async def test_a_second_question_waits_for_the_pause_and_a_third_is_refused() -> None:
    """One may wait at a time, so that a flood of questions holds one place alone."""
    clock = FakeClock()
    pauses = Pauses(clock)
    admission = Admission(RateLimiter(Quota(), clock), FakeCommunitySettings(), sleep=pauses)
    await admission.admit("ann", "text", community="telegram:1")
    second = asyncio.create_task(admission.admit("ann", "text", community="telegram:1"))
    await pauses.begun.wait()
    with pytest.raises(AskedTooSoon):
        await admission.admit("ann", "text", community="telegram:1")
    await admission.admit("bob", "text", community="telegram:1")
    pauses.over.set()
    await second
    assert pauses.asked == [3]


async def test_what_nobody_asked_and_what_is_used_up_does_not_wait() -> None:
    """Photos of a channel are passed over; a used-up minute is told at once."""
    clock = FakeClock()
    pauses = Pauses(clock)
    limits = RateLimiter(Quota({"text": 3.0}, per_minute=1), clock)
    admission = Admission(limits, FakeCommunitySettings(), sleep=pauses)
    for unasked in (True, False):
        await admission.admit("ann", "text", community="web", unasked=unasked)
        with pytest.raises(TooManyRequests):
            await admission.admit("ann", "text", community="web", unasked=unasked)
    assert pauses.asked == []


async def test_a_wait_that_is_given_up_leaves_the_place_free() -> None:
    """Whoever left is not counted, and may ask and wait again."""
    clock = FakeClock()
    pauses = Pauses(clock)
    admission = Admission(RateLimiter(Quota(), clock), FakeCommunitySettings(), sleep=pauses)
    await admission.admit("ann", "text", community="web")
    left = asyncio.create_task(admission.admit("ann", "text", community="web"))
    await pauses.begun.wait()
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    pauses.over.set()
    await admission.admit("ann", "text", community="web")
    assert pauses.asked == [3, 3]


@pytest.mark.parametrize(("beyond", "waited"), [(0.0, True), (0.5, False)])
async def test_nobody_is_kept_waiting_for_long(beyond: float, waited: bool) -> None:
    """The longest pause that is waited for; beyond it the person is told instead."""
    clock = FakeClock()
    pauses = Pauses(clock)
    pauses.over.set()
    limits = RateLimiter(Quota({"text": LONGEST_WAIT_S + beyond}), clock)
    admission = Admission(limits, FakeCommunitySettings(), sleep=pauses)
    await admission.admit("ann", "text", community="web")
    if waited:
        await admission.admit("ann", "text", community="web")
    else:
        with pytest.raises(AskedTooSoon):
            await admission.admit("ann", "text", community="web")
    assert pauses.asked == [LONGEST_WAIT_S] * waited
