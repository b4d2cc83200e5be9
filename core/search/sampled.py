"""Collections that no node can hold: what may be an answer there is asked of an engine."""

from __future__ import annotations

from dataclasses import replace

from core.domain.ports import Snapshot
from core.domain.viewer import Viewer
from core.search.plan import PageRequest
from core.search.ports import Around, CandidateSource, Sought
from core.search.scoring import LIFTED_AMONG


class SampledCollections:
    """Lays what a question may find over the sample that a snapshot of such a collection holds.

    Snapshots of other collections are whole, and stay as they are. ``candidates``: None where
    there are no such collections. See CandidateSource for the errors.
    """

    def __init__(self, candidates: CandidateSource | None) -> None:
        self._candidates = candidates

    def covers(self, snapshot: Snapshot) -> bool:
        """Whether the snapshot holds a sample."""
        candidates = self._candidates
        return candidates is not None and candidates.covers(snapshot.collection)

    async def widened(self, snapshot: Snapshot, viewer: Viewer | str, sought: Sought) -> Snapshot:
        """The snapshot with what is sought, where it holds a sample."""
        if self._candidates is None or not self.covers(snapshot):
            return snapshot
        return (await self._candidates.around(snapshot, viewer, sought)).snapshot

    async def around(
        self, snapshot: Snapshot, viewer: Viewer | str, sought: Sought, count: int
    ) -> Around:
        """So many candidates; all that there is of a snapshot that is whole."""
        if self._candidates is None or not self.covers(snapshot):
            return Around(snapshot, -1.0, whole=True)
        return await self._candidates.around(snapshot, viewer, replace(sought, wanted=count))


def candidates_for(request: PageRequest) -> int:
    """How many pictures near to a question are looked at for a page of it."""
    return max(LIFTED_AMONG, 4 * (request.offset + request.k + 1))
