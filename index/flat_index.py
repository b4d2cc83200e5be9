"""Exact search with FAISS: every vector is compared with the query."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from core.types import Vectors

_SPARE = 16
"""Candidates beyond k: enough for the usual handful of equal scores around the k-th."""

_ROUNDING = 1e-5
"""How far FAISS's float32 score of unit vectors may lie from the true one: its kernels sum in
an order that depends on the batch. Candidates this close to the k-th are looked at again."""

_BLOCK = 8192
"""Candidate vectors widened to float64 at once: 32 MiB at 512 dimensions."""


class FlatIndex:
    """Nearest neighbours by inner product, exact: the VectorIndex port on ``IndexFlatIP``.

    The same query gets the same answer alone and in a batch: candidates from FAISS are
    scored again in float64, and equal scores keep the lower row first. Thread-safe, as
    nothing changes after construction.
    """

    kind = "exact"

    def __init__(self, index: Any, dimension: int) -> None:
        self._index = index
        self._dimension = dimension
        # A view on FAISS's own memory; it lives as long as the index that is kept here.
        stored = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * dimension)
        self._vectors: Vectors = stored.reshape(index.ntotal, dimension)
        self._vectors.setflags(write=False)

    @classmethod
    def build(cls, dimension: int, blocks: Iterable[Vectors]) -> Self:
        """An index of these vectors, given in blocks of float32 [n, dimension]."""
        index = faiss.IndexFlatIP(dimension)
        for block in blocks:
            index.add(np.ascontiguousarray(block, dtype=np.float32))
        return cls(index, dimension)

    @classmethod
    def load(cls, path: Path, dimension: int) -> Self:
        """The index that :meth:`save` wrote.

        Raises ValueError where the file holds something else; the caller checks its
        checksum first, as FAISS trusts the lengths that a file states.
        """
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path.name} is no FAISS index") from error
        if not isinstance(index, faiss.IndexFlat) or index.d != dimension:
            raise ValueError(f"{path.name} is no exact index of {dimension} dimensions")
        return cls(index, dimension)

    def save(self, path: Path) -> None:
        """Write the index to a file. Raises OSError."""
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            # FAISS raises its own kind for a full disk; the caller knows OSError.
            raise OSError(f"{path.name} could not be written") from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """The length of every vector."""
        return self._dimension

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The ``min(k, len)`` best rows of each query, best first: scores and row numbers.

        ``queries``: float32 [n, dimension], rows of length 1. Scores lie in [-1, 1]; equal
        ones keep the lower row first. Raises ValueError for another shape.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self._dimension:  # noqa: PLR2004 - a matrix
            raise ValueError(f"queries of shape {queries.shape}, not [n, {self._dimension}]")
        k = max(0, min(k, len(self)))
        scores = np.empty((len(queries), k), dtype=np.float32)
        rows = np.empty((len(queries), k), dtype=np.int64)
        if k == 0 or len(queries) == 0:
            return scores, rows
        wide = min(len(self), k + _SPARE)
        rough, candidates = self._index.search(queries, wide)
        for place, query in enumerate(queries):
            found = self._all_candidates(query, rough[place], candidates[place], k)
            exact = self._exact(query, found)
            # The last key sorts first: by score, then by row.
            best = np.lexsort((found, -exact))[:k]
            scores[place] = exact[best]
            rows[place] = found[best]
        return scores, rows

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        """The stored vectors of these rows: float32 [n, dimension]. Raises IndexError."""
        chosen = np.asarray(rows, dtype=np.int64)
        if chosen.size and chosen.min() < 0:
            raise IndexError("rows count from 0")
        return self._vectors[chosen]

    def _all_candidates(
        self, query: Vectors, scores: NDArray[np.float32], rows: NDArray[np.int64], k: int
    ) -> NDArray[np.int64]:
        """Every row that may belong to the best k, once ties are looked at."""
        while len(rows) < len(self) and scores[-1] >= scores[k - 1] - _ROUNDING:
            wide = min(len(self), 4 * len(rows))
            found_scores, found_rows = self._index.search(query[None], wide)
            scores, rows = found_scores[0], found_rows[0]
        return rows

    def _exact(self, query: Vectors, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        wide = query.astype(np.float64)
        scores = np.empty(len(rows), dtype=np.float32)
        for start in range(0, len(rows), _BLOCK):
            block = self._vectors[rows[start : start + _BLOCK]].astype(np.float64)
            scores[start : start + _BLOCK] = block @ wide
        return np.clip(scores, -1.0, 1.0)
