"""What a comparison is: two ways to do the same work, timed in turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Timed = Callable[[], float]
"""Does the work once and returns its seconds."""


@dataclass(frozen=True)
class Comparison:
    """``prepare`` makes both sides, ours first; what it sets up is not timed."""

    what: str
    ours: str
    peer: str
    unit: str
    prepare: Callable[[], AbstractContextManager[tuple[Timed, Timed]]]


def timed(work: Callable[[], object]) -> Timed:
    """The work with a stop-watch around it."""

    def run() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return run
