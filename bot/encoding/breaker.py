"""Keeps callers away from a server that fails, until one trial has succeeded."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """Opens after ``failures`` in a row; closes again after one trial that succeeds.

    A trial is due ``pause_s`` seconds after it opened; each one that fails doubles the pause, up
    to ``longest_s``. The pattern is that of M. Nygard, "Release It!" (2007), chapter 5.2.
    """

    def __init__(
        self,
        *,
        failures: int = 2,
        pause_s: float = 0.5,
        longest_s: float = 3.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._first_s = pause_s
        self._longest_s = longest_s
        self._now = now
        self._failed = 0
        self._pause_s = pause_s
        self._opened_at = 0.0
        self.state: BreakerState = "closed"

    def succeeded(self) -> None:
        """A call or a trial went well. One that began before it opened closes nothing."""
        if self.state != "open":
            self.state = "closed"
            self._failed = 0
            self._pause_s = self._first_s

    def failed(self) -> None:
        """A call or a trial failed."""
        self._failed += 1
        if self.state == "half-open":
            self._pause_s = min(2 * self._pause_s, self._longest_s)
            self._open()
        elif self.state == "closed" and self._failed >= self._most:
            self._open()

    def trip(self) -> None:
        """Open now: it is known that every call would fail."""
        if self.state == "half-open":
            self.failed()
        elif self.state == "closed":
            self._open()

    def try_again(self) -> bool:
        """Whether a trial is due; then it is the caller's to make, and nobody else's."""
        if self.state != "open" or self._now() - self._opened_at < self._pause_s:
            return False
        self.state = "half-open"
        return True

    def _open(self) -> None:
        self.state = "open"
        self._opened_at = self._now()
