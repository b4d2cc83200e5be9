"""Items of many callers go to encoders together, while calls are under way already."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from core.domain.errors import Busy, EncodingFailed, ShuttingDown
from core.domain.types import Vectors

T = TypeVar("T")

_Waiting = tuple[T, "asyncio.Future[Vectors]"]

_AGAIN_S = 1.0


class Gatherer(Generic[T]):
    """Sends an item at once where fewer than ``calls()`` are under way; else it waits for the next.

    So a single caller waits for nobody, and 64 callers cost a few calls instead of 64. What has
    waited leaves together, ``most()`` at a time, first come, first served.

    Args:
        send: gives the vectors of some items, float32 [n, d]. Where it raises EncodingFailed for
            several, each is sent alone, so that only the one that makes it raise gets the error.
        calls: how many calls may be under way now.
        most: items in one call now.
        longest: items that may wait; the next is answered Busy.

    """

    def __init__(
        self,
        send: Callable[[Sequence[T]], Awaitable[Vectors]],
        *,
        calls: Callable[[], int],
        most: Callable[[], int],
        longest: int,
    ) -> None:
        self._send = send
        self._calls = calls
        self._most = most
        self._longest = longest
        self._waiting: deque[_Waiting[T]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Items that have not been sent yet."""
        return len(self._waiting)

    async def submit(self, item: T) -> Vectors:
        """The vector of an item, float32 [d]. Raises Busy, ShuttingDown and what ``send`` raises.

        Items whose callers are cancelled are not sent; a call for which nobody waits any more ends.
        """
        if self._closed:
            raise ShuttingDown
        if len(self._waiting) >= self._longest:
            raise Busy(
                "Too many searches are waiting.", remedy="Try again {when}.", retry_after=_AGAIN_S
            )
        future: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._go_on()
        return await future

    async def close(self) -> None:
        """End what is under way; whoever waits gets ShuttingDown."""
        self._closed = True
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        _fail(self._waiting, ShuttingDown())
        self._waiting.clear()

    def _go_on(self) -> None:
        while self._waiting and len(self._under_way) < max(1, self._calls()):
            batch: list[_Waiting[T]] = []
            most = self._most()
            while self._waiting and len(batch) < most:
                pending = self._waiting.popleft()
                if not pending[1].done():
                    batch.append(pending)
            if batch:
                self._begin(batch)

    def _begin(self, batch: list[_Waiting[T]]) -> None:
        task = asyncio.create_task(self._answer(batch))
        self._under_way.add(task)

        def left(_: asyncio.Future[Vectors]) -> None:
            if all(future.cancelled() for _, future in batch):
                task.cancel()

        for _, future in batch:
            future.add_done_callback(left)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not self._closed:
            # What leaves now serves several requests, and carries the id of none in the log.
            contextvars.Context().run(self._go_on)

    async def _answer(self, batch: list[_Waiting[T]]) -> None:
        try:
            vectors = await self._send([item for item, _ in batch])
        except EncodingFailed as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            for pending in batch:
                if not pending[1].done():
                    await self._answer([pending])
        except Exception as error:  # noqa: BLE001 - it belongs to the callers
            _fail(batch, error)
        else:
            for (_, future), vector in zip(batch, vectors, strict=True):
                if not future.done():
                    future.set_result(vector)
        finally:
            _fail(batch, ShuttingDown())  # only where this was cancelled


def _fail(waiting: Sequence[_Waiting[T]] | deque[_Waiting[T]], error: Exception) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(error)
