"""A micro-batcher: many callers, one worker, and every caller gets an answer.

A request that finds the worker idle runs at once; while a batch runs, the next one gathers,
so batching costs no artificial wait. Two lanes keep chat ahead of bulk work. The design
follows what text-embeddings-inference calls permit, queue and backend: admission is decided
first and without waiting, the queue only orders, and the backend knows nothing of callers.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from core.domain.errors import Busy, EncodingFailed, ShuttingDown
from core.domain.types import Lane
from core.encoder.batch_records import BatcherHealth, BatchRecord, Kinship

T = TypeVar("T")
R = TypeVar("R")

# With bulk work waiting, it gets a batch after this many full ones of chat even when chat
# never pauses: otherwise a busy server would never finish a reindex.
_CHAT_BATCHES_BEFORE_BULK = 8

# People ask while the last question is this recent: then the next one may come any moment.
_PEOPLE_ASK_S = 2.0


@dataclass(slots=True, eq=False)
class _PendingItem(Generic[T, R]):
    item: T
    group: Hashable
    future: asyncio.Future[R]
    queued_at: float


class MicroBatcher(Generic[T, R]):
    """Gathers single items into batches for ``run``, which works in a thread of its own.

    ``run(items) -> results`` gets 1 to ``max_batch`` items of one ``group`` and returns one
    result for each, in order. Where it raises, the batch is halved until the items that
    make it raise stand alone: they get the error, the others their results.

    Use as ``async with``; :meth:`submit` is for any number of tasks of one event loop.

    Args:
        run: the blocking backend; never called twice at the same time.
        max_batch: items in one call for chat.
        max_bulk_batch: items in one call for bulk work while nobody asks.
        bulk_s: seconds that a call for bulk work may take while people ask, since it is what
            a question may have to wait for. Its items are as many as fit, by what the last
            ones took, and one at least.
        max_queue: chat items that may wait; the next is answered ``Busy``. Bulk work may
            queue as many again, so that neither lane can crowd out the other.
        group: items of different groups never share a batch (texts and pictures).
        kinship: how a batch is made smaller than ``max_batch`` where that answers everybody
            sooner; None: first come, first served. The one that came first is in the next
            call whatever it costs, with those most like it among the first ``max_batch``:
            so nobody is overtaken for ever.
        observe: called after every call of the backend; must not raise.
        prepare: called once in the thread of ``run`` before anything else.
        now: seconds that never go backwards.

    """

    def __init__(
        self,
        run: Callable[[list[T]], Sequence[R]],
        *,
        max_batch: int = 32,
        max_bulk_batch: int = 8,
        bulk_s: float = 0.03,
        max_queue: int = 256,
        group: Callable[[T], Hashable] = type,
        kinship: Kinship[T] | None = None,
        observe: Callable[[BatchRecord], None] = lambda _: None,
        prepare: Callable[[], None] | None = None,
        name: str = "batcher",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if min(max_batch, max_bulk_batch, max_queue) < 1:
            raise ValueError("max_batch, max_bulk_batch and max_queue are at least 1")
        self._run = run
        self._limits = {Lane.CHAT: max_batch, Lane.BULK: max_bulk_batch}
        self._bulk_s = bulk_s
        self._asked_at: float | None = None
        self._bulk_item_s = 0.0
        self._max_queue = max_queue
        self._group = group
        self._kinship = kinship
        self._observe = observe
        self._prepare = prepare
        self._name = name
        self._now = now
        self._lanes: dict[Lane, deque[_PendingItem[T, R]]] = {lane: deque() for lane in Lane}
        self._chat_streak = 0
        self._wake = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._closing = False
        self._restarts = 0
        self._restarted_at: float | None = None
        self._call_started: float | None = None
        self._seconds_per_item = 0.0

    async def __aenter__(self) -> Self:
        self._executor = ThreadPoolExecutor(
            1, thread_name_prefix=self._name, initializer=self._prepare
        )
        self._start_worker()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def submit(self, item: T, *, lane: Lane = Lane.CHAT) -> R:
        """Return the backend's result for this item.

        Raises Busy at once when the lane is full, ShuttingDown once closing has begun, and
        whatever the backend raised for this item. A caller that is cancelled while it waits
        is dropped before the backend is called.
        """
        if self._closing or self._worker is None:
            raise ShuttingDown
        queue = self._lanes[lane]
        if len(queue) >= self._max_queue:
            self._drop_abandoned(queue)
        if len(queue) >= self._max_queue:
            wait = max(1.0, round(self._seconds_per_item * len(queue)))
            raise Busy(
                "Too many searches are waiting.",
                remedy="Try again {when}.",
                retry_after=wait,
            )
        answer = asyncio.get_running_loop().create_future()
        pending = _PendingItem[T, R](item, self._group(item), answer, self._now())
        queue.append(pending)
        if lane is Lane.CHAT:
            self._asked_at = pending.queued_at
        self._wake.set()
        return await pending.future

    @property
    def health(self) -> BatcherHealth:
        now = self._now()
        return BatcherHealth(
            alive=self._worker is not None and not self._worker.done(),
            restarts=self._restarts,
            restarted_ago=None if self._restarted_at is None else now - self._restarted_at,
            running_for=None if self._call_started is None else now - self._call_started,
            queued=sum(map(len, self._lanes.values())),
        )

    async def close(self, *, drain_s: float = 10.0) -> None:
        """Admit nothing more, serve what waits for up to ``drain_s``, end the rest.

        Those that could not be served get ShuttingDown. May be called more than once.
        """
        self._closing = True
        self._wake.set()
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=drain_s)
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
            self._worker = None
        error = ShuttingDown()
        for queue in self._lanes.values():
            self._fail(queue, error)
            queue.clear()
        if self._executor is not None:
            # Not waited for: a backend that hangs must not hang the shutdown too.
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _start_worker(self) -> None:
        self._worker = asyncio.create_task(self._work(), name=self._name)
        self._worker.add_done_callback(self._worker_ended)

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        if not worker.cancelled():
            worker.exception()  # mark as retrieved: it is told by health and restarts
        if self._closing:
            return
        self._restarts += 1
        self._restarted_at = self._now()
        self._start_worker()

    async def _work(self) -> None:
        while True:
            batch, lane = self._collect()
            if batch:
                try:
                    await self._serve(batch, lane)
                finally:
                    # Only a worker that is dying leaves anybody unanswered here.
                    self._fail(
                        batch,
                        EncodingFailed(
                            "The search engine stopped while it worked on this.",
                            remedy="Try again.",
                        ),
                    )
                    self._call_started = None
            elif self._closing:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    def _collect(self) -> tuple[list[_PendingItem[T, R]], Lane]:
        for queue in self._lanes.values():
            self._drop_abandoned(queue)
        chat, bulk = self._lanes[Lane.CHAT], self._lanes[Lane.BULK]
        enough = _CHAT_BATCHES_BEFORE_BULK * self._limits[Lane.CHAT]
        turn_of_bulk = bool(bulk) and self._chat_streak >= enough
        lane = Lane.CHAT if chat and not turn_of_bulk else Lane.BULK
        queue = self._lanes[lane]
        if not queue:
            self._chat_streak = 0
            return [], lane
        group = queue[0].group
        batch: list[_PendingItem[T, R]] = []
        others: list[_PendingItem[T, R]] = []
        limit = self._limits[lane] if lane is Lane.CHAT else self._bulk_limit()
        while queue and len(batch) < limit:
            pending = queue.popleft()
            (batch if pending.group == group else others).append(pending)
        if self._kinship is not None:
            batch, later = _alike(batch, self._kinship)
            # They came before all that were not looked at.
            others = sorted([*later, *others], key=lambda pending: pending.queued_at)
        queue.extendleft(reversed(others))
        self._chat_streak = self._chat_streak + len(batch) if lane is Lane.CHAT and bulk else 0
        return batch, lane

    def _bulk_limit(self) -> int:
        limit = self._limits[Lane.BULK]
        nobody = self._asked_at is None or self._now() - self._asked_at > _PEOPLE_ASK_S
        if nobody or not self._bulk_item_s:
            return limit
        return max(1, min(limit, int(self._bulk_s / self._bulk_item_s)))

    async def _serve(self, batch: list[_PendingItem[T, R]], lane: Lane) -> None:
        # A stack of parts instead of recursion: the order of arrival is kept.
        parts = [batch]
        while parts:
            part = [p for p in parts.pop() if not p.future.done()]
            if not part:
                continue
            try:
                results = await self._call(part, lane)
            except Exception as error:  # noqa: BLE001 - it belongs to the callers
                if len(part) == 1:
                    self._fail(part, error)
                else:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                continue
            for pending, result in zip(part, results, strict=True):
                if not pending.future.done():
                    pending.future.set_result(result)

    async def _call(self, part: list[_PendingItem[T, R]], lane: Lane) -> Sequence[R]:
        assert self._executor is not None
        started = self._call_started = self._now()
        failed = True
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._executor, self._guarded_run, [p.item for p in part]
            )
            failed = False
        finally:
            seconds = self._now() - started
            self._call_started = None
            self._seconds_per_item = seconds / len(part)
            if lane is Lane.BULK:
                self._bulk_item_s = seconds / len(part)
            waits = tuple(started - p.queued_at for p in part)
            self._observe(BatchRecord(lane, part[0].group, len(part), waits, seconds, failed))
        return results

    def _guarded_run(self, items: list[T]) -> Sequence[R]:
        try:
            results = self._run(items)
        except Exception:
            raise
        except BaseException as error:
            # SystemExit out of a library would otherwise end the event loop itself.
            raise EncodingFailed(
                "The search engine gave up on this.", remedy="Try again, or restart Tangerine."
            ) from error
        if len(results) != len(items):
            raise EncodingFailed(
                "The encoder returned {got} vectors for {count} items.",
                remedy="This is a defect of the model's code: please report it.",
                got=len(results),
                count=len(items),
            )
        return results

    @staticmethod
    def _drop_abandoned(queue: deque[_PendingItem[T, R]]) -> None:
        if any(p.future.done() for p in queue):
            alive = [p for p in queue if not p.future.done()]
            queue.clear()
            queue.extend(alive)

    @staticmethod
    def _fail(
        waiting: Sequence[_PendingItem[T, R]] | deque[_PendingItem[T, R]], error: Exception
    ) -> None:
        for pending in waiting:
            if not pending.future.done():
                pending.future.set_exception(error)


def _alike(
    batch: list[_PendingItem[T, R]], kinship: Kinship[T]
) -> tuple[list[_PendingItem[T, R]], list[_PendingItem[T, R]]]:
    """The first of a batch with those most like it, and the others; both in their order."""
    costs = {kinship.key(pending.item): kinship.cost(pending.item) for pending in batch}
    first = costs[kinship.key(batch[0].item)]
    # Python's sort is stable: of those that differ as much, the earlier goes first.
    nearest = sorted(costs, key=lambda key: abs(costs[key] - first))
    chosen = set(nearest[: kinship.at_once])
    near = [pending for pending in batch if kinship.key(pending.item) in chosen]
    return near, [pending for pending in batch if kinship.key(pending.item) not in chosen]
