"""When a server that fails is left out, and when it is tried again."""

from __future__ import annotations

import pytest

from bot.encoding.breaker import CircuitBreaker
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Moves when it is told to."""
    return FakeClock()


def _breaker(clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, pause_s=1.0, longest_s=4.0, now=clock.monotonic)


def test_it_opens_after_failures_in_a_row(clock: FakeClock) -> None:
    """One success in between begins the count anew."""
    breaker = _breaker(clock)
    breaker.failed()
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "open"


def test_one_trial_is_due_after_the_pause_and_closes_it(clock: FakeClock) -> None:
    """Whoever asks first makes it; nobody makes another one meanwhile."""
    breaker = _breaker(clock)
    breaker.trip()
    assert not breaker.try_again()
    clock.advance(1.0)
    assert breaker.try_again()
    assert breaker.state == "half-open"
    assert not breaker.try_again()
    breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "closed"


def test_each_trial_that_fails_doubles_the_pause_up_to_a_bound(clock: FakeClock) -> None:
    """And the first pause is the short one again once it had closed."""
    breaker = _breaker(clock)
    breaker.trip()
    for pause in (1.0, 2.0, 4.0, 4.0):
        clock.advance(pause - 0.01)
        assert not breaker.try_again(), pause
        clock.advance(0.01)
        assert breaker.try_again(), pause
        breaker.failed()
    clock.advance(4.0)
    assert breaker.try_again()
    breaker.succeeded()
    breaker.trip()
    clock.advance(1.0)
    assert breaker.try_again()


def test_calls_that_began_before_it_opened_change_nothing(clock: FakeClock) -> None:
    """Neither those that succeed nor those that fail, which would push the trial away."""
    breaker = _breaker(clock)
    breaker.trip()
    clock.advance(0.9)
    breaker.succeeded()
    breaker.failed()
    breaker.trip()
    assert breaker.state == "open"
    clock.advance(0.1)
    assert breaker.try_again()
