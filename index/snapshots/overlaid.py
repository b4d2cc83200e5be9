"""A base with a few changes over it: what one community sees of a collection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import Snapshot
from core.domain.types import ModelIdentity, Picture
from core.search.frames import FrameRows
from core.search.lexical import CountedWords
from index.catalogue.contents import EncodedPictures
from index.snapshots.additions import Added, Addition
from index.snapshots.joined import Joined, JoinedCaptions, JoinedWords
from index.snapshots.overlay import Overlay
from index.vectors.filtered import ComposedIndex, Survivors

_NO_ROWS = np.empty(0, dtype=np.int64)

_FEW = 16
"""Times as many pictures as were changed: then what is learnt of a base holds over it, too."""


class IdentifiedSnapshot(Snapshot, Protocol):
    @property
    def identity(self) -> ModelIdentity:
        """The model of the vectors."""

    def rows_of(self, contents: Collection[str]) -> NDArray[np.int64]:
        """The rows of the pictures with these contents (SHA-256), ascending: int64 [n]."""


class OverlayBase(IdentifiedSnapshot, Protocol):
    @property
    def frames(self) -> FrameRows | None:
        """The frames of pictures that move; None where none does."""

    @property
    def caption_words(self) -> CountedWords:
        """The captions by their words."""


class ComposedSnapshot:
    """The Snapshot port over a base without some rows, and others behind; holds its base.

    ``removed`` are different rows of the base's pictures, ascending. Immutable.
    """

    def __init__(self, base: OverlayBase, added: Addition, removed: NDArray[np.int64]) -> None:
        self.collection = base.collection
        self.generation = base.generation
        self.identity = base.identity
        self._base = base
        self._extra = added
        self._survivors = Survivors(len(base.pictures), removed)
        orphaned = np.flatnonzero(np.isin(base.owners, removed)) if len(removed) else removed
        captions = Survivors(len(base.captions), orphaned)
        self._caption_survivors = captions
        self.pictures: Sequence[Picture] = Joined(base.pictures, self._survivors, added.pictures)
        self.captions: Sequence[tuple[str, int]] = JoinedCaptions(
            base.captions, captions, added.captions, self._survivors
        )
        self.picture_index = ComposedIndex(base.picture_index, self._survivors, added.picture_index)
        self.caption_index = ComposedIndex(base.caption_index, captions, added.caption_index)
        few = (len(removed) + len(added.pictures)) * _FEW <= len(base.pictures)
        self._settled: Snapshot | None = base.settled if few else None

    @property
    def settled(self) -> Snapshot:
        return self._settled or self

    @cached_property
    def uploads_from(self) -> int:
        below = self._base.uploads_from
        return below - int(np.searchsorted(self._survivors.removed, below))

    @cached_property
    def frames(self) -> FrameRows | None:
        """The frames of what is left of the base, and of the others."""
        left = len(self._survivors)
        mine = FrameRows.of({left + row: each for row, each in self._extra.frames.items()})
        below = self._base.frames
        if below is not None and len(self._survivors.removed):
            below = below.renumbered(self._survivors.new_or_none)
        if below is None or mine is None:
            return below or mine
        return below.then(mine)

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The row of the picture of each caption, int64 [captions]."""
        left = np.delete(self._base.owners, self._caption_survivors.removed)
        return np.concatenate(
            [self._survivors.new(left), self._extra.owners + len(self._survivors)]
        )

    @cached_property
    def caption_words(self) -> CountedWords:
        """The captions by their words; those of the base are read once for all who see it."""
        base = self._base.caption_words
        return JoinedWords(base, self._caption_survivors, self._extra.words(base))

    def row_of(self, picture_id: str) -> int | None:
        row = self._extra.row_of(picture_id)
        if row is not None:
            return len(self._survivors) + row
        old = self._base.row_of(picture_id)
        return None if old is None else self._survivors.new_row(old)

    def rows_of(self, contents: Collection[str]) -> NDArray[np.int64]:
        old = self._base.rows_of(contents)
        left = len(self._survivors)
        extra = self._extra.pictures if contents else ()
        mine = [left + n for n, each in enumerate(extra) if each.sha256 in contents]
        return np.concatenate(
            [self._survivors.new(old[self._survivors.left(old)]), np.array(mine, dtype=np.int64)]
        )

    @property
    def kept(self) -> NDArray[np.int64]:
        """The rows of the base's pictures that are left, ascending: int64 [n]."""
        return self._survivors.old(np.arange(len(self._survivors), dtype=np.int64))


class WidenedSnapshot(ComposedSnapshot):
    """What a viewer sees of a sample, with further pictures of the same collection.

    How scores lie is as in the sample, however many there are.
    """

    def __init__(self, base: OverlayBase, added: EncodedPictures) -> None:
        super().__init__(base, Added(base.identity.dimension, added), _NO_ROWS)

    @property
    def settled(self) -> Snapshot:
        return self._base.settled


def compose(base: OverlayBase, overlay: Overlay) -> OverlayBase:
    """The base with the overlay; the base itself where nothing of it lies over it."""
    return over(base, overlay, base.rows_of(overlay.removed))


def over(base: OverlayBase, added: EncodedPictures, removed: NDArray[np.int64]) -> OverlayBase:
    """The base without some rows, which rise, and with others behind; or the base itself."""
    if not len(removed) and not added.pictures:
        return base
    return ComposedSnapshot(base, Added(base.identity.dimension, added), removed)


def left_of(base: OverlayBase, view: IdentifiedSnapshot) -> NDArray[np.int64]:
    """The rows of a base's pictures that are in a view composed over it: int64 [n]."""
    if isinstance(view, ComposedSnapshot) and view is not base:
        return view.kept
    return np.arange(len(base.pictures), dtype=np.int64)
