"""Bulk work tries again: a busy encoder soon, a picture that was refused when it may pass now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from core.domain.errors import Busy, DecodingFailed, MachineBusy
from index.catalogue.records import BadFile

R = TypeVar("R")

_PATIENCE_SECONDS = 5.0
"""The longest wait before it is asked again."""


async def patiently(call: Callable[[], Awaitable[R]]) -> R:
    """Ask the encoder, as often as it takes; bulk work has time."""
    while True:
        try:
            return await call()
        except Busy as busy:
            await asyncio.sleep(min(busy.retry_after, _PATIENCE_SECONDS))


PASSES_LATER = frozenset({DecodingFailed.code, MachineBusy.code})
"""Codes of failures that the machine's load may have caused."""

_FIRST_PAUSE_SECONDS = 3600.0
_PAUSE_GROWS = 4.0
_LONGEST_PAUSE_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a refusal of a picture depends on beside its bytes.

    ``key`` stands for the bounds of the settings and the decoders: where it is another one,
    everything that was refused is tried again. What the machine's load may have caused (out of
    time or memory) is besides, an hour later, then after pauses four times as long, up to a week.
    ``now`` gives seconds since the epoch.
    """

    key: str = ""
    now: Callable[[], float] = time.time

    def holds(self, bad: BadFile) -> bool:
        """Whether the same would come of another try, as far as anybody knows."""
        if bad.tried_under != self.key:
            return False
        if bad.failure.code not in PASSES_LATER:
            return True
        pause = _FIRST_PAUSE_SECONDS * _PAUSE_GROWS ** min(bad.tries - 1, 9)
        # Not less than 0: a clock that was ahead once must not put it off for years.
        return 0 <= self.now() - bad.tried_at < min(pause, _LONGEST_PAUSE_SECONDS)

    def tried(self, bad: BadFile, before: BadFile | None) -> BadFile:
        """A failure with the note of this try; ``before``: what came of the last one."""
        again = before is not None and before.tried_under == self.key
        tries = before.tries + 1 if before is not None and again else 1
        return replace(bad, tried_under=self.key, tried_at=self.now(), tries=tries)
