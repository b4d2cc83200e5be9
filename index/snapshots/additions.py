"""What lies over a base: pictures of its own, or some of those that many viewers share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import VectorIndex
from core.domain.types import FrameVectors, Picture, Vectors
from core.search.lexical import CaptionWords, CountedWords, HeldWords
from index.catalogue.contents import EncodedPictures
from index.snapshots.rows import MadeRows
from index.vectors.choose import build_index
from index.vectors.exact import room_for
from index.vectors.selected import SelectedIndex

_T = TypeVar("_T")


class Addition(Protocol):
    """Pictures behind those of a base, numbered from 0 on, with their captions. Immutable."""

    @property
    def pictures(self) -> Sequence[Picture]:
        """The picture of each row."""

    @property
    def captions(self) -> Sequence[tuple[str, int]]:
        """Each caption, and the row of its picture."""

    @property
    def owners(self) -> NDArray[np.int64]:
        """Those rows alone, int64 [captions]."""

    @property
    def picture_index(self) -> VectorIndex:
        """One row a picture."""

    @property
    def caption_index(self) -> VectorIndex:
        """One row a caption."""

    @property
    def frames(self) -> Mapping[int, FrameVectors]:
        """The frames of pictures that move, by their rows."""

    def row_of(self, picture_id: str) -> int | None:
        """The row of the picture with this id, None where there is none."""

    def words(self, background: CountedWords) -> CaptionWords:
        """The captions by their words, over a background."""


class Added:
    """The Addition port over pictures in memory that nobody shares."""

    def __init__(self, dimension: int, added: EncodedPictures) -> None:
        self.pictures: Sequence[Picture] = added.pictures
        self.captions: Sequence[tuple[str, int]] = added.captions
        self.frames = added.frames
        self.owners = np.array([row for _, row in added.captions], dtype=np.int64)
        self.picture_index: VectorIndex = build_index(dimension, [added.picture_vectors])
        self.caption_index: VectorIndex = build_index(dimension, [added.caption_vectors])
        self._rows: Mapping[str, int] = {each.id: row for row, each in enumerate(added.pictures)}

    def row_of(self, picture_id: str) -> int | None:
        return self._rows.get(picture_id)

    def words(self, background: CountedWords) -> CaptionWords:
        return CaptionWords.of((text for text, _ in self.captions), background)


@dataclass(frozen=True, eq=False)
class SharedPictures:
    """Pictures that different viewers see some of, in memory once for all of them.

    ``places``: the channel of each, by its number in ``channels``, int32 [n]; ``added_at``: when it
    was posted, in seconds since the epoch, float64 [n].
    """

    pictures: Sequence[Picture]
    vectors: Vectors
    texts: Sequence[str]
    owners: NDArray[np.int64]
    caption_vectors: Vectors
    places: NDArray[np.int32]
    channels: Mapping[str, int]
    added_at: NDArray[np.float64]
    frames: Mapping[int, FrameVectors] = field(default_factory=dict)
    """Those of pictures that move, by their rows."""
    held: HeldWords | None = None
    """Which captions hold which word, where that is known."""

    @classmethod
    def of(
        cls,
        encoded: EncodedPictures,
        places: Sequence[str],
        added_at: Sequence[float],
    ) -> SharedPictures:
        """These, with the channel and the time of each; vectors are laid out as for a scan."""
        channels = {place: number for number, place in enumerate(dict.fromkeys(places))}
        return cls(
            encoded.pictures,
            encoded.picture_vectors,
            [text for text, _ in encoded.captions],
            np.array([row for _, row in encoded.captions], dtype=np.int64),
            encoded.caption_vectors,
            np.array([channels[place] for place in places], dtype=np.int32),
            channels,
            np.array(added_at, dtype=np.float64),
            encoded.frames,
        )

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of each picture by its id."""
        return {each.id: row for row, each in enumerate(self.pictures)}

    @cached_property
    def words(self) -> HeldWords:
        """The captions by their words; some 10 µs a caption."""
        return self.held or HeldWords.of(self.texts)

    def readable(self, channels: Collection[str]) -> NDArray[np.int64]:
        """The rows that whoever reads these channels may see, rising."""
        numbers = [self.channels[each] for each in channels if each in self.channels]
        return np.flatnonzero(np.isin(self.places, numbers))

    def joined(
        self, kept: NDArray[np.int64], others: SharedPictures, dimension: int
    ) -> SharedPictures:
        """These rows and all of the others, ordered by when they were posted."""
        names = list(dict.fromkeys([*self.channels, *others.channels]))
        channels = {name: number for number, name in enumerate(names)}
        of_others = np.array([channels[name] for name in others.channels], dtype=np.int32)
        pictures = [*(self.pictures[row] for row in kept.tolist()), *others.pictures]
        added_at = np.concatenate([self.added_at[kept], others.added_at])
        order = np.argsort(added_at, kind="stable")
        places = np.concatenate([self.places[kept], of_others[others.places]])
        # Captions follow their pictures; those of the others come behind.
        mine = np.flatnonzero(np.isin(self.owners, kept))
        owners = np.concatenate(
            [np.searchsorted(kept, self.owners[mine]), others.owners + len(kept)]
        )
        new = np.empty(len(order), dtype=np.int64)
        new[order] = np.arange(len(order))
        texts = [*(self.texts[row] for row in mine.tolist()), *others.texts]
        left = {row: n for n, row in enumerate(kept.tolist()) if row in self.frames}
        frames = {int(new[n]): self.frames[row] for row, n in left.items()}
        frames |= {int(new[len(kept) + row]): each for row, each in others.frames.items()}
        return SharedPictures(
            [pictures[row] for row in order.tolist()],
            _ordered(dimension, self.vectors, kept, others.vectors, order),
            texts,
            new[owners],
            _ordered(
                dimension,
                self.caption_vectors,
                mine,
                others.caption_vectors,
                np.arange(len(texts)),
            ),
            places[order].astype(np.int32),
            channels,
            added_at[order],
            frames,
            self.words.joined(mine, others.words),
        )


class SelectedPictures:
    """The Addition port over some rows of shared pictures, which rise."""

    def __init__(self, shared: SharedPictures, rows: NDArray[np.int64]) -> None:
        self.shared = shared
        self.rows = rows
        numbers = np.full(len(shared), -1, dtype=np.int32)
        numbers[rows] = np.arange(len(rows), dtype=np.int32)
        self.frames: Mapping[int, FrameVectors] = {
            int(numbers[row]): each for row, each in shared.frames.items() if numbers[row] >= 0
        }
        owners = numbers[shared.owners]
        self._captions = np.flatnonzero(owners >= 0)
        self.owners = owners[self._captions].astype(np.int64)
        self.pictures: Sequence[Picture] = _Some(shared.pictures, rows)
        self.captions: Sequence[tuple[str, int]] = _SomeCaptions(
            shared.texts, self._captions, self.owners
        )
        self.picture_index: VectorIndex = SelectedIndex(shared.vectors, rows)
        self.caption_index: VectorIndex = SelectedIndex(shared.caption_vectors, self._captions)

    def row_of(self, picture_id: str) -> int | None:
        row = self.shared.row_of.get(picture_id)
        if row is None:
            return None
        place = int(np.searchsorted(self.rows, row))
        return place if place < len(self.rows) and self.rows[place] == row else None

    def words(self, background: CountedWords) -> CaptionWords:
        return self.shared.words.among(self._captions, background)


class _Some(MadeRows[_T]):
    def __init__(self, items: Sequence[_T], rows: NDArray[np.int64]) -> None:
        self._items = items
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, row: int) -> _T:
        return self._items[int(self._rows[row])]

    def __iter__(self) -> Iterator[_T]:
        return (self._items[row] for row in self._rows.tolist())


class _SomeCaptions(MadeRows[tuple[str, int]]):
    def __init__(
        self, texts: Sequence[str], rows: NDArray[np.int64], owners: NDArray[np.int64]
    ) -> None:
        self._texts = texts
        self._rows = rows
        self._owners = owners

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, row: int) -> tuple[str, int]:
        return self._texts[self._rows[row]], int(self._owners[row])

    def __iter__(self) -> Iterator[tuple[str, int]]:
        rows = zip(self._rows.tolist(), self._owners.tolist(), strict=True)
        return ((self._texts[row], owner) for row, owner in rows)


def _ordered(
    dimension: int,
    mine: Vectors,
    kept: NDArray[np.int64],
    others: Vectors,
    order: NDArray[np.int64],
) -> Vectors:
    """Rows of two matrices in one, in this order; no third copy is made meanwhile."""
    found = room_for(len(order), dimension)
    first = order < len(kept)
    places = np.arange(len(order))
    for start in range(0, len(order), _BLOCK):
        block = slice(start, start + _BLOCK)
        here, own = places[block], first[block]
        found[here[own]] = mine[kept[order[block][own]]]
        found[here[~own]] = others[order[block][~own] - len(kept)]
    found.setflags(write=False)
    return found


_BLOCK = 4096
"""Vectors that are copied at once."""
