"""The micro-batcher: every caller gets an answer, and its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.errors import Busy, EncodingFailed, ShuttingDown
from core.domain.types import Lane
from core.encoder.batch_records import BatchRecord, Kinship
from core.encoder.batcher import MicroBatcher


class Gate:
    """A backend that doubles numbers, records its batches and can be held up."""

    def __init__(self, *, bad: Callable[[int], bool] = lambda _: False) -> None:
        self.batches: list[list[int]] = []
        self.open = threading.Event()
        self.entered = threading.Event()
        self.open.set()
        self.stop_at: int | None = None
        self.passed = threading.Event()
        self._bad = bad

    def __call__(self, items: list[int]) -> Sequence[int]:
        """Double the items once the gate is open."""
        self.batches.append(list(items))
        self.entered.set()
        assert self.open.wait(20)
        if self.stop_at in items:
            assert self.passed.wait(20)
        if any(map(self._bad, items)):
            raise ValueError(f"bad item in {len(items)}")
        return [2 * item for item in items]

    async def hold(self, batcher: MicroBatcher[int, int]) -> asyncio.Task[int]:
        """Occupy the backend with item 0 and return the task that waits for it."""
        self.open.clear()
        self.entered.clear()
        task = asyncio.create_task(batcher.submit(0))
        await asyncio.to_thread(self.entered.wait, 20)
        return task


async def test_an_idle_backend_is_called_at_once() -> None:
    """A single request runs alone instead of waiting for company."""
    gate = Gate()
    async with MicroBatcher(gate) as batcher:
        assert await batcher.submit(21) == 42
    assert gate.batches == [[21]]


async def test_requests_gather_while_a_batch_runs() -> None:
    """What arrives during a batch shares the next one, up to its limit, in order."""
    gate = Gate()
    async with MicroBatcher(gate, max_batch=4) as batcher:
        first = await gate.hold(batcher)
        others = [asyncio.create_task(batcher.submit(n)) for n in range(1, 7)]
        await asyncio.sleep(0)
        gate.open.set()
        assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10, 12]
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6]]


def _kinship(at_once: int) -> Kinship[int]:
    """Numbers of like tens are alike; equal numbers are one item."""
    return Kinship(at_once, cost=lambda n: n // 10, key=lambda n: n)


async def test_the_oldest_goes_with_those_most_like_it() -> None:
    """A call holds the one that waits longest and its like; nobody loses his turn for ever."""
    gate = Gate()
    async with MicroBatcher(gate, max_batch=6, kinship=_kinship(3)) as batcher:
        first = await gate.hold(batcher)
        items = [91, 10, 92, 11, 93, 12, 94, 13]
        others = [asyncio.create_task(batcher.submit(n)) for n in items]
        await asyncio.sleep(0)
        gate.open.set()
        assert await asyncio.gather(first, *others) == [0, *(2 * n for n in items)]
    assert gate.batches == [[0], [91, 92, 93], [10, 11, 12], [94, 13]]


async def test_early_calls_answer_at_once() -> None:
    """Who was in an earlier call has his answer while a later one still runs."""
    gate = Gate()
    async with MicroBatcher(gate, kinship=_kinship(2)) as batcher:
        first = await gate.hold(batcher)
        early = [asyncio.create_task(batcher.submit(n)) for n in (11, 12)]
        late = asyncio.create_task(batcher.submit(91))
        await asyncio.sleep(0)
        gate.stop_at = 91
        gate.open.set()
        assert await asyncio.gather(first, *early) == [0, 22, 24]
        assert not late.done()
        gate.passed.set()
        assert await late == 182


async def test_equal_items_share_a_call_whatever_it_holds() -> None:
    """A question that everybody asks at once is answered by one call, beside its like."""
    gate = Gate()
    async with MicroBatcher(gate, kinship=_kinship(2)) as batcher:
        first = await gate.hold(batcher)
        items = [11, 50, 11, 12, 11, 11]
        others = [asyncio.create_task(batcher.submit(n)) for n in items]
        await asyncio.sleep(0)
        gate.open.set()
        assert await asyncio.gather(first, *others) == [0, *(2 * n for n in items)]
    assert gate.batches == [[0], [11, 11, 12, 11, 11], [50]]


async def test_chat_overtakes_bulk() -> None:
    """Chat that arrives behind a long bulk queue waits for one bulk batch at most."""
    gate = Gate()
    async with MicroBatcher(gate, max_bulk_batch=2) as batcher:
        first = await gate.hold(batcher)
        bulk = [asyncio.create_task(batcher.submit(n, lane=Lane.BULK)) for n in range(100, 106)]
        await asyncio.sleep(0)
        chat = asyncio.create_task(batcher.submit(7))
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, chat, *bulk)
    assert gate.batches == [[0], [7], [100, 101], [102, 103], [104, 105]]


class Hours:
    """A clock that a backend moves on, so many seconds an item."""

    def __init__(self, item_s: float) -> None:
        self.now = 1000.0
        self.item_s = item_s
        self.batches: list[list[int]] = []

    def __call__(self, items: list[int]) -> Sequence[int]:
        """Take the time that the items take."""
        self.batches.append(list(items))
        self.now += self.item_s * len(items)
        return items


@pytest.mark.parametrize(("item_s", "most"), [(0.001, 8), (0.009, 3), (0.5, 1)])
async def test_bulk_takes_little_at_a_time_while_people_ask(item_s: float, most: int) -> None:
    """Whole batches while nobody asks; then what fits into the time a question may wait."""
    clock = Hours(item_s)
    batcher = MicroBatcher(clock, max_bulk_batch=8, bulk_s=0.03, now=lambda: clock.now)

    async def bulk() -> list[int]:
        """The sizes of the calls for 16 items."""
        clock.batches.clear()
        await asyncio.gather(*(batcher.submit(n, lane=Lane.BULK) for n in range(16)))
        return [len(batch) for batch in clock.batches]

    async with batcher:
        assert await bulk() == [8, 8]
        await batcher.submit(-1)
        sizes = await bulk()
        assert sizes[0] == most
        clock.now += 60
        assert await bulk() == [8, 8]


async def test_endless_chat_does_not_starve_bulk() -> None:
    """Bulk work gets its turn although chat requests are always waiting."""
    gate = Gate()
    async with MicroBatcher(gate, max_batch=1) as batcher:
        first = await gate.hold(batcher)
        bulk = asyncio.create_task(batcher.submit(100, lane=Lane.BULK))
        chat = [asyncio.create_task(batcher.submit(n)) for n in range(1, 40)]
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, bulk, *chat)
    assert 1 <= gate.batches.index([100]) <= 10


async def test_a_full_queue_answers_busy_at_once() -> None:
    """Admission never waits; the error names a time to come back, and bulk is apart."""
    gate = Gate()
    async with MicroBatcher(gate, max_queue=2) as batcher:
        first = await gate.hold(batcher)
        waiting = [asyncio.create_task(batcher.submit(n)) for n in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as busy:
            await batcher.submit(3)
        assert busy.value.retry_after >= 1
        bulk = asyncio.create_task(batcher.submit(4, lane=Lane.BULK))
        waiting[0].cancel()
        await asyncio.sleep(0)
        late = asyncio.create_task(batcher.submit(5))  # the cancelled one's place is free
        await asyncio.sleep(0)
        gate.open.set()
        assert await asyncio.gather(first, waiting[1], bulk, late) == [0, 4, 8, 10]
    assert [1] not in gate.batches


async def test_one_bad_item_fails_alone() -> None:
    """A backend that raises on one item fails that item; its neighbours get results."""
    gate = Gate(bad=lambda n: n == 13)
    async with MicroBatcher(gate) as batcher:
        first = await gate.hold(batcher)
        others = [asyncio.create_task(batcher.submit(n)) for n in range(10, 20)]
        await asyncio.sleep(0)
        gate.open.set()
        results = await asyncio.gather(first, *others, return_exceptions=True)
    assert [r for r in results if not isinstance(r, Exception)] == [
        2 * n for n in [0, *range(10, 13), *range(14, 20)]
    ]
    assert [str(r) for r in results if isinstance(r, Exception)] == ["bad item in 1"]


async def test_a_batch_that_fails_as_a_whole_reaches_every_waiter() -> None:
    """When nothing works, everybody is told."""
    gate = Gate(bad=lambda n: n > 0)
    async with MicroBatcher(gate) as batcher:
        first = await gate.hold(batcher)
        others = [asyncio.create_task(batcher.submit(n)) for n in range(1, 9)]
        await asyncio.sleep(0)
        gate.open.set()
        results = await asyncio.gather(first, *others, return_exceptions=True)
    assert results[0] == 0
    assert all(isinstance(r, ValueError) for r in results[1:])


async def test_a_result_too_few_is_an_error_not_a_mix_up() -> None:
    """A backend that returns a wrong number of results never shifts answers."""
    async with MicroBatcher[int, int](lambda items: [1] * (len(items) + 1)) as batcher:
        with pytest.raises(EncodingFailed, match="2 vectors for 1 items"):
            await batcher.submit(1)


async def test_a_backend_that_exits_does_not_end_the_process() -> None:
    """SystemExit from inside a library is one failed request."""

    def leave(_: list[int]) -> Sequence[int]:
        raise SystemExit(3)

    async with MicroBatcher(leave) as batcher:
        with pytest.raises(EncodingFailed):
            await batcher.submit(1)
        assert batcher.health.alive


async def test_groups_never_share_a_batch() -> None:
    """Texts and pictures go to the backend apart, each in order of arrival."""
    seen: list[list[object]] = []

    def backend(items: list[object]) -> Sequence[object]:
        seen.append(list(items))
        return items

    async with MicroBatcher(backend) as batcher:
        items: list[object] = ["a", 1, "b", 2, "c"]
        assert await asyncio.gather(*map(batcher.submit, items)) == items
    assert seen == [["a", "b", "c"], [1, 2]]


async def test_a_cancelled_caller_is_dropped_before_the_backend() -> None:
    """Who left costs nothing and harms nobody."""
    gate = Gate()
    async with MicroBatcher(gate) as batcher:
        first = await gate.hold(batcher)
        tasks = [asyncio.create_task(batcher.submit(n)) for n in range(1, 9)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        results = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert gate.batches == [[0], [2, 4, 6, 8]]
    assert [r for r in results if isinstance(r, int)] == [0, 4, 8, 12, 16]


async def test_a_dead_worker_is_replaced_and_its_batch_is_told() -> None:
    """The waiters of the dying worker get an error, later ones a result; health counts it."""
    gate = Gate()
    async with MicroBatcher(gate) as batcher:
        held = await gate.hold(batcher)
        later = asyncio.create_task(batcher.submit(5))
        await asyncio.sleep(0)
        assert batcher._worker is not None
        batcher._worker.cancel()
        with pytest.raises(EncodingFailed):
            await held
        gate.open.set()
        assert await later == 10
        assert batcher.health.restarts == 1
        assert batcher.health.restarted_ago is not None
        assert batcher.health.alive


async def test_closing_serves_what_waits() -> None:
    """A shutdown answers the queue first and admits nothing new."""
    gate = Gate()
    batcher = MicroBatcher(gate)
    async with batcher:
        first = await gate.hold(batcher)
        waiting = asyncio.create_task(batcher.submit(1))
        await asyncio.sleep(0)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(ShuttingDown):
            await batcher.submit(2)
        gate.open.set()
        assert await asyncio.gather(first, waiting) == [0, 2]
        await closing


async def test_closing_over_a_hung_backend_ends_every_waiter() -> None:
    """A backend that never returns cannot hold up the shutdown or leave a caller waiting."""
    gate = Gate()
    batcher = MicroBatcher(gate)
    async with batcher:
        held = await gate.hold(batcher)
        waiting = asyncio.create_task(batcher.submit(1))
        await asyncio.sleep(0)
        started = time.monotonic()
        await batcher.close(drain_s=0.1)
        assert time.monotonic() - started < 10
        with pytest.raises(EncodingFailed):
            await held
        with pytest.raises(ShuttingDown):
            await waiting
        gate.open.set()


async def test_every_call_is_observed() -> None:
    """Metrics see each batch with its size, lane, group and waits."""
    records: list[BatchRecord] = []
    async with MicroBatcher(Gate(), observe=records.append) as batcher:
        await asyncio.gather(*(batcher.submit(n) for n in range(5)))
        await batcher.submit(1, lane=Lane.BULK)
    assert [(r.size, r.lane, r.group) for r in records] == [
        (5, Lane.CHAT, int),
        (1, Lane.BULK, int),
    ]
    assert all(len(r.waits) == r.size and min(r.waits) >= 0 for r in records)


@pytest.mark.parametrize("bound", ["max_batch", "max_bulk_batch", "max_queue"])
def test_bounds_below_one_are_refused(bound: str) -> None:
    """A bound of zero would make every request wait for ever."""
    with pytest.raises(ValueError, match="at least 1"):
        MicroBatcher(Gate(), **{bound: 0})


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["chat", "bulk", "bad", "cancel", "yield", "kill"]), st.integers(1, 50)
    ),
    max_size=40,
)


@given(
    events=_EVENTS,
    max_batch=st.integers(1, 5),
    max_queue=st.integers(1, 20),
    kinship=st.none() | st.integers(1, 3).map(_kinship),
)
@settings(max_examples=60, deadline=None)
def test_any_history_gives_one_answer_per_caller(
    events: list[tuple[str, int]], max_batch: int, max_queue: int, kinship: Kinship[int] | None
) -> None:
    """Each caller ends once: with its result, its error, Busy or its own cancellation.

    Whatever the order of arrivals, failures, cancellations and deaths of the worker.
    """

    async def history() -> None:
        batcher = MicroBatcher(
            Gate(bad=lambda n: n < 0), max_batch=max_batch, max_queue=max_queue, kinship=kinship
        )
        tasks: list[tuple[int, asyncio.Task[int]]] = []
        killed = False
        async with batcher:
            for kind, number in events:
                if kind in {"chat", "bulk", "bad"}:
                    item = -number if kind == "bad" else number
                    lane = Lane.BULK if kind == "bulk" else Lane.CHAT
                    tasks.append((item, asyncio.create_task(batcher.submit(item, lane=lane))))
                elif kind == "cancel" and tasks:
                    tasks[number % len(tasks)][1].cancel()
                elif kind == "kill" and batcher._worker is not None:
                    killed = True
                    batcher._worker.cancel()
                else:
                    await asyncio.sleep(0.0005 * (number % 3))
            await asyncio.wait_for(
                asyncio.gather(*(t for _, t in tasks), return_exceptions=True), timeout=20
            )
        for item, task in tasks:
            if task.cancelled():
                continue
            error = task.exception()
            if error is None:
                assert task.result() == 2 * item
                assert item > 0
            else:
                assert (
                    isinstance(error, Busy)
                    or (isinstance(error, ValueError) and item < 0)
                    or (killed and isinstance(error, EncodingFailed))
                )

    asyncio.run(history())
