"""A base snapshot with an overlay: what one community sees of a collection."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Protocol, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from core.caption_words import CaptionWords
from core.ports import Snapshot
from core.types import ModelIdentity, Picture
from index.composed_index import ComposedIndex, Survivors
from index.snapshot import IndexSnapshot
from index.uploads import Overlay
from index.vectors import build_index

_T = TypeVar("_T")


class View(Snapshot, Protocol):
    """A snapshot that says which model it is searched with."""

    @property
    def identity(self) -> ModelIdentity:
        """The model of the vectors."""


class _Joined(Sequence[_T]):
    """What is left of a base's rows, then the rows of an overlay; nothing is copied."""

    def __init__(self, base: Sequence[_T], survivors: Survivors, extra: Sequence[_T]) -> None:
        self._base = base
        self._survivors = survivors
        self._extra = extra

    def __len__(self) -> int:
        return len(self._survivors) + len(self._extra)

    @overload
    def __getitem__(self, place: SupportsIndex) -> _T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[_T]: ...

    def __getitem__(self, place: SupportsIndex | slice) -> _T | Sequence[_T]:
        if isinstance(place, slice):
            return tuple(self[row] for row in range(*place.indices(len(self))))
        row = operator.index(place)
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            raise IndexError("there is no such row")
        left = len(self._survivors)
        return (
            self._from_base(self._base[self._survivors.old_row(row)])
            if row < left
            else self._extra[row - left]
        )

    def __iter__(self) -> Iterator[_T]:
        removed = set(self._survivors.removed.tolist())
        base = (self._from_base(each) for n, each in enumerate(self._base) if n not in removed)
        return chain(base, self._extra)

    def _from_base(self, item: _T) -> _T:
        return item


class _JoinedCaptions(_Joined[tuple[str, int]]):
    """The same for captions, whose rows of pictures are counted anew."""

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


class _JoinedWords:
    """The WordIndex port over what is left of a base's captions, then those of an overlay."""

    def __init__(self, base: CaptionWords, survivors: Survivors, extra: CaptionWords) -> None:
        self._base = base
        self._survivors = survivors
        self._extra = extra

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


class ComposedSnapshot:
    """The Snapshot port over a base and an overlay; immutable, holds its base."""

    def __init__(self, base: IndexSnapshot, overlay: Overlay, removed: NDArray[np.int64]) -> None:
        self.collection = base.collection
        self.generation = base.generation
        self.identity = base.identity
        dimension = base.identity.dimension
        self._base = base
        self._survivors = Survivors(len(base.pictures), removed)
        self._texts = tuple(text for text, _ in overlay.captions)
        left = len(self._survivors)
        self._added: Mapping[str, int] = {
            picture.id: left + place for place, picture in enumerate(overlay.pictures)
        }
        gone = set(removed.tolist())
        orphaned = [n for n, (_, owner) in enumerate(base.captions) if gone and owner in gone]
        captions = Survivors(len(base.captions), np.array(orphaned, dtype=np.int64))
        self._caption_survivors = captions
        self.pictures: Sequence[Picture] = _Joined(base.pictures, self._survivors, overlay.pictures)
        self.captions: Sequence[tuple[str, int]] = _JoinedCaptions(
            base.captions,
            captions,
            [(text, left + place) for text, place in overlay.captions],
            self._survivors,
        )
        self.picture_index = ComposedIndex(
            base.picture_index,
            self._survivors,
            build_index(dimension, [overlay.picture_vectors]),
        )
        self.caption_index = ComposedIndex(
            base.caption_index, captions, build_index(dimension, [overlay.caption_vectors])
        )

    @cached_property
    def caption_words(self) -> _JoinedWords:
        """The captions by their words; those of the base are read once for all who see it."""
        base = self._base.caption_words
        extra = CaptionWords.of(self._texts, background=base)
        return _JoinedWords(base, self._caption_survivors, extra)

    def row_of(self, picture_id: str) -> int | None:
        """The row of the picture with this id, None where there is none."""
        row = self._added.get(picture_id)
        if row is not None:
            return row
        old = self._base.row_of(picture_id)
        return None if old is None else self._survivors.new_row(old)


def compose(base: IndexSnapshot, overlay: Overlay) -> View:
    """The base with the overlay; the base itself where nothing of it lies over it."""
    gone = [row for row, each in enumerate(base.pictures) if each.sha256 in overlay.removed]
    if not gone and not overlay.pictures:
        return base
    return ComposedSnapshot(base, overlay, np.array(gone, dtype=np.int64))
