"""Searches among tagged pictures, and hits with their tags."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import Snapshot
from core.domain.types import Band, Hit, SearchResult, Vectors
from core.search.coalescing import SharedRead
from core.search.labels import NONE, LabelSet, Tags, unknown
from core.search.ports import Labels


@dataclass(frozen=True, slots=True, eq=False)
class LabelFilter:
    """What a question's labels leave: rows, int64 [n] rising, and the labels' own direction.

    ``direction``: a unit vector, float32 [d], by which those without further words are ordered.
    """

    rows: NDArray[np.int64]
    direction: Vectors


class Tagger:
    """Tags of what a community sees: they follow from its snapshot alone."""

    def __init__(self, labels: Labels | None) -> None:
        self._labels = labels
        # By snapshot, as communities may see a collection differently; gone with it.
        self._tags: WeakKeyDictionary[Snapshot, tuple[LabelSet, Tags]] = WeakKeyDictionary()

    async def choose(self, snapshot: Snapshot, asked: tuple[str, ...]) -> LabelFilter | None:
        """The pictures that are tagged with one of these labels; None where none is asked for.

        Raises UnknownLabel, CatalogueError.
        """
        if not asked:
            return None
        return await asyncio.to_thread(self._chosen, snapshot, asked)

    async def labels(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Those of the snapshot's collection, empty where it has none. Raises CatalogueError."""
        known = await asyncio.to_thread(self._known, snapshot)
        return () if known is None else known.labels

    def read(self, snapshot: Snapshot) -> SharedRead[LabelSet | None] | None:
        """What :func:`with_tags` wants to know of the snapshot, None where nothing is tagged.

        Those who rank together look once, in the thread that they go to in any case. Raises
        CatalogueError there.
        """
        if self._labels is None:
            return None
        return SharedRead(lambda: self._known(snapshot), (Tagger, snapshot.collection))

    def _known(self, snapshot: Snapshot) -> LabelSet | None:
        return None if self._labels is None else self._labels.of(snapshot.collection)

    def _chosen(self, snapshot: Snapshot, asked: tuple[str, ...]) -> LabelFilter:
        known = self._known(snapshot)
        if known is None:
            raise unknown(asked[0], ())
        places = known.places_of(asked)
        mean = known.words[list(places)].mean(axis=0)
        direction: Vectors = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return LabelFilter(self._tags_of(snapshot, known).rows(places), direction)

    def _tags_of(self, snapshot: Snapshot, known: LabelSet) -> Tags:
        kept = self._tags.get(snapshot)
        if kept is None or kept[0] is not known:
            kept = self._tags[snapshot] = known, known.tags_of(snapshot.picture_index)
        return kept[1]


def listed(result: SearchResult) -> SearchResult:
    """A page of pictures that were asked for by their label alone: none of them is weak.

    That a label fits was decided for each picture by itself; how far it stands out in the
    collection, as bands have it, says little where half of the pictures show the same.
    """
    hits = tuple(
        replace(hit, band=Band.FAIR) if hit.band is Band.WEAK else hit for hit in result.hits
    )
    fair = result.offset + len(hits) - result.strong
    return replace(result, hits=hits, close_match=bool(hits), fair=fair)


def with_tags(snapshot: Snapshot, hits: tuple[Hit, ...], known: LabelSet) -> tuple[Hit, ...]:
    """The same hits with the tag of each, by these labels. Blocking."""
    if not hits:
        return hits
    rows = [snapshot.row_of(hit.picture.id) for hit in hits]
    found = np.array([row for row in rows if row is not None], dtype=np.int64)
    places = iter(known.tags(snapshot.picture_index.reconstruct(found)).places.tolist())
    tagged = []
    for hit, row in zip(hits, rows, strict=True):
        place = NONE if row is None else next(places)
        tagged.append(replace(hit, tag=None if place == NONE else known.labels[place]))
    return tuple(tagged)
