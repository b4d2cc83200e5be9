"""Who gets the next free decode worker, and who is turned away."""

from __future__ import annotations

import asyncio
from typing import Final

from core.errors import Busy, ShuttingDown
from core.image_slot import WorkerSlot

_BUSY_SECONDS: Final = 3.0
"""When to try again: a full queue of ordinary photos is through by then."""


class SlotQueue:
    """Free workers on one side, callers on the other: first come, first served.

    ``max_bytes`` bounds the memory of the pictures that callers hold while they wait.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._idle: asyncio.Queue[WorkerSlot | None] = asyncio.Queue()
        self._closed = False
        self.waiting = 0

    def give(self, slot: WorkerSlot) -> None:
        """Offer a worker that is free."""
        self._idle.put_nowait(slot)

    async def take(self, size: int) -> WorkerSlot:
        """The next free worker, for a caller that holds ``size`` bytes.

        Raises Busy at once where too many bytes wait already (never for a size of 0), and
        ShuttingDown as soon as the queue closes.
        """
        if self._closed:
            raise shutting_down()
        if size and self._bytes + size > self._max_bytes:
            raise Busy(
                "Too many pictures are waiting to be looked at.",
                remedy="Try again in a few seconds.",
                retry_after=_BUSY_SECONDS,
            )
        self.waiting += 1
        self._bytes += size
        try:
            slot = await self._idle.get()
        finally:
            self.waiting -= 1
            self._bytes -= size
        if slot is None or self._closed:
            self._idle.put_nowait(None)  # for the next one who waits
            raise shutting_down()
        return slot

    def close(self) -> None:
        """Tell everybody who waits, and everybody who comes, that it is over."""
        self._closed = True
        self._idle.put_nowait(None)


def shutting_down() -> ShuttingDown:
    """The error for a caller who gets no answer any more."""
    return ShuttingDown("Tangerine is stopping.", remedy="Try again in a minute.")
