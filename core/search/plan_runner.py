"""Runs a search plan: what it looks up becomes a page of hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from core.domain.ports import Library, PictureDecoder, Snapshot
from core.domain.types import SearchResult, SoFar
from core.search.coalescing import QueryCoalescer
from core.search.label_filter import with_tags
from core.search.look_alikes import LookAlikes
from core.search.plan import PageRequest, SearchFindings, SearchPlan, SearchScope
from core.search.ranking import rank_page
from core.search.sampled import SampledCollections
from core.search.scoring import NearestPictures, Ranking

_ROUNDS = 3
"""Where near-duplicates turn out to be two, others come into sight: so often it is looked again."""


class PlanRunner:
    """Looks up together what several searches want to know, and ranks what was found."""

    def __init__(
        self,
        library: Library,
        decoder: PictureDecoder,
        searches: QueryCoalescer,
        sampled: SampledCollections,
    ) -> None:
        self._library = library
        self._searches = searches
        self._sampled = sampled
        self._look_alikes = LookAlikes(library.picture_file, decoder.decode)

    async def run(
        self,
        plan: SearchPlan,
        rank: Callable[[SearchFindings], Ranking],
        request: PageRequest,
        scope: SearchScope,
        *,
        look_s: float,
        nearest: NearestPictures | None = None,
    ) -> SearchResult:
        """The page that is asked for, in the order of ``rank``, with the tags of its hits.

        Near-duplicates that turn out to be two within ``look_s`` seconds are shown as two.
        ``rank`` is called in a thread, with what the plan finds. ``nearest``: to the vector of
        that ranking, where it is known before.
        """
        snapshot, calibration, viewer = scope
        comparison = self._look_alikes.comparison()

        def finish(answers: Sequence[Any]) -> SearchResult:
            found = plan.findings(answers)
            page = rank_page(
                snapshot,
                calibration,
                rank(found),
                k=request.k,
                offset=request.offset,
                seen=found.pictures or nearest,
                there=self._library.has_file,
                same=comparison.taken_for_one,
            )
            if found.labels is None:
                return page
            return replace(page, hits=with_tags(snapshot, page.hits, found.labels))

        for _ in range(_ROUNDS):
            page = await self._searches.answer(plan.lookups, finish)
            if not await comparison.look(viewer, within_s=look_s):
                break
        so_far = self.so_far(snapshot)
        return page if so_far is None else replace(page, so_far=so_far)

    def so_far(self, snapshot: Snapshot) -> SoFar | None:
        """How much of a collection can be searched while it is indexed for the first time."""
        if self._sampled.covers(snapshot):
            return None
        expected, searched = self._library.expected(snapshot.collection), len(snapshot.pictures)
        return None if expected is None or expected <= searched else SoFar(searched, expected)
