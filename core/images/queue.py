"""Who gets the next free decode worker, and who is turned away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from core.domain.errors import Busy, ShuttingDown
from core.images.slot import WorkerSlot

_BUSY_SECONDS: Final = 3.0
"""When to try again: a full queue of ordinary photos is through by then."""


class SlotQueue:
    """Free workers on one side, callers on the other: first come, first served.

    Of one person's pictures one at a time is taken. ``max_bytes`` bounds the memory of the
    pictures that callers hold while they wait.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._idle: asyncio.Queue[WorkerSlot | None] = asyncio.Queue()
        self._closed = False
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.waiting = 0

    def give(self, slot: WorkerSlot) -> None:
        self._idle.put_nowait(slot)

    async def take(self, size: int, requester: str = "") -> tuple[WorkerSlot, Callable[[], None]]:
        """The next free worker, for a caller that holds ``size`` bytes.

        Where they are a person's, once those before it of the same person are done: call what
        comes with the worker when this one is. Raises Busy at once where too many bytes wait
        already (never for a size of 0), and ShuttingDown as soon as the queue closes.
        """
        if self._closed:
            raise ShuttingDown
        if size and self._bytes + size > self._max_bytes:
            raise Busy(
                "Too many pictures are waiting to be looked at.",
                remedy="Try again {when}.",
                retry_after=_BUSY_SECONDS,
            )
        self.waiting += 1
        self._bytes += size
        done = _nothing
        try:
            if requester:
                turn = self._turns.setdefault(requester, asyncio.Lock())
                await turn.acquire()
                done = turn.release
            slot = await self._idle.get()
            if slot is None or self._closed:
                self._idle.put_nowait(None)  # for the next one who waits
                raise ShuttingDown  # noqa: TRY301 - the turn is given back below
        except BaseException:
            done()
            raise
        finally:
            self.waiting -= 1
            self._bytes -= size
        return slot, done

    def close(self) -> None:
        """Tell everybody who waits, and everybody who comes, that it is over."""
        self._closed = True
        self._idle.put_nowait(None)


def _nothing() -> None:
    pass
