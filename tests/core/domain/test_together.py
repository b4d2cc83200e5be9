"""One look for all who ask at the same time, begun after the last of them asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from core.domain.single_flight import OncePerSnapshot, SingleFlight
from tests.fake_collections import FakeSnapshot


class Look:
    """A blocking look at a number that somebody changes; it can be held up in the middle."""

    def __init__(self) -> None:
        self.number = 0
        self.begun: list[str] = []
        self.go_on = threading.Event()

    def __call__(self, key: str) -> tuple[str, int]:
        """What there is to be seen when it begins."""
        seen = self.number
        self.begun.append(key)
        self.go_on.wait(10)
        if seen < 0:
            raise ValueError(key)
        return key, seen

    async def is_under_way(self, times: int = 1) -> None:
        """Wait until so many have begun."""
        async with asyncio.timeout(10):
            while len(self.begun) < times:  # noqa: ASYNC110 - the thread has no event of the loop's
                await asyncio.sleep(0)


class Together:
    """Looks of which each is shared; by default those that begin after the question."""

    def __init__(self, look: Look, *, fresh: bool = True) -> None:
        self._look = look
        self._flight: SingleFlight[str, tuple[str, int]] = SingleFlight(fresh=fresh)

    def __call__(self, key: str) -> Coroutine[Any, Any, tuple[str, int]]:
        """Ask for a look."""
        return self._flight.run(key, lambda: asyncio.to_thread(self._look, key))


@pytest.fixture
def look() -> Look:
    """One that is held up until the test lets it go on."""
    return Look()


async def test_who_comes_later_sees_what_has_changed_since(look: Look) -> None:
    """A look that is under way may be too old; those who wait share the next one."""
    together = Together(look)
    early = asyncio.create_task(together("a"))
    await look.is_under_way()
    look.number = 1
    late = [asyncio.create_task(together("a")) for _ in range(5)]
    await asyncio.sleep(0)
    look.go_on.set()
    assert await early == ("a", 0)
    assert await asyncio.gather(*late) == [("a", 1)] * 5
    assert look.begun == ["a", "a"]


async def test_other_keys_do_not_wait(look: Look) -> None:
    """Each key has looks of its own."""
    together = Together(look)
    tasks = [asyncio.create_task(together(key)) for key in "ab"]
    await look.is_under_way(2)
    look.go_on.set()
    assert await asyncio.gather(*tasks) == [("a", 0), ("b", 0)]


async def test_a_failure_is_told_to_all_and_forgotten(look: Look) -> None:
    """The next one looks again."""
    together = Together(look)
    look.go_on.set()
    look.number = -1
    found = await asyncio.gather(*(together("a") for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [ValueError] * 3
    look.number = 7
    assert await together("a") == ("a", 7)


async def test_whoever_leaves_takes_nothing_from_the_others(look: Look) -> None:
    """Neither from those who share his look, nor from those after it."""
    together = Together(look)
    first = asyncio.create_task(together("a"))
    await look.is_under_way()
    leaving, staying = (asyncio.create_task(together("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    leaving.cancel()
    await asyncio.sleep(0)
    look.go_on.set()
    assert await staying == ("a", 0)
    assert leaving.cancelled()
    assert await together("a") == ("a", 0)


async def test_nobody_waits_for_a_look_that_was_given_up(look: Look) -> None:
    """As at the end of the event loop: all who wait learn of it, and the next one looks anew."""
    together = Together(look)
    early = asyncio.create_task(together("a"))
    await look.is_under_way()
    late = asyncio.create_task(together("a"))
    await asyncio.sleep(0)
    (looking,) = asyncio.all_tasks() - {asyncio.current_task(), early, late}
    looking.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait({early, late})
    assert early.cancelled()
    assert late.cancelled()
    look.go_on.set()
    assert await together("a") == ("a", 0)


async def test_what_needs_not_be_fresh_is_shared_until_it_is_made(look: Look) -> None:
    """Also with those who come while it is under way; afterwards it is made anew."""
    together = Together(look, fresh=False)
    early = asyncio.create_task(together("a"))
    await look.is_under_way()
    look.number = 1
    late = asyncio.create_task(together("a"))
    await asyncio.sleep(0)
    early.cancel()
    look.go_on.set()
    assert await late == ("a", 0)
    assert look.begun == ["a"]
    assert await together("a") == ("a", 1)


async def test_of_a_snapshot_everything_is_made_once() -> None:
    """Unless it failed; each key has a value of its own, and each snapshot."""
    once: OncePerSnapshot[int] = OncePerSnapshot()
    one, other = FakeSnapshot.of([("red", "")]), FakeSnapshot.of([("red", "")])
    made: list[int] = []

    async def make() -> int:
        await asyncio.sleep(0)
        made.append(len(made))
        if len(made) == 1:
            raise ValueError("no")
        return len(made)

    failed = await asyncio.gather(
        *(once.get(one, "a", make) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in failed] == [ValueError] * 3
    assert await asyncio.gather(*(once.get(one, "a", make) for _ in range(3))) == [2, 2, 2]
    assert await once.get(one, "a", make) == 2
    assert (await once.get(one, "b", make), await once.get(other, "a", make)) == (3, 4)
