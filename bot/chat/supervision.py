"""Supervision of tasks that must not end: an end is noticed at once, and they are restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

_MOST_DOUBLINGS = 16


class EndedError(Exception):
    """A task that was to go on for good has ended, and left no reason."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds before the next attempts: ``first_s``, then twice as many each time."""

    first_s: float = 2.0
    longest_s: float = 120.0

    def after(self, failures: int) -> float:
        """The pause after so many failures in a row, at least one."""
        return min(self.first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), self.longest_s)


PAUSES = Pauses()


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> NoReturn:
    """Wait until one of these tasks ends, although none is to. Raises why it did."""
    done, _ = await asyncio.wait(tuple(tasks), return_when=asyncio.FIRST_COMPLETED)
    reasons = [None if task.cancelled() else task.exception() for task in done]
    raise next((reason for reason in reasons if reason is not None), EndedError())
