"""Exact inner products on float32 vectors, however FAISS was asked for the candidates.

FAISS multiplies matrices where many queries come together, and sums in another order then. What
decides here is scored pair by pair with one kernel, so that a query gets the same answer alone
and in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors

SPARE = 16
"""Candidates beyond k: enough for the usual handful of equal scores around the k-th."""

_ROUNDING = 1e-5
"""How far two float32 scores of the same unit vectors may lie apart: FAISS's kernels sum in an
order that depends on the batch. Candidates this close to the k-th are looked at again."""

_TOGETHER = 4096
"""Pairs of a query and a row that are scored at once: 64 candidates of each of 64 queries."""

_BLAS_FROM = 4096
"""Queries times dimensions from which FAISS multiplies matrices with BLAS: 8 queries at 512.

As FAISS comes it does so from 250 queries on only; at 16 queries BLAS takes a third of the
time, at 64 a seventh, and below 4 it is slower (100,000 x 512, AVX-512, one thread).
"""

_LINE = 64
"""Bytes of a cache line, and of a register of AVX-512."""


def laid_out(dimension: int, blocks: Sequence[Vectors]) -> Vectors:
    """All rows in one piece of memory where a scan is quickest, read-only: float32 [n, dimension].

    They begin at a cache line: at 16 bytes beside it, where FAISS's own memory and numpy's mostly
    begin, every vector register is read from two, and a query takes a sixth longer. Of numpy the
    kernel gives 4 MB and more in huge pages, which saves another sixth over 10,000 x 512.
    """
    vectors = room_for(sum(map(len, blocks)), dimension)
    at = 0
    for block in blocks:
        vectors[at : at + len(block)] = block
        at += len(block)
    vectors.setflags(write=False)
    return vectors


def room_for(count: int, dimension: int) -> Vectors:
    """Memory for rows as :func:`laid_out` lays them, to be written: float32 [count, dimension]."""
    spare = _LINE // np.dtype(np.float32).itemsize
    memory = np.empty(count * dimension + spare, dtype=np.float32)
    start = -memory.ctypes.data % _LINE // memory.itemsize
    return memory[start : start + count * dimension].reshape(count, dimension)


def check_queries(queries: Vectors, dimension: int) -> Vectors:
    """The queries as FAISS wants them: float32 [n, dimension], contiguous. Raises ValueError."""
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    if queries.ndim != 2 or queries.shape[1] != dimension:  # noqa: PLR2004 - a matrix
        raise ValueError(f"queries of shape {queries.shape}, not [n, {dimension}]")
    return queries


def nearest(
    vectors: Vectors, queries: Vectors, k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ``k`` best rows of each query, best first: scores in [-1, 1] and row numbers.

    ``vectors`` float32 [n, d] and ``queries`` float32 [q, d] are contiguous, ``k`` is at most
    ``n``; both answers are [q, k]. Equal scores keep the lower row first.
    """
    if k == 0 or len(queries) == 0:
        return (
            np.empty((len(queries), k), dtype=np.float32),
            np.empty((len(queries), k), dtype=np.int64),
        )
    if queries.size < _BLAS_FROM:
        return _nearest_of_few(vectors, queries, k)
    wide = min(len(vectors), k + SPARE)
    rough, candidates = _faiss(vectors, queries, wide)
    scores, rows = best_of(vectors, queries, candidates, k)
    if wide < len(vectors):
        close = rough[:, -1] >= rough[:, k - 1] - _ROUNDING
        _look_at_all(vectors, queries, close, scores, rows)
    return scores, rows


def _nearest_of_few(
    vectors: Vectors, queries: Vectors, k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """As :func:`nearest` where FAISS takes no BLAS.

    It scores pair by pair then, with the very kernel of :func:`ranked`, so that its scores stand
    as they are. Only the order of equal ones is left to its heaps.
    """
    with one_thread():
        scores, rows = _faiss(vectors, queries, min(len(vectors), k + 1))
    # Lists, as each step in numpy costs as much as scoring 50 rows, and several times that when
    # megabytes have just gone through the cache.
    found = scores.tolist()
    if not all(-1.0 <= one[-1] <= one[0] <= 1.0 and len(set(one)) == len(one) for one in found):
        np.clip(scores, -1.0, 1.0, out=scores)
        order = np.lexsort((rows, -scores))
        scores = np.take_along_axis(scores, order, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        # Where the k-th has its like after it, there may be more.
        cut_off = (scores[:, k - 1 : -1] == scores[:, k:]).any(axis=1)
        _look_at_all(vectors, queries, cut_off, scores[:, :k], rows[:, :k])
    return scores[:, :k], rows[:, :k]


def _look_at_all(
    vectors: Vectors,
    queries: Vectors,
    wanted: NDArray[np.bool_],
    scores: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> None:
    """Write into ``scores`` and ``rows`` what ranking every vector gives for some queries."""
    with one_thread():
        for place in np.flatnonzero(wanted):
            query, every = queries[place : place + 1], np.arange(len(vectors))[None]
            scores[place], rows[place] = ranked(vectors, query, every, scores.shape[1])


def best_of(
    vectors: Vectors, queries: Vectors, candidates: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ``k`` best of each query's candidates, [q, >= k] rows of ``vectors``, best first.

    A score depends on its query and its row alone. Equal ones keep the lower row first.
    """
    candidates = np.sort(candidates, axis=1)
    scores, places = ranked(vectors, queries, candidates, k)
    return scores, np.take_along_axis(candidates, places, axis=1)


def ranked(
    vectors: Vectors, queries: Vectors, candidates: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """As :func:`best_of` for candidates in ascending order: scores, and places among them."""
    scores = np.empty(candidates.shape, dtype=np.float32)
    # Ascending candidates of many queries lie in much the same part of the vectors at the same
    # place, so that most rows are still in the cache when another query wants them: half the
    # time for 64 queries of 2,048 candidates among 100,000.
    width = max(1, _TOGETHER // max(1, len(queries)))
    for start in range(0, candidates.shape[1], width):
        block = np.ascontiguousarray(candidates[:, start : start + width])
        found = np.empty(block.shape, dtype=np.float32)
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]  # missing in FAISS's types
            faiss.swig_ptr(found),
            faiss.swig_ptr(queries),
            faiss.swig_ptr(vectors),
            faiss.swig_ptr(block),
            vectors.shape[1],
            *block.shape,
        )
        scores[:, start : start + width] = found
    # Rounding of unit vectors may leave 1.0000001, and two such scores count as equal.
    np.clip(scores, -1.0, 1.0, out=scores)
    places = _best_places(scores, k)
    return np.take_along_axis(scores, places, axis=1), places


def _best_places(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Where the ``k`` highest of each row are, the highest first; of equal ones the first one.

    A score and its place make one number, so that those of k are found without sorting all.
    """
    # The bits of floats compare as these do, once those of negative ones are turned over; there
    # is no -0.0, which would count as less than 0.0: every score is a sum that began at 0.0.
    bits = scores.view(np.int32).astype(np.int64)
    bits ^= (bits >> 63) & 0x7FFFFFFF
    width = scores.shape[1]
    keys = (bits << 32) | np.arange(width - 1, -1, -1)
    if k < width:
        keys = np.partition(keys, width - k, axis=1)[:, width - k :]
    keys.sort(axis=1)
    places: NDArray[np.int64] = width - 1 - (keys[:, ::-1] & 0xFFFFFFFF)
    return places


class one_thread:  # noqa: N801 - as contextlib names what stands in a with statement
    """Keep FAISS's OpenMP to the calling thread.

    What takes milliseconds is not worth waking others for: on a busy machine a team that waits
    for its last thread stalls for 16 to 100 ms, and searches run beside each other anyway.
    OpenMP keeps the number per calling thread, so other threads are not slowed down.
    """

    def __enter__(self) -> None:
        self._before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        faiss.omp_set_num_threads(self._before)


def _faiss(
    vectors: Vectors, queries: Vectors, k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    # Process-wide; nothing else in the process uses FAISS.
    faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM
    scores, rows = faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    return scores, rows
