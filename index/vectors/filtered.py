"""A vector index made of another one, less some of its rows, and of a few more."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import VectorIndex
from core.domain.types import Vectors

_SPARE = 16
"""Rows fetched beyond k at first: enough where a handful of removed ones are among the best."""

_GROWTH = 4
"""How many times more rows are fetched where too many of them were removed."""


class Survivors:
    """The remaining rows of a base, renumbered without gaps, in the same order."""

    def __init__(self, total: int, removed: NDArray[np.int64]) -> None:
        """``removed`` are different rows of 0 .. ``total`` - 1, ascending."""
        self._total = total
        self.removed = removed
        # For each removed row, how many of those left stand before it.
        self._before = removed - np.arange(len(removed), dtype=np.int64)
        self._removed_list: list[int] = removed.tolist()
        self._before_list: list[int] = self._before.tolist()

    def __len__(self) -> int:
        return self._total - len(self.removed)

    def old(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the base that these new numbers mean."""
        return rows + np.searchsorted(self._before, rows, side="right").astype(np.int64)

    def new(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The new rows of these of the base, none of which is removed."""
        return rows - np.searchsorted(self.removed, rows).astype(np.int64)

    def new_or_none(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """:meth:`new` of each, -1 where it is removed."""
        return np.where(self.left(rows), self.new(rows), -1)

    def left(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return ~np.isin(rows, self.removed)

    def old_row(self, row: int) -> int:
        return row + bisect_right(self._before_list, row)

    def new_row(self, row: int) -> int | None:
        """:meth:`new` of a single row, None where it is removed."""
        place = bisect_left(self._removed_list, row)
        if place < len(self._removed_list) and self._removed_list[place] == row:
            return None
        return row - place


class ComposedIndex:
    """The VectorIndex port over a base without some rows, followed by the rows of another.

    Nothing of the base is copied, and as many rows are found as are asked for, whatever
    was removed. Thread-safe, as nothing changes after construction.
    """

    def __init__(self, base: VectorIndex, survivors: Survivors, extra: VectorIndex) -> None:
        self._base = base
        self._survivors = survivors
        self._extra = extra

    @property
    def parts(self) -> tuple[VectorIndex, Survivors, VectorIndex]:
        """What it is made of: the base, which of its rows are left, and the others."""
        return self._base, self._survivors, self._extra

    def __len__(self) -> int:
        return len(self._survivors) + len(self._extra)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        k = max(0, min(k, len(self)))
        base_scores, base_rows = self._search_base(queries, min(k, len(self._survivors)))
        scores, rows = self._extra.search(queries, min(k, len(self._extra)))
        scores = np.concatenate([base_scores, scores], axis=1)
        rows = np.concatenate([base_rows, rows + len(self._survivors)], axis=1)
        # The last key sorts first: by score, then by row.
        best = np.lexsort((rows, -scores), axis=1)[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        chosen = np.asarray(rows, dtype=np.int64)
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(self)):
            raise IndexError(f"rows count from 0 to {len(self) - 1}")
        mine = chosen < len(self._survivors)
        from_base = self._base.reconstruct(self._survivors.old(chosen[mine]))
        vectors = np.empty((len(chosen), from_base.shape[1]), dtype=np.float32)
        vectors[mine] = from_base
        vectors[~mine] = self._extra.reconstruct(chosen[~mine] - len(self._survivors))
        return vectors

    def _search_base(
        self, queries: Vectors, k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best ``k`` rows of the base that are left, in new numbers."""
        removed = len(self._survivors.removed)
        spare = min(removed, _SPARE)
        while True:
            found_scores, found_rows = self._base.search(queries, k + spare)
            left = self._survivors.left(found_rows)
            if spare == removed or not left.size or left.sum(axis=1).min() >= k:
                break
            spare = min(removed, _GROWTH * (k + spare))
        # Those left move to the front, in their order; then all have k of them at least.
        order = np.argsort(~left, axis=1, kind="stable")[:, :k]
        rows = np.take_along_axis(found_rows, order, axis=1)
        return np.take_along_axis(found_scores, order, axis=1), self._survivors.new(rows)
