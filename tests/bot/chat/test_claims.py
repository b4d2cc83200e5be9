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


def test_a_code_is_right_once(claims: Claims) -> None:
    """As it is typed does not matter; whoever comes second is told that it was used."""
    code = claims.issue()
    claims.redeem(f" {code.lower().replace('-', ' ')}\n", "telegram:1")
    with pytest.raises(WrongCode, match="was used"):
        claims.redeem(code, "telegram:1")


def test_a_code_is_old_after_an_hour(claims: Claims, clock: FakeClock) -> None:
    """What scrolled off the terminal is of no use to anybody."""
    old = claims.issue()
    clock.now += LASTS_S
    with pytest.raises(WrongCode):
        claims.redeem(old, "telegram:1")
    claims.redeem(claims.issue(), "telegram:1")


def test_who_guesses_is_not_listened_to(claims: Claims, clock: FakeClock) -> None:
    """Five wrong ones of one person, then none for ten minutes; the code is good for others."""
    code = claims.issue()
    for _ in range(5):
        with pytest.raises(WrongCode):
            claims.redeem("2222-2222-2222", "telegram:13")
    for guess in ("2222-2222-2222", code):
        with pytest.raises(TooManyRequests):
            claims.redeem(guess, "telegram:13")
    taken = claims.redeem(code, "telegram:11")
    claims.give_back(taken)
    clock.now += 601
    claims.redeem(code, "telegram:13")


def test_no_code_is_no_wrong_code(claims: Claims) -> None:
    """Whoever types the command alone is told what belongs behind it, and has guessed nothing."""
    code = claims.issue()
    for typed in ("", "  ", "-", "…", "\n") * 2:
        with pytest.raises(NoCode, match="/claim ABCD"):
            claims.redeem(typed, "telegram:13")
    claims.redeem(code, "telegram:13")


def test_no_two_codes_are_alike(claims: Claims) -> None:
    """Each holds beside the others and has some sixty bits."""
    codes = [claims.issue() for _ in range(50)]
    assert len(set(codes)) == 50
    assert all(len(code.replace("-", "")) == 12 for code in codes)
    for code in codes:
        claims.redeem(code, "telegram:1")
