"""Nearest neighbours among some of an index's rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import VectorIndex
from core.domain.types import Vectors

_BLOCK = 4096
"""Vectors in memory at once: 8 MB at 512 dimensions."""


class ChosenRows:
    """The VectorIndex port over these rows alone, under their own numbers. Blocking.

    ``rows``: int64 [n], rising. Every one of them is compared, so that as many hits come as
    there are, which no filter behind an approximate search could promise. ``block``: how many
    vectors are in memory at once.
    """

    def __init__(self, index: VectorIndex, rows: NDArray[np.int64], *, block: int = _BLOCK) -> None:
        self._index = index
        self._rows = rows
        self._block = block

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores = np.empty((len(queries), len(self)), dtype=np.float32)
        for start in range(0, len(self), self._block):
            block = slice(start, start + self._block)
            scores[:, block] = queries @ self._index.reconstruct(self._rows[block]).T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), self._rows[best]

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        return self._index.reconstruct(rows)
