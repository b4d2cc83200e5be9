"""Candidates of collections that no node can hold: from the engine, checked against the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.domain.ports import Snapshot
from core.domain.viewer import Viewer
from core.search.ports import Around, Sought
from index.library.library import FolderLibrary
from index.snapshots.engine_copies import EngineCopies

_MORE = 4
"""Times as many are asked for where too few are left that the viewer may see."""


class EngineCandidates:
    """The CandidateSource port over copies in an engine."""

    def __init__(self, library: FolderLibrary, copies: EngineCopies) -> None:
        self._library = library
        self._copies = copies

    def covers(self, collection: str) -> bool:
        return self._copies.covers(collection)

    async def around(self, snapshot: Snapshot, community: Viewer | str, sought: Sought) -> Around:
        if not self.covers(snapshot.collection) or Viewer.of(community).wanted is not None:
            return Around(snapshot, -1.0, whole=True)
        return await asyncio.to_thread(self._around, snapshot, community, sought)

    def _around(self, snapshot: Snapshot, community: Viewer | str, sought: Sought) -> Around:
        name = snapshot.collection
        viewpoint = self._library.spec_of(name).viewpoint(community)
        current = self._library.views.current(name, viewpoint)
        if current is None:
            return Around(snapshot, -1.0, whole=True)
        wanted = sought.wanted
        while True:
            asked = replace(sought, wanted=wanted)
            found = self._copies.candidates(name, current.identity, asked)
            view = self._library.views.widened(name, viewpoint, found.ids)
            if view is None:
                return Around(snapshot, -1.0, whole=True)
            rows = [row for each in found.near if (row := view.row_of(each)) is not None]
            if found.all or len(rows) >= sought.wanted // 2:
                return Around(view, _reach(view, rows, sought), whole=found.all)
            wanted *= _MORE


def _reach(view: Snapshot, rows: Sequence[int], sought: Sought) -> float:
    """The cosine of the first vector that was sought with the farthest of these rows."""
    if not rows or not sought.pictures:
        return -1.0
    vectors = view.picture_index.reconstruct(np.array(rows, dtype=np.int64))
    return float((vectors @ sought.pictures[0]).min())
