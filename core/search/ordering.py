"""The order of an answer: the sort key of a row, and the merge of rows from two sources."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Band, FoundBy
from core.search.calibration import BEST_FIRST

_AT_ONCE = 16


class ScoredRow(NamedTuple):
    """A row, its cosine, its band, and what picture and caption are each worth.

    ``merit``: what decides its place, in deviations of the query's cosines from their middle.
    """

    row: int
    score: float
    merit: float
    band: Band
    seen: Band
    told: Band

    @property
    def found_by(self) -> FoundBy:
        """Which of the two is worth something; the picture where neither is."""
        if self.told is Band.WEAK:
            return FoundBy.PICTURE
        return FoundBy.CAPTION if self.seen is Band.WEAK else FoundBy.BOTH


class Standing(NamedTuple):
    """A row with its cosine and what decides its place.

    ``seen``, ``told`` and ``band``: places in ``BEST_FIRST`` of what picture, caption and both
    are worth. A lower ``group`` stands before every higher one, and within it the higher
    ``merit``; of equal ones the lower row.
    """

    row: int
    score: float
    seen: int
    told: int
    band: int
    group: int
    merit: float

    @property
    def place(self) -> tuple[int, float, int]:
        """By which all are ordered."""
        return self.group, -self.merit, self.row

    @property
    def found(self) -> ScoredRow:
        best = BEST_FIRST
        score = cosine(self.score)
        bands = (best[self.band], best[self.seen], best[self.told])
        return ScoredRow(self.row, score, self.merit, *bands)


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """Some rows with what a :class:`Standing` has of each, a column each, [n].

    ``rows``, ``seen``, ``told``, ``bands`` and ``groups`` are int64, ``scores`` and ``merits``
    float64.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    seen: NDArray[np.int64]
    told: NDArray[np.int64]
    bands: NDArray[np.int64]
    groups: NDArray[np.int64]
    merits: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Standing]:
        # A page looks at a few of some hundred: they are made when their turn comes.
        for start in range(0, len(self), _AT_ONCE):
            some = (column[start : start + _AT_ONCE].tolist() for column in self._columns)
            yield from map(Standing._make, zip(*some, strict=True))

    def __getitem__(self, place: int) -> Standing:
        return Standing(*(column.item(place) for column in self._columns))

    def among(self, chosen: NDArray[np.bool_]) -> Standings:
        """Those of them that are chosen, [n]."""
        return Standings(*(column[chosen] for column in self._columns))

    @property
    def _columns(self) -> tuple[NDArray[Any], ...]:
        return (
            self.rows,
            self.scores,
            self.seen,
            self.told,
            self.bands,
            self.groups,
            self.merits,
        )


PLACE = attrgetter("place")
"""Sorts a :class:`Standing`."""


def in_order(
    plain: Standings,
    lifted: Sequence[Standing],
    *,
    whole: bool,
    left_out: Collection[int] = (),
) -> Iterator[Standing]:
    """The rows that were fetched and those that are lifted, each once; both are in order.

    ``whole``: there are no others; else some were fetched. What is lifted but stands below the
    last one fetched waits for those in between. ``left_out``: rows that do not count.
    """
    rows = {each.row for each in lifted} | set(left_out)
    others = (each for each in plain if each.row not in rows)
    if not whole:
        end = plain[len(plain) - 1].place
        lifted = [each for each in lifted if each.place < end]
    return heapq.merge(others, lifted, key=PLACE)


def cosine(score: float) -> float:
    """The score within [-1, 1]: rounding of unit vectors may leave 1.0000001."""
    return min(1.0, max(-1.0, score))
