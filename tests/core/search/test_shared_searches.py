"""Questions that come together: each has its own answer, however many share a turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.domain.errors import ShuttingDown
from core.domain.types import Vectors
from core.search.coalescing import BatchedQuery, Near, QueryCoalescer, nearest
from tests.fake_collections import FakeVectorIndex
from tests.fakes import unit

_VECTORS = unit(np.random.default_rng(0).standard_normal((30, 8)))


class Counted(FakeVectorIndex):
    """An index that tells how many queries each of its searches had, and can be held up."""

    def __init__(self, vectors: Vectors) -> None:
        super().__init__(vectors)
        self.searches: list[int] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.refused: Vectors | None = None

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See the port."""
        self.searches.append(len(queries))
        self.go_on.wait(10)
        if self.refused is not None and (queries == self.refused).all(axis=1).any():
            raise ValueError("refused")
        return super().search(queries, k)


def looked_up(index: FakeVectorIndex, query: Vectors, k: int) -> BatchedQuery[Near]:
    """So many rows are wanted of an index."""
    return BatchedQuery(lambda queries: nearest(index, queries, k), (index, k), query)


def rows_of(near: Sequence[Near]) -> list[list[int]]:
    """What a question makes of its lookups."""
    return [each.rows.tolist() for each in near]


def alone(index: FakeVectorIndex, query: Vectors, k: int) -> list[int]:
    """What it would have found by itself."""
    return [int(row) for row in FakeVectorIndex.search(index, query[None], k)[1][0]]


@given(asked=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 5)), max_size=40))
@settings(max_examples=20, deadline=None)
def test_everybody_has_the_answer_that_he_would_have_alone(asked: list[tuple[int, int]]) -> None:
    """Of two indexes, of other numbers of rows, in whatever order they come."""

    async def ask() -> None:
        searches, one, two = (
            QueryCoalescer(2),
            FakeVectorIndex(_VECTORS),
            FakeVectorIndex(_VECTORS[::-1]),
        )
        lookups = [
            [looked_up(one, _VECTORS[row], k), looked_up(two, _VECTORS[row], 3)] for row, k in asked
        ]
        answers = await asyncio.gather(*(searches.answer(each, rows_of) for each in lookups))
        assert answers == [
            [alone(one, _VECTORS[row], k), alone(two, _VECTORS[row], 3)] for row, k in asked
        ]

    asyncio.run(ask())


async def asked_while_busy(
    searches: QueryCoalescer, index: Counted, k: int, vectors: Vectors
) -> tuple[asyncio.Task[list[list[int]]], list[asyncio.Task[list[list[int]]]]]:
    """The first question, which the index keeps waiting, and those of vectors that came since."""
    first = asyncio.create_task(searches.answer([looked_up(index, _VECTORS[0], k)], rows_of))
    while not index.searches:  # noqa: ASYNC110 - the thread has no event of the loop's
        await asyncio.sleep(0)
    others = [
        asyncio.create_task(searches.answer([looked_up(index, vector, k)], rows_of))
        for vector in vectors
    ]
    await asyncio.sleep(0)
    return first, others


async def test_those_who_come_while_all_are_busy_share_a_search() -> None:
    """The first is looked up at once; the others wait for it, and no more than a turn's."""
    index = Counted(_VECTORS)
    index.go_on.clear()
    searches = QueryCoalescer(1)
    first, others = await asked_while_busy(searches, index, 2, _VECTORS[1:21])
    for _ in range(5):
        await asyncio.to_thread(int)  # whoever would search beside the first has had the chance to
    assert index.searches == [1]
    index.go_on.set()
    assert await first == [alone(index, _VECTORS[0], 2)]
    assert await asyncio.gather(*others) == [[alone(index, v, 2)] for v in _VECTORS[1:21]]
    assert index.searches == [1, 16, 4]


async def test_a_failure_is_that_of_the_one_who_caused_it() -> None:
    """A query that an index refuses, and a question that fails on what was found."""
    index = Counted(_VECTORS)
    index.refused = _VECTORS[1]
    searches = QueryCoalescer(1)

    def broken(_: Sequence[Near]) -> None:
        raise KeyError("mine")

    fine, refused, failed = await asyncio.gather(
        searches.answer([looked_up(index, _VECTORS[0], 2)], rows_of),
        searches.answer([looked_up(index, _VECTORS[1], 2)], rows_of),
        searches.answer([looked_up(index, _VECTORS[2], 2)], broken),
        return_exceptions=True,
    )
    assert fine == [alone(index, _VECTORS[0], 2)]
    assert isinstance(refused, ValueError)
    assert isinstance(failed, KeyError)
    assert await searches.answer([], rows_of) == [], "it goes on"


async def test_whoever_leaves_is_not_looked_up() -> None:
    """The others of the turn have their answers, and nothing is left behind."""
    index = Counted(_VECTORS)
    index.go_on.clear()
    searches = QueryCoalescer(1)
    first, waiting = await asked_while_busy(searches, index, 1, _VECTORS[1:4])
    first.cancel()
    waiting[1].cancel()
    await asyncio.sleep(0)
    index.go_on.set()
    assert await waiting[0] == [alone(index, _VECTORS[1], 1)]
    assert await waiting[2] == [alone(index, _VECTORS[3], 1)]
    assert first.cancelled()
    assert waiting[1].cancelled()
    assert index.searches == [1, 2]


async def test_whoever_asks_again_at_once_is_answered() -> None:
    """A turn that has just ended is none that will look at him."""
    searches = QueryCoalescer(1)
    async with asyncio.timeout(10):
        for _ in range(5):
            assert await searches.answer([], rows_of) == []


async def test_at_the_end_nobody_is_left_waiting() -> None:
    """Where there is no thread any more, everybody is told so."""
    await asyncio.get_running_loop().shutdown_default_executor()
    searches = QueryCoalescer(1)
    asked = [searches.answer([], rows_of) for _ in range(20)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in found] == [ShuttingDown] * 20
