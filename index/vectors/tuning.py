"""Chooses the engine of a collection by measurements on the collection itself."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import VectorIndex
from core.domain.types import Vectors
from index.vectors.codes import Codes, in_blocks
from index.vectors.pq import CompactIndex, Tuned

_RUNS = 5
_FIRST_LISTS = 8
"""The share of the lists that is tried first is one by this."""

_A_CANDIDATE = 64
"""Codes that are compared in the time that one candidate takes: 4 ns each, at 512 dimensions."""

_FEW_QUERIES = 32
"""Fewer captions than this measure nothing: the pictures alone are asked for then."""


@dataclass(frozen=True, slots=True)
class IndexRules:
    """When a collection is searched approximately, and how well it must be.

    ``always_exact``: bytes of vectors up to which nothing is measured: 10,000 of 512
    dimensions, under 2 ms anywhere. ``never_timed``: bytes from which exact search takes
    longer than ``exact_s`` on any machine (50 GB/s a core), so that it is not tried; also the
    most memory that a trial takes. ``exact_s``: seconds that a query may take before codes
    are tried. ``wanted`` and ``least``: the recall among the ``k`` best that the number of
    candidates is chosen for, and below which exact search is kept. ``queries``: of each kind,
    for measuring. ``fewest`` and ``most``: candidates of a query; ``share``: the most, of the
    collection. Comparing 4,096 rows of 512 dimensions takes half a millisecond.
    ``lists_from``: rows from which codes lie in lists, as looking at every one takes more than
    a millisecond; ``wanted_of_lists``: what is wanted then: each further list costs, but
    questions that lie elsewhere than the captions lose more by lists than by codes.

    ``layered_from``: pictures from which changes are written by themselves, over the generation
    before: below, a whole one takes a tenth of a second. ``layered_share``: changes, as a share
    of the pictures, up to which that is done. ``merged_from``: changes from which they are merged
    into a whole one; comparing 4,096 rows takes each query a millisecond. ``merged_share``: the
    same as a share of the pictures, where that is less.

    ``checked_at_once``: bytes of mapped vectors up to which they are compared with their
    checksums when a generation is opened, some 40 ms; of more, ``tangerine verify`` does.
    """

    always_exact: int = 20 << 20
    never_timed: int = 256 << 20
    exact_s: float = 0.005
    k: int = 10
    wanted: float = 0.999
    least: float = 0.98
    queries: int = 256
    fewest: int = 128
    most: int = 4096
    share: float = 1 / 32
    lists_from: int = 1 << 18
    wanted_of_lists: float = 0.995
    layered_from: int = 2048
    layered_share: float = 0.5
    merged_from: int = 4096
    merged_share: float = 1 / 8
    checked_at_once: int = 64 << 20


ALWAYS_EXACT = IndexRules(never_timed=sys.maxsize, exact_s=math.inf)
"""For an index that is compared with another one instead of being searched."""


def seconds_of_a_query(index: VectorIndex, queries: Vectors, k: int) -> float:
    """The quickest of some searches of one query each, as a chat asks: for 64 candidates.

    Not their median: on a busy machine that is twice or thrice as long, and a collection would be
    searched approximately for good because of what else ran while it was indexed.
    """
    times = []
    for turn in range(_RUNS):
        row = turn % len(queries)
        started = time.perf_counter()
        index.search(queries[row : row + 1], k)
        times.append(time.perf_counter() - started)
    return min(times)


def compact(
    vectors: Vectors, texts: Vectors, rules: IndexRules, before: CompactIndex | None = None
) -> CompactIndex | None:
    """A compact index that finds enough of the true best rows, None where none does.

    ``texts``: vectors of captions, float32 [m, d], of which some are asked for, as well as
    some of the pictures themselves; the worse of both recalls counts. Text vectors lie apart
    from those of pictures, and it takes more candidates to find what they mean. ``before``:
    an index of mostly the same vectors, whose learnt values serve again as long as enough is
    found with them; that is measured in any case. Blocking:
    some 5 s for 100,000 vectors on one core, 80 s for a million.
    """
    rng = np.random.default_rng(0)
    count = _lists(len(vectors), rules)
    known = None if before is None or before.codes.lists != count else before.codes
    codes = Codes.learn(vectors, lists=count) if known is None else known.again(vectors)
    kinds = [vectors, texts] if len(texts) >= _FEW_QUERIES else [vectors]
    asked = [_Asked.of(_drawn(rng, each, rules.queries), vectors, rules.k) for each in kinds]
    tuned, surely = _tuned(codes, asked, rules)
    if surely < rules.least:
        return None if known is None else compact(vectors, texts, rules)
    return CompactIndex(codes, vectors, tuned)


def _lists(rows: int, rules: IndexRules) -> int:
    """As many as each holds rows, to a power of two; 0 where every code is looked at."""
    return 2 ** round(math.log2(rows) / 2) if rows >= rules.lists_from else 0


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Queries, float32 [q, d], with the true best rows of each, int64 [q, k]."""

    queries: Vectors
    truth: NDArray[np.int64]

    @classmethod
    def of(cls, queries: Vectors, vectors: Vectors, k: int) -> _Asked:
        return cls(queries, _true_best(vectors, queries, k))

    def places(self, codes: Codes, most: int, lists: int) -> NDArray[np.int64]:
        """Where the codes rate each of the true best, int64 [q, k]; ``most``: not there.

        So one search tells the recall of every smaller number of candidates.
        """
        places = np.full(self.truth.shape, most, dtype=np.int64)
        for row in range(len(self.queries)):
            _, found = codes.rated(self.queries[row : row + 1], most, lists)
            order = np.argsort(found[0])
            at = np.searchsorted(found[0], self.truth[row], sorter=order)
            at = order[np.minimum(at, most - 1)]
            places[row] = np.where(found[0][at] == self.truth[row], at, most)
        return places


@dataclass(frozen=True, slots=True)
class _Tried:
    """A way to search; the best one lacks least of the wanted recall, then takes least work."""

    rank: tuple[float, float]
    tuned: Tuned
    surely: float

    def __lt__(self, other: _Tried) -> bool:
        return self.rank < other.rank


def _tuned(codes: Codes, asked: Sequence[_Asked], rules: IndexRules) -> tuple[Tuned, float]:
    """The least effort with which enough is found, and the recall that is exceeded for sure."""
    rows, _ = codes.shape
    most = max(rules.fewest, min(rules.most, int(rules.share * rows)))
    wanted = rules.wanted_of_lists if codes.lists else rules.wanted
    lists = -(-codes.lists // _FIRST_LISTS)
    tried: list[_Tried] = []
    while True:
        looked_at = rows * lists / codes.lists if codes.lists else rows
        if tried and min(tried).rank <= (0.0, looked_at):
            break  # that alone takes longer than what is enough
        places = [each.places(codes, most, lists) for each in asked]
        candidates = min(most, max(rules.fewest, *(_needed(each, wanted) for each in places)))
        recalls = [(each < candidates).mean(axis=1) for each in places]
        recall = min(float(each.mean()) for each in recalls)
        rank = max(0.0, wanted - recall), looked_at + _A_CANDIDATE * candidates
        tuned = Tuned(candidates, recall, lists)
        tried.append(_Tried(rank, tuned, min(map(_surely, recalls))))
        if lists >= codes.lists:
            break
        lists = min(codes.lists, lists + max(1, lists // 2))
    best = min(tried)
    return best.tuned, best.surely


def _needed(places: NDArray[np.int64], wanted: float) -> int:
    """The candidates that such a share of the true best is among; ``places`` count from 0."""
    return int(np.sort(places, axis=None)[math.ceil(wanted * places.size) - 1]) + 1


def _surely(recalls: NDArray[np.float64]) -> float:
    """What the mean of all queries exceeds, judged by these few, in 39 of 40 cases."""
    return float(recalls.mean() - 2 * recalls.std() / math.sqrt(len(recalls)))


def _drawn(rng: np.random.Generator, vectors: Vectors, count: int) -> Vectors:
    rows = np.sort(rng.choice(len(vectors), min(count, len(vectors)), replace=False))
    return np.ascontiguousarray(vectors[rows])


def _true_best(vectors: Vectors, queries: Vectors, k: int) -> NDArray[np.int64]:
    """The rows of the best ``k``, a block at a time, so that the file is read once."""
    scores = np.empty((len(queries), 0), dtype=np.float32)
    rows = np.empty((len(queries), 0), dtype=np.int64)
    start = 0
    for block in in_blocks(vectors):
        found = queries @ block.T
        scores = np.concatenate([scores, found], axis=1)
        fresh = np.arange(start, start + len(block), dtype=np.int64)
        rows = np.concatenate([rows, np.broadcast_to(fresh, found.shape)], axis=1)
        start += len(block)
        best = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        scores = np.take_along_axis(scores, best, axis=1)
        rows = np.take_along_axis(rows, best, axis=1)
    return rows
