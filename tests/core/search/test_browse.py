"""Looks of what a search shows, which are read once in a while."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.types import Look, Picture
from core.search.browse import Browser
from tests.fake_collections import FakeLibrary, FakeLooks


class Counted(FakeLooks):
    """Notes which pictures were asked for."""

    def __init__(self) -> None:
        super().__init__(FakeLibrary({}))
        self.read: list[str] = []

    def of(self, shown: Sequence[Picture]) -> Sequence[Look]:
        """See the port."""
        self.read += [each.id for each in shown]
        return super().of(shown)


def picture(number: int, content: str = "a") -> Picture:
    """One of some content."""
    return Picture(f"p{number}", "gallery", f"{number}.png", "", content, 10, 10)


async def test_a_look_is_read_once_for_each_content() -> None:
    """In the order that was asked for, whichever of them are known."""
    looks = Counted()
    browser = Browser(FakeLibrary({}), looks)
    await browser.looks([picture(2)])
    found = await browser.looks([picture(1), picture(2), picture(3)])
    assert [look.date for look in found] == [1_000_001.0, 1_000_002.0, 1_000_003.0]
    assert await browser.looks([picture(3), picture(1)]) == [found[2], found[0]]
    assert looks.read == ["p2", "p1", "p3"]
    await browser.looks([picture(1, "b")])
    assert looks.read[3:] == ["p1"]
    assert list(await browser.looks([])) == []


async def test_a_look_that_is_missing_is_looked_for_again() -> None:
    """It is made behind the questions."""
    looks = Counted()
    looks.placeholder = b""
    browser = Browser(FakeLibrary({}), looks)
    await browser.looks([picture(1)])
    looks.placeholder = b"made"
    assert [look.placeholder for look in await browser.looks([picture(1)])] == [b"made"]


async def test_a_new_date_shows_after_a_while() -> None:
    """A file may be touched and stay the same picture."""
    looks = Counted()
    browser = Browser(FakeLibrary({}), looks, held_s=0.0)
    await browser.looks([picture(1)])
    looks.dates["p1"] = 5.0
    assert [look.date for look in await browser.looks([picture(1)])] == [5.0]
