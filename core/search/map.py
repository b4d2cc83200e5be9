"""The use case of the map: a collection on a plane, in groups, with questions marked on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.domain.ports import Library, Snapshot, VectorIndex
from core.domain.single_flight import OncePerSnapshot
from core.domain.types import Vectors
from core.domain.viewer import Viewer
from core.search.clusters import Groups, group
from core.search.projection import Plane, Points, principal_plane
from core.search.service import Search

NEAREST = 5
"""Pictures that are pointed out as the best answers to a mark."""

_ROWS = 16_384
"""Vectors read at a time: 32 MiB of 512 dimensions."""

_CAPTIONS = 2_000
"""Captions of which the mean is taken: their number hardly moves it beyond a thousand."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A question on the map: at ``x``, ``y`` of the plane; ``nearest`` are rows, best first."""

    x: float
    y: float
    nearest: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CollectionMap:
    """What a map shows; ``groups`` None where none were asked for.

    ``sampled``: these are some of the pictures of a collection that is too large for all.
    """

    snapshot: Snapshot
    plane: Plane
    groups: Groups | None = None
    text_mark: Mark | None = None
    picture_mark: Mark | None = None
    sampled: bool = False

    @property
    def nearest(self) -> tuple[int, ...]:
        """Rows of the pictures that answer the marks, each once."""
        marks = [mark for mark in (self.text_mark, self.picture_mark) if mark is not None]
        return tuple(dict.fromkeys(row for mark in marks for row in mark.nearest))


class Mapper:
    """Draws up maps. Of one state of a collection, plane and groups are computed once."""

    def __init__(self, library: Library, search: Search) -> None:
        self._library = library
        self._search = search
        self._planes: OncePerSnapshot[Plane] = OncePerSnapshot()
        self._groups: OncePerSnapshot[Groups] = OncePerSnapshot()

    async def draw_up(
        self,
        *,
        community: Viewer | str,
        collection: str | None = None,
        groups: int = 0,
        text: str = "",
        picture: bytes | Path | None = None,
    ) -> CollectionMap:
        """The map of a collection that the community may search; ``groups`` 0 makes none.

        Raises what ``Library.open`` raises, and for a text or a picture what
        ``Search.text_vector`` and ``Search.picture_vector`` raise.
        """
        snapshot = await self._library.open(collection, community)
        asked = await self._search.text_vector(text) if text.strip() else None
        shown = await self._search.picture_vector(picture) if picture is not None else None
        index = snapshot.picture_index
        plane = await self._planes.get(
            snapshot, 0, lambda: asyncio.to_thread(principal_plane, lambda: vectors_of(index))
        )
        found = None
        if groups:
            captions = snapshot.captions
            found = await self._groups.get(
                snapshot, groups, lambda: self._group(index, captions, groups)
            )
        text_mark = picture_mark = None
        if asked is not None:
            text_mark = await asyncio.to_thread(_mark, snapshot, plane, asked, is_text=True)
        if shown is not None:
            picture_mark = await asyncio.to_thread(_mark, snapshot, plane, shown, is_text=False)
        sampled = self._search.is_sampled(snapshot)
        return CollectionMap(snapshot, plane, found, text_mark, picture_mark, sampled)

    async def _group(
        self, index: VectorIndex, captions: Sequence[tuple[str, int]], count: int
    ) -> Groups:
        unnamed = await asyncio.to_thread(group, lambda: vectors_of(index), captions, count)
        words = unnamed.words
        return unnamed.named(await asyncio.gather(*(self._search.text_vector(w) for w in words)))


def vectors_of(index: VectorIndex) -> Iterator[Vectors]:
    """All vectors of an index in blocks, float32 [<= 16,384, d]. Blocking."""
    for start in range(0, len(index), _ROWS):
        yield index.reconstruct(np.arange(start, min(start + _ROWS, len(index)), dtype=np.int64))


def _mark(snapshot: Snapshot, plane: Plane, vector: Vectors, *, is_text: bool) -> Mark:
    """Where a vector, float32 [d], lies, and the rows of the pictures nearest to it.

    Texts lie in another region of a dual encoder's space than pictures (the modality gap,
    Liang et al. 2022): a text is moved by what lies between the means of the collection's
    captions and pictures, which are about the same things.
    """
    placed = vector
    captions = len(snapshot.caption_index)
    if is_text and captions:
        rows = np.unique(np.linspace(0, captions - 1, min(captions, _CAPTIONS)).astype(np.int64))
        average = snapshot.caption_index.reconstruct(rows).mean(axis=0, dtype=np.float64)
        placed = (vector - average + plane.mean).astype(np.float32)
    at: Points = plane.place(placed[None])
    _, nearest = snapshot.picture_index.search(vector[None], NEAREST)
    return Mark(float(at[0, 0]), float(at[0, 1]), tuple(int(row) for row in nearest[0]))
