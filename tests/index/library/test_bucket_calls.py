"""A server that is away or hangs holds up few: one tries it, all others are told at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from index.library.bucket_calls import Away, Calls
from tests.fakes import FakeClock


def test_after_a_failure_one_at_a_time_tries_it() -> None:
    """Nobody for two seconds; then one, and all others once it has waited for a second."""
    clock = FakeClock()
    calls = Calls(clock.monotonic)
    calls.end(calls.begin(), "HTTP 503")
    with pytest.raises(Away) as away:
        calls.begin()
    assert away.value.reason == "HTTP 503"
    clock.advance(2.5)
    trial = calls.begin()
    clock.advance(1.5)
    with pytest.raises(Away):
        calls.begin()
    calls.end(trial, "")
    both = [calls.begin(), calls.begin()]
    for each in both:
        calls.end(each, "")


def test_a_server_that_hangs_is_noticed_before_a_call_fails() -> None:
    """Where it has answered nobody for two seconds; an answer to anybody ends the doubt."""
    clock = FakeClock()
    calls = Calls(clock.monotonic)
    stuck = [calls.begin() for _ in range(3)]
    clock.advance(3)
    trial = calls.begin()
    clock.advance(1.5)
    with pytest.raises(Away):
        calls.begin()
    calls.end(stuck.pop(), "")
    other = calls.begin()
    for each in (*stuck, trial, other):
        calls.end(each, "")
    clock.advance(60)
    calls.end(calls.begin(), "")  # nobody asked meanwhile: that is no silence


def test_so_many_are_under_way_and_the_next_waits_for_its_turn() -> None:
    """Also where a thread of its own has to wait for it."""
    clock = FakeClock()
    calls = Calls(clock.monotonic)
    under_way = [calls.begin() for _ in range(16)]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(calls.begin)
        assert not waiting.done()
        calls.end(under_way.pop(), "")
        calls.end(waiting.result(timeout=60), "")
    for each in under_way:
        calls.end(each, "")
