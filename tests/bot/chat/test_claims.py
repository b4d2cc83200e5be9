"""Codes that let a chat in: right once, for an hour, and guessed by nobody."""

from __future__ import annotations

import pytest

from bot.chat.claims import LASTS_S, Claims
from core.domain.errors import NoCode, TooManyRequests, WrongCode
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test moves."""
    return FakeClock(1000.0)


@pytest.fixture
def claims(clock: FakeClock) -> Claims:
    """No code yet."""
    return Claims(clock.monotonic)


async def test_a_code_is_right_once(claims: Claims) -> None:
    """As it is typed does not matter; whoever comes second is told that it was used."""
    code = await claims.issue()
    await claims.redeem(f" {code.lower().replace('-', ' ')}\n", "telegram:1")
    with pytest.raises(WrongCode, match="was used"):
        await claims.redeem(code, "telegram:1")


async def test_a_code_is_old_after_an_hour(claims: Claims, clock: FakeClock) -> None:
    """What scrolled off the terminal is of no use to anybody."""
    old = await claims.issue()
    clock.now += LASTS_S
    with pytest.raises(WrongCode):
        await claims.redeem(old, "telegram:1")
    await claims.redeem(await claims.issue(), "telegram:1")


async def test_who_guesses_is_not_listened_to(claims: Claims, clock: FakeClock) -> None:
    """Five wrong ones of one person, then none for ten minutes; the code is good for others."""
    code = await claims.issue()
    for _ in range(5):
        with pytest.raises(WrongCode):
            await claims.redeem("2222-2222-2222", "telegram:13")
    for guess in ("2222-2222-2222", code):
        with pytest.raises(TooManyRequests):
            await claims.redeem(guess, "telegram:13")
    taken = await claims.redeem(code, "telegram:11")
    await claims.give_back(taken)
    clock.now += 601
    await claims.redeem(code, "telegram:13")


async def test_no_code_is_no_wrong_code(claims: Claims) -> None:
    """Whoever types the command alone is told what belongs behind it, and has guessed nothing."""
    code = await claims.issue()
    for typed in ("", "  ", "-", "…", "\n") * 2:
        with pytest.raises(NoCode, match="/claim ABCD"):
            await claims.redeem(typed, "telegram:13")
    await claims.redeem(code, "telegram:13")


async def test_no_two_codes_are_alike(claims: Claims) -> None:
    """Each holds beside the others and has some sixty bits."""
    codes = [await claims.issue() for _ in range(50)]
    assert len(set(codes)) == 50
    assert all(len(code.replace("-", "")) == 12 for code in codes)
    for code in codes:
        await claims.redeem(code, "telegram:1")
