"""Which engine a collection gets: measured on the collection itself, not assumed."""

from __future__ import annotations

import math
import statistics
import sys
import time
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from core.ports import VectorIndex
from core.types import Vectors
from index.compact_index import CompactIndex, Tuned, in_blocks, make_codes
from index.exact import one_thread

_RUNS = 5
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
    collection. Reading 2,048 rows of 512 dimensions takes a millisecond.

    ``layered_from``: pictures from which changes are written by themselves, over the generation
    before: below, a whole one takes a tenth of a second. ``layered_share``: changes, as a share
    of the pictures, up to which that is done. ``merged_from``: changes from which they are merged
    into a whole one; comparing 4,096 rows takes each query a millisecond. ``merged_share``: the
    same as a share of the pictures, where that is less.
    """

    always_exact: int = 20 << 20
    never_timed: int = 256 << 20
    exact_s: float = 0.005
    k: int = 10
    wanted: float = 0.999
    least: float = 0.98
    queries: int = 128
    fewest: int = 128
    most: int = 2048
    share: float = 1 / 32
    layered_from: int = 2048
    layered_share: float = 0.5
    merged_from: int = 4096
    merged_share: float = 1 / 8


ALWAYS_EXACT = IndexRules(never_timed=sys.maxsize, exact_s=math.inf)
"""For an index that is compared with another one instead of being searched."""


def seconds_of_a_query(index: VectorIndex, queries: Vectors, k: int) -> float:
    """The median of some searches, one query each, as a chat asks: for 64 candidates."""
    times = []
    for turn in range(_RUNS):
        row = turn % len(queries)
        started = time.perf_counter()
        index.search(queries[row : row + 1], k)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def compact(
    vectors: Vectors, texts: Vectors, rules: IndexRules, before: CompactIndex | None = None
) -> CompactIndex | None:
    """A compact index that finds enough of the true best rows, None where none does.

    ``texts``: vectors of captions, float32 [m, d], of which some are asked for, as well as
    some of the pictures themselves; the worse of both recalls counts. Text vectors lie apart
    from those of pictures, and it takes more candidates to find what they mean. ``before``:
    an index of mostly the same vectors, whose learnt values serve again as long as enough is
    found with them; that is measured in any case. Blocking:
    some 5 s for 100,000 vectors on one core, 50 s for a million.
    """
    rng = np.random.default_rng(0)
    most = max(rules.fewest, min(rules.most, int(rules.share * len(vectors))))
    codes = make_codes(vectors, like=None if before is None else before.codes)
    places = [_places(codes, vectors, _drawn(rng, vectors, rules.queries), most, rules.k)]
    if len(texts) >= _FEW_QUERIES:
        asked = _drawn(rng, texts, rules.queries)
        places.append(_places(codes, vectors, asked, most, rules.k))
    candidates = rules.fewest
    while True:
        found = [(place < candidates).mean(axis=1) for place in places]
        recall = min(float(each.mean()) for each in found)
        if recall >= rules.wanted or candidates >= most:
            break
        candidates = min(most, candidates * 3 // 2)
    if min(map(_surely, found)) < rules.least:
        return None if before is None else compact(vectors, texts, rules)
    return CompactIndex(codes, vectors, Tuned(candidates, recall))


def _surely(recalls: NDArray[np.float64]) -> float:
    """What the mean of all queries exceeds, judged by these few, in 39 of 40 cases."""
    return float(recalls.mean() - 2 * recalls.std() / math.sqrt(len(recalls)))


def _drawn(rng: np.random.Generator, vectors: Vectors, count: int) -> Vectors:
    rows = np.sort(rng.choice(len(vectors), min(count, len(vectors)), replace=False))
    return np.ascontiguousarray(vectors[rows])


def _places(
    codes: faiss.Index, vectors: Vectors, queries: Vectors, most: int, k: int
) -> NDArray[np.int64]:
    """Where the codes rate each of the true ``k`` best, int64 [queries, k]; ``most``: not there.

    So one search tells the recall of every smaller number of candidates.
    """
    truth = _true_best(vectors, queries, k)
    places = np.full(truth.shape, most, dtype=np.int64)
    with one_thread():
        for row, query in enumerate(queries):
            _, found = codes.search(query[None], most)
            order = np.argsort(found[0])
            at = np.searchsorted(found[0], truth[row], sorter=order)
            at = order[np.minimum(at, most - 1)]
            places[row] = np.where(found[0][at] == truth[row], at, most)
    return places


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
