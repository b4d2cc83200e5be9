"""Sequences whose items are made when they are asked for."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex, TypeVar, overload

_T = TypeVar("_T")


class MadeRows(Sequence[_T]):
    """Rows are numbered as those of a tuple are; equal where all rows are, as tuples are."""

    @overload
    def __getitem__(self, row: SupportsIndex) -> _T: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[_T]: ...

    def __getitem__(self, row: SupportsIndex | slice) -> _T | Sequence[_T]:
        if isinstance(row, slice):
            return tuple(self._at(each) for each in range(*row.indices(len(self))))
        row = operator.index(row)
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            raise IndexError("there is no such row")
        return self._at(row)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def _at(self, row: int) -> _T:
        """The row with this number, from 0 to ``len - 1``."""
        raise NotImplementedError
