"""Rows of a base, less some of them, followed by a few more; nothing of the base is copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np

from core.domain.ports import SharedWords
from core.search.lexical import CaptionWords, CountedWords
from index.snapshots.rows import MadeRows
from index.vectors.filtered import Survivors

_T = TypeVar("_T")


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
        return self._from_extra(self._extra[row - left])

    def __iter__(self) -> Iterator[_T]:
        removed = set(self._survivors.removed.tolist())
        base = (self._from_base(each) for n, each in enumerate(self._base) if n not in removed)
        return chain(base, map(self._from_extra, self._extra))

    def _from_base(self, item: _T) -> _T:
        return item

    def _from_extra(self, item: _T) -> _T:
        return item


class JoinedCaptions(Joined[tuple[str, int]]):
    """The same for captions; their picture rows are renumbered, and those of the others follow."""

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

    def _from_extra(self, item: tuple[str, int]) -> tuple[str, int]:
        text, place = item
        return text, len(self._pictures) + place


class JoinedWords:
    """The WordIndex port over what is left of a base's captions, then others."""

    def __init__(self, base: CountedWords, survivors: Survivors, extra: CaptionWords) -> None:
        """``extra``: what was counted with the base as its background."""
        self._base = base
        self._survivors = survivors
        self._extra = extra

    def __len__(self) -> int:
        return len(self._survivors) + len(self._extra)

    def count(self, word: str) -> int:
        """How many captions hold a word; removed ones still count, as they are few."""
        return self._base.count(word) + self._extra.count(word)

    def search(self, text: str, k: int) -> SharedWords:
        """The at most ``k`` captions that share a word with the text, best first."""
        base = self._base.search(text, k + len(self._survivors.removed))
        more = self._extra.search(text, k)
        left = self._survivors.left(base.rows)
        scores = np.concatenate([base.scores[left], more.scores])
        held = np.concatenate([base.held[left], more.held])
        rows = self._survivors.new(base.rows[left])
        rows = np.concatenate([rows, more.rows + len(self._survivors)])
        # The last key sorts first: by score, then by row.
        best = np.lexsort((rows, -scores))[:k]
        return SharedWords(scores[best], rows[best], held[best])
