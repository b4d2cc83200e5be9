"""What a search wants to know before it ranks, and what was found of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.domain.ports import Snapshot
from core.domain.viewer import Viewer
from core.search.calibration import Calibration
from core.search.captions import NearestCaptions
from core.search.coalescing import BatchedQuery, SharedRead
from core.search.labels import LabelSet
from core.search.scoring import NearestPictures
from core.search.word_evidence import WordEvidence


class PageRequest(NamedTuple):
    """Which hits are wanted: ``k`` of them, after the first ``offset``."""

    k: int
    offset: int


class SearchScope(NamedTuple):
    """Where is searched: what the ``viewer`` sees of a collection, and what scores say there."""

    snapshot: Snapshot
    calibration: Calibration
    viewer: Viewer | str


@dataclass(frozen=True, slots=True, eq=False)
class SearchFindings:
    """The answers to a :class:`SearchPlan`, None for what it did not ask."""

    captions: NearestCaptions | None
    pictures: NearestPictures | None
    labels: LabelSet | None
    words: WordEvidence | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SearchPlan:
    """What is looked up together with what others want to know, None for what is not.

    ``captions`` and ``pictures`` are those nearest to the query, ``labels`` those of the
    collection, ``words`` those in pictures that were asked for.
    """

    captions: BatchedQuery[NearestCaptions] | None = None
    pictures: BatchedQuery[NearestPictures] | None = None
    labels: SharedRead[LabelSet | None] | None = None
    words: SharedRead[WordEvidence | None] | None = None

    @property
    def lookups(self) -> Sequence[BatchedQuery[Any] | SharedRead[Any]]:
        """Those that there are, for :class:`core.search.coalescing.QueryCoalescer`."""
        every = (self.captions, self.pictures, self.labels, self.words)
        return [each for each in every if each is not None]

    def findings(self, answers: Sequence[Any]) -> SearchFindings:
        """The answers to :attr:`lookups`, by what they answer."""
        left = iter(answers)
        return SearchFindings(
            captions=None if self.captions is None else next(left),
            pictures=None if self.pictures is None else next(left),
            labels=None if self.labels is None else next(left),
            words=None if self.words is None else next(left),
        )
