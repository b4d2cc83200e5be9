"""Where each picture stands among the answers to a query: its score, its caption, its band."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.bands import BEST_FIRST, Calibration, Thresholds
from core.captions import Told
from core.ports import Snapshot
from core.types import Band, FoundBy, Vectors

LIFTED_AMONG = 256
"""Pictures among which those without a caption are lifted to where a silent caption stands."""


_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What decides the order of hits.

    ``vector``: the query, float32 [d], length 1; ``thresholds``: of its kind;
    ``duplicate_cosine``: hits at least this alike count as one; ``hidden``: SHA-256 of
    files never to show; ``unlike``: a unit vector whose near-duplicates are not shown;
    ``told``: what the captions say of the text that was asked; ``told_suffices``: whether
    they alone make a hit fair or strong, as the text is all that was asked (then a better
    band also stands before a worse one);
    ``unwanted``: a unit vector whose matches stand below all others, and ``unwanted_told``
    what the captions say of it; ``among``: the rows that may be hits at all, int64 [n] rising,
    None for every row; ``recognised``: the row whose pixels show the query, which stands first
    and is fair at least, None where there is none.
    """

    vector: Vectors
    thresholds: Thresholds
    duplicate_cosine: float
    hidden: frozenset[str] = frozenset()
    unlike: Vectors | None = None
    told: Told | None = None
    told_suffices: bool = True
    unwanted: Vectors | None = None
    unwanted_told: Told | None = None
    among: NDArray[np.int64] | None = None
    recognised: int | None = None


class Found(NamedTuple):
    """A row, its cosine, its band, and what picture and caption are each worth."""

    row: int
    score: float
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
    def found(self) -> Found:
        """The row as it is shown."""
        best = BEST_FIRST
        score = cosine(self.score)
        return Found(self.row, score, best[self.band], best[self.seen], best[self.told])


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


_PLACE = attrgetter("place")


class Judged:
    """Rows of a snapshot as one ranking judges them."""

    def __init__(
        self,
        snapshot: Snapshot,
        calibration: Calibration,
        ranking: Ranking,
        spread: tuple[float, float],
    ) -> None:
        """``spread``: what :meth:`core.bands.Calibration.spread` says of the ranking's vector."""
        self._snapshot = snapshot
        self._calibration = calibration
        self._ranking = ranking
        self._spread = spread

    def lifted(self, nearest: NDArray[np.int64]) -> list[Standing]:
        """The rows that captions lift, of which those without one are among the nearest.

        They are the same ones whatever page is asked for.
        """
        told, ranking = self._ranking.told, self._ranking
        if told is None:
            return []
        raised = told.lifts > 0
        if ranking.among is not None:
            raised &= np.isin(told.rows, ranking.among)
        rows, matches, lifts = told.rows[raised], told.matches[raised], told.lifts[raised]
        if told.silent:
            pictures = self._snapshot.pictures
            silent = [row for row in nearest.tolist() if not pictures[row].caption]
            quiet = np.setdiff1d(np.array(silent, dtype=np.int64), rows)
            rows = np.concatenate([rows, quiet])
            matches = np.concatenate([matches, np.full(len(quiet), -np.inf)])
            lifts = np.concatenate([lifts, np.full(len(quiet), told.silent)])
        if not len(rows):
            return []
        scores = self._snapshot.picture_index.reconstruct(rows) @ ranking.vector
        captions = self._calibration.captions.bands(matches)
        return sorted(self._standings(rows, scores, captions, lifts), key=_PLACE)

    def plain(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> Standings:
        """Rows with their cosines as an index finds them, without what captions say; in order.

        The highest cosine comes first and of equal ones the lower row, and that is their order:
        a lower cosine never has a better band.
        """
        if self._ranking.recognised is not None:
            first = np.argsort(rows != self._ranking.recognised, kind="stable")
            rows, scores = rows[first], scores[first]
        weak = np.full(len(rows), len(BEST_FIRST) - 1, dtype=np.int64)
        return self._standings(rows, scores, weak, None)

    def _standings(
        self,
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
        told: NDArray[np.int64],
        lifts: NDArray[np.float64] | None,
    ) -> Standings:
        """All of them at once: some hundred rows for each question."""
        ranking = self._ranking
        middle, deviation = self._spread
        exact = scores.astype(np.float64)
        merits = (exact - middle) / deviation
        seen = ranking.thresholds.places(exact, merits)
        if lifts is not None:
            merits += lifts
        bands = groups = np.minimum(seen, told)
        if not ranking.told_suffices:
            bands, groups = seen, np.zeros_like(seen)
        if ranking.recognised is not None:
            known = rows == ranking.recognised
            fair = np.minimum(bands, BEST_FIRST.index(Band.FAIR))
            bands, groups = np.where(known, fair, bands), np.where(known, -1, groups)
        return Standings(rows, exact, seen, told, bands, groups, merits)


def in_order(plain: Standings, lifted: Sequence[Standing], *, whole: bool) -> Iterator[Standing]:
    """The rows that were fetched and those that are lifted, each once; both are in order.

    ``whole``: there are no others; else some were fetched. What is lifted but stands below the
    last one fetched waits for those in between.
    """
    rows = {each.row for each in lifted}
    others = (each for each in plain if each.row not in rows)
    if not whole:
        end = plain[len(plain) - 1].place
        lifted = [each for each in lifted if each.place < end]
    return heapq.merge(others, lifted, key=_PLACE)


def cosine(score: float) -> float:
    """The score within [-1, 1]: rounding of unit vectors may leave 1.0000001."""
    return min(1.0, max(-1.0, score))
