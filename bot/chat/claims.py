"""Codes with which chats are let in: shown on the operator's terminal, redeemed once."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

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


class Claims:
    """Each code lets one chat in. ``clock`` gives seconds that never go backwards.

    After five wrong codes in ten minutes a person is ignored for the rest of them: the
    codes themselves stay good, so that nobody can keep the operator from using them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._wrong: TTLCache[str, int] = TTLCache(_REMEMBERED, _PAUSE_S, clock)

    def issue(self) -> str:
        """A new code, as ``ABCD-EFGH-JKMN``."""
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        self._until[code] = self._clock() + LASTS_S
        return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))

    def redeem(self, typed: str, requester: str) -> str:
        """Take a code, so that nobody can use it again; what :meth:`give_back` wants.

        Raises NoCode where nothing is typed, WrongCode where it is none that holds now,
        TooManyRequests.
        """
        given = "".join(letter for letter in typed.upper() if letter.isalnum()).encode()
        if not given:
            raise NoCode
        wrong = self._wrong.get(requester, 0)
        if wrong >= _WRONG:
            raise TooManyRequests("You have tried too many wrong codes.", retry_after=_PAUSE_S)
        now = self._clock()
        right = [
            code
            for code, until in self._until.items()
            if hmac.compare_digest(given, code.encode()) and now < until
        ]
        if not right:
            self._wrong[requester] = wrong + 1
            raise WrongCode
        del self._until[right[0]]
        return right[0]

    def give_back(self, code: str) -> None:
        self._until[code] = self._clock() + LASTS_S
