"""Where each picture stands among the answers to a query: its score, its caption, its band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.bands import BEST_FIRST, Calibration, Thresholds
from core.captions import Told
from core.ports import Snapshot
from core.types import Band, FoundBy, Vectors

LIFTED_AMONG = 256
"""Pictures among which those without a caption are lifted to where a silent caption stands."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """Some rows with what decides their order, a column each, [n].

    ``rows`` int64 and their cosines ``scores`` float64; ``seen``, ``told`` and ``bands``, int64:
    places in ``BEST_FIRST`` of what picture, caption and both are worth; ``groups`` int64, of
    which a lower one stands before every higher one, and within it ``merits`` float64, the
    highest first. Of equal ones the lower row stands first.
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

    def __getitem__(self, place: int) -> Found:
        seen, told, band = self.seen[place], self.told[place], self.bands[place]
        score = cosine(float(self.scores[place]))
        return Found(
            int(self.rows[place]), score, BEST_FIRST[band], BEST_FIRST[seen], BEST_FIRST[told]
        )

    def ordered(self) -> Standings:
        """The same rows in their order."""
        return self.at(np.lexsort((self.rows, -self.merits, self.groups)))

    def at(self, places: NDArray[np.int64] | NDArray[np.bool_]) -> Standings:
        """Those at these places."""
        return Standings(*(column[places] for column in self._columns))

    def joined(self, other: Standings) -> Standings:
        """These, then others."""
        pairs = zip(self._columns, other._columns, strict=True)
        return Standings(*(np.concatenate(pair) for pair in pairs))

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


class Judged:
    """Rows of a snapshot as one ranking judges them."""

    def __init__(self, snapshot: Snapshot, calibration: Calibration, ranking: Ranking) -> None:
        self._snapshot = snapshot
        self._calibration = calibration
        self._ranking = ranking
        self._spread = calibration.spread(ranking.vector)

    def lifted(self, nearest: NDArray[np.int64]) -> Standings:
        """The rows that captions lift, of which those without one are among the nearest.

        They are the same ones whatever page is asked for.
        """
        told, ranking = self._ranking.told, self._ranking
        nothing = np.empty(0, dtype=np.int64)
        if told is None or not len(told.rows):
            return self._standings(nothing, nothing.astype(np.float32), None)
        raised = told.lifts > 0
        rows, lifts = told.rows[raised], told.lifts[raised]
        if ranking.among is not None:
            mine = np.isin(rows, ranking.among)
            rows, lifts = rows[mine], lifts[mine]
        if told.silent:
            pictures = self._snapshot.pictures
            silent = [row for row in nearest.tolist() if not pictures[row].caption]
            quiet = np.setdiff1d(np.array(silent, dtype=np.int64), rows)
            rows = np.concatenate([rows, quiet])
            lifts = np.concatenate([lifts, np.full(len(quiet), told.silent)])
        scores = self._snapshot.picture_index.reconstruct(rows) @ ranking.vector
        return self._standings(rows, scores, lifts)

    def plain(
        self, rows: NDArray[np.int64], scores: NDArray[np.float32], lifted: Standings
    ) -> Standings:
        """The fetched rows that captions do not lift, with their cosines."""
        own = ~np.isin(rows, lifted.rows)
        return self._standings(rows[own], scores[own], None)

    def _standings(
        self,
        rows: NDArray[np.int64],
        scores: NDArray[np.float32],
        lifts: NDArray[np.float64] | None,
    ) -> Standings:
        """All of them at once: some hundred rows for each question."""
        ranking = self._ranking
        middle, deviation = self._spread
        exact = scores.astype(np.float64)
        z = (exact - middle) / deviation
        seen = ranking.thresholds.places(exact, z)
        told = np.full(len(rows), len(BEST_FIRST) - 1, dtype=np.int64)
        if lifts is not None and ranking.told is not None:
            told = self._calibration.captions.bands(ranking.told.matches_of(rows))
            z = z + lifts
        bands = groups = np.minimum(seen, told)
        if not ranking.told_suffices:
            bands, groups = seen, np.zeros_like(seen)
        if ranking.recognised is not None:
            known = rows == ranking.recognised
            fair = np.minimum(bands, BEST_FIRST.index(Band.FAIR))
            bands, groups = np.where(known, fair, bands), np.where(known, -1, groups)
        return Standings(rows, exact, seen, told, bands, groups, z)


def in_order(plain: Standings, lifted: Standings, *, whole: bool) -> Standings:
    """All in their places; ``whole``: there are no others.

    What is lifted but stands below the last one fetched waits for those in between.
    """
    if not len(lifted):
        return plain.ordered()
    if not whole:
        fetched = plain.ordered()
        if not len(fetched):
            return fetched
        group, merit, row = fetched.groups[-1], fetched.merits[-1], fetched.rows[-1]
        level = (lifted.merits > merit) | ((lifted.merits == merit) & (lifted.rows < row))
        sure = (lifted.groups < group) | ((lifted.groups == group) & level)
        lifted = lifted.at(sure)
    return plain.joined(lifted).ordered()


def cosine(score: float) -> float:
    """The score within [-1, 1]: rounding of unit vectors may leave 1.0000001."""
    return min(1.0, max(-1.0, score))
