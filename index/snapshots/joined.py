"""Rows of a base, less some of them, followed by a few more; nothing of the base is copied."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from core.search.lexical import CaptionWords, CountedWords
from index.vectors.filtered import Survivors

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


class Joined(MadeRows[_T]):
    """What is left of a base's rows, then others."""

    def __init__(self, base: Sequence[_T], survivors: Survivors, extra: Sequence[_T]) -> None:
        self._base = base
        self._survivors = survivors
        self._extra = extra

    def __len__(self) -> int:
        return len(self._survivors) + len(self._extra)

    def _at(self, row: int) -> _T:
        left = len(self._survivors)
        if row < left:
            return self._from_base(self._base[self._survivors.old_row(row)])
        return self._extra[row - left]

    def __iter__(self) -> Iterator[_T]:
        removed = set(self._survivors.removed.tolist())
        base = (self._from_base(each) for n, each in enumerate(self._base) if n not in removed)
        return chain(base, self._extra)

    def _from_base(self, item: _T) -> _T:
        return item


class JoinedCaptions(Joined[tuple[str, int]]):
    """The same for captions; their picture rows are renumbered."""

    def __init__(
        self,
        base: Sequence[tuple[str, int]],
        survivors: Survivors,
        extra: Sequence[tuple[str, int]],
        pictures: Survivors,
    ) -> None:
        super().__init__(base, survivors, extra)
        self._pictures = pictures

    def _from_base(self, item: tuple[str, int]) -> tuple[str, int]:
        text, owner = item
        row = self._pictures.new_row(owner)
        assert row is not None, "the captions of removed pictures are removed"
        return text, row


class JoinedWords:
    """The WordIndex port over what is left of a base's captions, then others."""

    def __init__(self, base: CountedWords, survivors: Survivors, texts: Sequence[str]) -> None:
        self._base = base
        self._survivors = survivors
        self._extra = CaptionWords.of(texts, background=base)

    def __len__(self) -> int:
        return len(self._survivors) + len(self._extra)

    def count(self, word: str) -> int:
        """How many captions hold a word; removed ones still count, as they are few."""
        return self._base.count(word) + self._extra.count(word)

    def search(self, text: str, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The at most ``k`` captions that share a word with the text: scores and rows, [n]."""
        scores, rows = self._base.search(text, k + len(self._survivors.removed))
        left = self._survivors.left(rows)
        more_scores, more_rows = self._extra.search(text, k)
        scores = np.concatenate([scores[left], more_scores])
        rows = np.concatenate([self._survivors.new(rows[left]), more_rows + len(self._survivors)])
        # The last key sorts first: by score, then by row.
        best = np.lexsort((rows, -scores))[:k]
        return scores[best], rows[best]
