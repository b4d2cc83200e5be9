"""Codes that let a chat in: in memory, and at nodes that share a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import text

from bot.chat.claims import Claims, CodesInMemory
from core.domain.errors import WrongCode
from index.catalogue.database import Database
from index.catalogue.shared_codes import SharedCodes
from tests.fakes import FakeClock

Elapse = Callable[[float], None]
Places = tuple[Claims, Claims, Elapse]


def _in_memory() -> Places:
    clock = FakeClock(1000.0)
    claims = Claims(clock.monotonic, CodesInMemory(clock.monotonic))

    def elapse(seconds: float) -> None:
        clock.now += seconds

    return claims, claims, elapse


def _shared(nodes: list[Database]) -> Places:
    def elapse(seconds: float) -> None:
        with nodes[0].write() as connection:
            connection.execute(text(f"UPDATE claim_codes SET until = until - {seconds}"))

    one, two = (Claims(codes=SharedCodes(each)) for each in nodes)
    return one, two, elapse


@pytest.fixture(params=["memory", pytest.param("nodes", marks=pytest.mark.process)])
def places(request: pytest.FixtureRequest) -> Places:
    """Where codes are shown, where they are redeemed, and how time goes by."""
    if request.param == "memory":
        return _in_memory()
    return _shared(request.getfixturevalue("nodes"))


async def test_a_code_is_redeemed_elsewhere_once(places: Places) -> None:
    """Given back, it holds again; each lasts for an hour."""
    shown, redeemed, elapse = places
    code = await shown.issue()
    taken = await redeemed.redeem(code.lower(), "telegram:1")
    for each in (shown, redeemed):
        with pytest.raises(WrongCode):
            await each.redeem(code, "telegram:2")
    await redeemed.give_back(taken)
    elapse(3590)
    await shown.redeem(code, "telegram:3")
    old = await shown.issue()
    elapse(3601)
    with pytest.raises(WrongCode):
        await redeemed.redeem(old, "telegram:3")


async def test_of_many_at_once_one_is_let_in(places: Places) -> None:
    """Whichever node they write to."""
    shown, redeemed, _ = places
    code = await shown.issue()
    both = [(shown, redeemed)[n % 2].redeem(code, f"telegram:{n}") for n in range(8)]
    told = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in told) == ["WrongCode"] * 7 + ["str"]


@pytest.mark.process
async def test_the_database_holds_no_code(nodes: list[Database]) -> None:
    """Whoever reads it, or a backup, lets no chat in."""
    shown, redeemed, _ = _shared(nodes)
    code = await shown.issue()
    with nodes[0].read() as connection:
        [digest] = connection.execute(text("SELECT digest FROM claim_codes")).scalars()
    assert code.replace("-", "") not in digest
    with pytest.raises(WrongCode):
        await redeemed.redeem(digest, "telegram:1")
