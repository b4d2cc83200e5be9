"""Questions that come together: one look into each index, one way to a thread and back.

A search of sixteen queries costs an index a fraction of sixteen searches. What follows is many
short steps of numpy, which give Python's lock away at each: threads that all want it spend more
time on handing it over than on the work, so that one of them has its turn at a time
(``bench.http``: half the processor time of a question at 64 callers).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ShuttingDown
from core.domain.ports import VectorIndex
from core.domain.types import Vectors

_T = TypeVar("_T")
_R = TypeVar("_R")

_TOGETHER = 16
"""Questions in one turn: all of them wait for the last, some ten milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchedQuery(Generic[_T]):
    """Something is wanted to be known of a query, float32 [d].

    ``ask`` tells it of several queries at once, float32 [n, d], of each as if it were alone (but
    for rounding); blocking. ``kind`` is equal for lookups that one ``ask`` may answer together.
    """

    ask: Callable[[Vectors], Sequence[_T]]
    kind: Hashable
    query: Vectors

    def alone(self) -> _T:
        """The answer. Blocking."""
        return self.ask(self.query[None])[0]


@dataclass(frozen=True, slots=True, eq=False)
class SharedRead(Generic[_T]):
    """Something that is read once for all who want to know it in one turn.

    ``read`` is blocking; ``kind`` is equal for those that one ``read`` answers.
    """

    read: Callable[[], _T]
    kind: Hashable

    def alone(self) -> _T:
        """The answer. Blocking."""
        return self.read()


Lookup = BatchedQuery[Any] | SharedRead[Any]


class Near(NamedTuple):
    """What an index finds: scores and rows, float32 and int64 [min(k, len)], best first."""

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


def nearest(index: VectorIndex, queries: Vectors, k: int) -> list[Near]:
    """The ``k`` nearest to each query, float32 [n, d]. Blocking."""
    scores, rows = index.search(queries, k)
    return list(map(Near, scores, rows))


@dataclass(frozen=True, slots=True, eq=False)
class _Question(Generic[_R]):
    lookups: Sequence[Lookup]
    finish: Callable[[Sequence[Any]], _R]
    answer: asyncio.Future[_R]


class QueryCoalescer:
    """Answers questions in threads, in no more of them at once than there are cores.

    A question that finds one of them free is answered at once; while all are busy, those that
    come gather for the next turn. Each has the answer that it would have had alone, as the port
    of the indexes promises. For callers of one event loop at a time.
    """

    def __init__(self, threads: int | None = None) -> None:
        """``threads``: how many at once; None for the cores that this process may use."""
        self._free = threads or _cores()
        self._busy = 0
        self._waiting: deque[_Question[Any]] = deque()
        self._turns: set[asyncio.Task[None]] = set()
        self._computing = threading.Lock()

    async def answer(self, lookups: Sequence[Lookup], finish: Callable[[Sequence[Any]], _R]) -> _R:
        """What ``finish`` makes in a thread of the answers to the lookups.

        Raises what a lookup or ``finish`` raises for this question, and ShuttingDown.
        """
        question: _Question[_R] = _Question(
            lookups, finish, asyncio.get_running_loop().create_future()
        )
        self._waiting.append(question)
        if self._busy < self._free:
            self._busy += 1
            turn = asyncio.create_task(self._take_turns())
            self._turns.add(turn)
            turn.add_done_callback(self._ended)
        return await question.answer

    def _ended(self, turn: asyncio.Task[None]) -> None:
        self._turns.discard(turn)
        if not turn.cancelled():
            turn.exception()  # seen: it was told to those who waited

    async def _take_turns(self) -> None:
        try:
            while self._waiting:
                await self._take_turn(_taken(self._waiting))
        except BaseException:
            # No thread any more, or the end of the event loop: nobody is left waiting.
            stopping = ShuttingDown()
            while self._waiting:
                _tell(self._waiting.popleft(), stopping)
            raise
        finally:
            # In the same step as the last check for waiters: the next caller starts a turn.
            self._busy -= 1

    async def _take_turn(self, questions: Sequence[_Question[Any]]) -> None:
        # The caller may have been cancelled meanwhile.
        turn = [question for question in questions if not question.answer.done()]
        try:
            outcomes = await asyncio.to_thread(self._answer, turn)
        except BaseException:
            self._waiting.extendleft(reversed(turn))
            raise
        for question, outcome in zip(turn, outcomes, strict=True):
            _tell(question, outcome)

    def _answer(self, turn: Sequence[_Question[Any]]) -> list[Any]:
        found = _found([lookup for question in turn for lookup in question.lookups])
        with self._computing:
            return [_finished(each, [next(found) for _ in each.lookups]) for each in turn]


def _tell(question: _Question[Any], outcome: Any) -> None:
    if question.answer.done():
        return
    if isinstance(outcome, Exception):
        question.answer.set_exception(outcome)
    else:
        question.answer.set_result(outcome)


def _taken(waiting: deque[_Question[Any]]) -> list[_Question[Any]]:
    return [waiting.popleft() for _ in range(min(_TOGETHER, len(waiting)))]


def _finished(question: _Question[Any], found: Sequence[Any]) -> Any:
    broken = next((each for each in found if isinstance(each, Exception)), None)
    if broken is not None:
        return broken
    try:
        return question.finish(found)
    except Exception as error:  # noqa: BLE001 - it belongs to the one who asked
        return error


def _found(lookups: Sequence[Lookup]) -> Iterator[Any]:
    """The answer to each, those of one kind together, or what it raised."""
    together: dict[Hashable, list[int]] = {}
    for place, lookup in enumerate(lookups):
        together.setdefault(lookup.kind, []).append(place)
    found: dict[int, Any] = {}
    for places in together.values():
        try:
            found.update(zip(places, _answers([lookups[place] for place in places]), strict=True))
        except Exception:  # noqa: BLE001 - each learns by itself whether it was the cause
            found |= {place: _alone(lookups[place]) for place in places}
    return (found[place] for place in range(len(lookups)))


def _answers(same: Sequence[Lookup]) -> Sequence[Any]:
    queries = [each.query for each in same if isinstance(each, BatchedQuery)]
    first = same[0]
    if isinstance(first, SharedRead):
        return [first.read()] * len(same)
    return first.ask(np.stack(queries))


def _alone(lookup: Lookup) -> Any:
    try:
        return lookup.alone()
    except Exception as error:  # noqa: BLE001 - it belongs to the one who asked
        return error


def _cores() -> int:
    # A container may have been given some of the machine's alone, which only Linux tells.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
