"""What a comparison is: two ways to do the same work, timed in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Timed = Callable[[], float | tuple[float, ...]]
"""Does the work once and returns its seconds, and those of its further figures."""


@dataclass(frozen=True)
class Comparison:
    """``prepare`` makes both sides, ours first; what it sets up is not timed.

    ``further`` names what both sides tell in seconds beside the time of the work.
    """

    what: str
    ours: str
    peer: str
    unit: str
    prepare: Callable[[], AbstractContextManager[tuple[Timed, Timed]]]
    further: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """All that it is called by."""
        return f"{self.what}: {self.ours} / {self.peer}"


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """The work with a stop-watch around it."""

    def run() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return run
