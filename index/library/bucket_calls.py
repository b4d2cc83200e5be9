"""Calls to a server that may be away or hang: who may make one, and who is told at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

NO_ANSWER: Final = "no answer"

_PAUSE_S: Final = 2.0
"""Who asks so shortly after a call that got no answer is not made to wait for another one."""
_DOUBT_S: Final = 2.0
_TRIAL_S: Final = 1.0
_AT_ONCE: Final = 16
"""Half of the threads that a program with a bucket has: the others answer questions."""


class Away(Exception):
    """The server cannot be asked now; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Calls:
    """The calls that are under way, so that a server that hangs holds up few threads.

    It is in doubt where it has answered nothing for ``_DOUBT_S`` seconds that it was asked. Then
    one call at a time tries it, and all others are refused once that one has waited for
    ``_TRIAL_S``. ``_AT_ONCE`` are under way at most; others wait for their turn.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._under_way: dict[object, float] = {}
        self._answered_at = float("-inf")
        self._trial: object | None = None
        self._away: tuple[float, str] | None = None

    def begin(self) -> object:
        """A call's own key. Raises Away. Blocking, for some seconds at most."""
        mine = object()
        with self._changed:
            while True:
                now = self._monotonic()
                if self._away is not None and now < self._away[0]:
                    raise Away(self._away[1])
                in_doubt = self._away is not None or self._is_silent(now)
                if self._trial is not None and in_doubt:
                    left = self._under_way[self._trial] + _TRIAL_S - now
                    if left <= 0:
                        raise Away(NO_ANSWER)
                    self._changed.wait(left)
                elif not in_doubt and len(self._under_way) >= _AT_ONCE:
                    self._changed.wait(_DOUBT_S)
                else:
                    break
            if in_doubt:
                self._trial = mine
            self._under_way[mine] = now
        return mine

    def end(self, call: object, away_for: str) -> None:
        """It is over; ``away_for``: why the server gave no answer, empty where it did."""
        with self._changed:
            now = self._monotonic()
            del self._under_way[call]
            if self._trial is call:
                self._trial = None
            if away_for:
                self._away = now + _PAUSE_S, away_for
            else:
                self._away, self._answered_at = None, now
            self._changed.notify_all()

    def _is_silent(self, now: float) -> bool:
        asked_at = min(self._under_way.values(), default=now)
        return now - max(asked_at, self._answered_at) > _DOUBT_S
