"""Some rows of vectors that many share, searched exactly; nothing of them is copied."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors
from index.vectors.exact import check_queries, nearest, one_thread, ranked
from index.vectors.flat import checked_rows

_QUERIES = 8
"""Queries that are ranked at once: their scores of 200,000 rows take 20 MB."""


class SelectedIndex:
    """The VectorIndex port over some rows of a matrix. Thread-safe, as nothing changes."""

    def __init__(self, vectors: Vectors, rows: NDArray[np.int64]) -> None:
        """``vectors`` as :func:`index.vectors.exact.laid_out` gives them; ``rows`` rise."""
        self._vectors = vectors
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        queries = check_queries(queries, self._vectors.shape[1])
        k = max(0, min(k, len(self)))
        if len(self) == len(self._vectors) or k == 0:
            return nearest(self._vectors, queries, k)
        scores = np.empty((len(queries), k), dtype=np.float32)
        rows = np.empty((len(queries), k), dtype=np.int64)
        with one_thread():
            for start in range(0, len(queries), _QUERIES):
                some = slice(start, start + _QUERIES)
                wanted = np.broadcast_to(self._rows, (len(queries[some]), len(self)))
                scores[some], rows[some] = ranked(self._vectors, queries[some], wanted, k)
        return scores, rows

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        return self._vectors[self._rows[checked_rows(rows)]]
