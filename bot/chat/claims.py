"""Codes with which chats are let in: shown on the operator's terminal, redeemed once."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Protocol

from cachetools import TTLCache

from core.domain.errors import NoCode, TooManyRequests, WrongCode

LASTS_S = 3600.0
"""How long a code can be redeemed, in seconds: time enough to make a group and write to it."""

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without what looks alike: 0 O 1 I L
_LENGTH = 12  # 59 bits
_GROUP = 4
_WRONG = 5
_PAUSE_S = 600.0
_REMEMBERED = 10_000


class ClaimCodes(Protocol):
    """The codes that hold, by their SHA-256 in hexadecimal."""

    async def keep(self, digest: str, lasts_s: float) -> None:
        """Let it hold for so many seconds. Raises CatalogueError."""

    async def take(self, digest: str) -> bool:
        """Whether it held; it does no more, for nobody. Raises CatalogueError."""


class CodesInMemory:
    """Those of this process. ``clock`` gives seconds that never go backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    async def keep(self, digest: str, lasts_s: float) -> None:
        self._until[digest] = self._clock() + lasts_s

    async def take(self, digest: str) -> bool:
        return self._clock() < self._until.pop(digest, 0.0)


class Claims:
    """Each code lets one chat in. ``clock`` gives seconds that never go backwards.

    After five wrong codes in ten minutes a person is ignored for the rest of them: the
    codes themselves stay good, so that nobody can keep the operator from using them.
    ``codes`` are those of all nodes, or by default of this process alone.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, codes: ClaimCodes | None = None
    ) -> None:
        self._codes = codes or CodesInMemory(clock)
        self._wrong: TTLCache[str, int] = TTLCache(_REMEMBERED, _PAUSE_S, clock)

    async def issue(self) -> str:
        """A new code, as ``ABCD-EFGH-JKMN``. Raises CatalogueError."""
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        await self.give_back(code)
        return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))

    async def redeem(self, typed: str, requester: str) -> str:
        """Take a code, so that nobody can use it again; what :meth:`give_back` wants.

        Raises NoCode where nothing is typed, WrongCode where it is none that holds now,
        TooManyRequests, CatalogueError.
        """
        given = "".join(letter for letter in typed.upper() if letter.isalnum())
        if not given:
            raise NoCode
        wrong = self._wrong.get(requester, 0)
        if wrong >= _WRONG:
            raise TooManyRequests("You have tried too many wrong codes.", retry_after=_PAUSE_S)
        if not await self._codes.take(_digest(given)):
            self._wrong[requester] = wrong + 1
            raise WrongCode
        return given

    async def give_back(self, code: str) -> None:
        await self._codes.keep(_digest(code), LASTS_S)


def _digest(code: str) -> str:
    # Whoever reads the database, or a backup of it, gets no code.
    return hashlib.sha256(code.encode()).hexdigest()
