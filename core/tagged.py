"""Searches among tagged pictures, and hits with their tags."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.ports import Labels, Snapshot
from core.tagging import NONE, LabelSet, Tags, unknown
from core.types import Band, SearchResult, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
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

    async def choose(self, snapshot: Snapshot, asked: tuple[str, ...]) -> Chosen | None:
        """The pictures that are tagged with one of these labels; None where none is asked for.

        Raises UnknownLabel, CatalogueError.
        """
        if not asked:
            return None
        known = await self._known(snapshot)
        if known is None:
            raise unknown(asked[0], ())
        places = known.places_of(asked)
        tags = await asyncio.to_thread(self._tags_of, snapshot, known)
        mean = known.words[list(places)].mean(axis=0)
        direction: Vectors = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        return Chosen(tags.rows(places), direction)

    async def labels(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Those of the snapshot's collection, empty where it has none. Raises CatalogueError."""
        known = await self._known(snapshot)
        return () if known is None else known.labels

    async def tagged(self, snapshot: Snapshot, ranking: Awaitable[SearchResult]) -> SearchResult:
        """The hits of a ranking with their tags. Raises CatalogueError, and what that raises."""
        # Side by side: a way to a thread and back takes milliseconds where cores are busy.
        result, known = await asyncio.gather(ranking, self._known(snapshot))
        if known is None or not result.hits:
            return result
        return await asyncio.to_thread(_with_tags, snapshot, result, known)

    async def _known(self, snapshot: Snapshot) -> LabelSet | None:
        return None if self._labels is None else await self._labels.of(snapshot.collection)

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
    return replace(result, hits=hits, close_match=bool(hits))


def _with_tags(snapshot: Snapshot, result: SearchResult, known: LabelSet) -> SearchResult:
    rows = [snapshot.row_of(hit.picture.id) for hit in result.hits]
    found = np.array([row for row in rows if row is not None], dtype=np.int64)
    places = iter(known.tags(snapshot.picture_index.reconstruct(found)).places.tolist())
    hits = []
    for hit, row in zip(result.hits, rows, strict=True):
        place = NONE if row is None else next(places)
        hits.append(replace(hit, tag=None if place == NONE else known.labels[place]))
    return replace(result, hits=tuple(hits))
