"""Scores each picture for a query: its cosine, its caption, its band."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import Snapshot
from core.domain.types import Band, Vectors
from core.search.calibration import BEST_FIRST, AnyThresholds, Calibration
from core.search.captions import CaptionEvidence
from core.search.coalescing import Near
from core.search.frames import nearest_vectors
from core.search.mixed_calibration import said
from core.search.mixed_query import Mixture
from core.search.ordering import PLACE, Standing, Standings
from core.search.references import LOOKED_AT, Cuts
from core.search.word_evidence import WordEvidence

LIFTED_AMONG = 256
"""Pictures among which those without a caption are lifted to where a silent caption stands, and
those that may fit both a picture and words."""

_SAYS_MORE = 1.0
"""Deviations by which words speak rather for another picture than for the posted one, which looks
the same to the model: three traffic lights differ by what their captions say."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What decides the order of hits.

    ``vector``: the query, float32 [d], length 1; ``thresholds``: of its kind;
    ``duplicate_cosine``: hits at least this alike count as one; ``hidden``: SHA-256 of
    files never to show; ``told``: what the captions say of the text that was asked;
    ``read``: what the words in the pictures say of it, which ``told`` holds as well;
    ``mixture``: the picture and the text that the vector was mixed of, None for one alone;
    ``unwanted``: a unit vector whose matches stand below all others, and ``unwanted_told``
    what the captions say of it; ``among``: the rows that may be hits at all, int64 [n] rising,
    None for every row; ``recognised``: the row whose pixels show the query, which stands first
    and is fair at least, None where there is none, and ``agreement`` the correlation of both.
    """

    vector: Vectors
    thresholds: AnyThresholds
    duplicate_cosine: float
    hidden: frozenset[str] = frozenset()
    told: CaptionEvidence | None = None
    read: WordEvidence | None = None
    mixture: Mixture | None = None
    unwanted: Vectors | None = None
    unwanted_told: CaptionEvidence | None = None
    among: NDArray[np.int64] | None = None
    recognised: int | None = None
    agreement: float = -1.0


class NearestPictures(NamedTuple):
    """The pictures nearest to a query, and the spread of its cosines (:mod:`.calibration`)."""

    near: Near
    spread: tuple[float, float]


class ScoredRows:
    """Rows of a snapshot as one ranking judges them."""

    def __init__(
        self,
        snapshot: Snapshot,
        calibration: Calibration,
        ranking: Ranking,
        seen: NearestPictures,
    ) -> None:
        """``seen``: of the ranking's vector."""
        self._snapshot = snapshot
        self._calibration = calibration
        self._ranking = ranking
        self._spread = seen.spread
        self.cuts = self._cuts(seen)
        """From where on cosines are strong, fair, and worth showing."""
        self.left_out: Collection[int] = ()
        """Rows of what was posted itself; known once :meth:`lifted` was asked."""

    def lifted(self, nearest: NDArray[np.int64]) -> list[Standing]:
        """The rows that captions lift, of which those without one are among the nearest.

        Of a picture with words, all of the nearest, but for those that cannot be told from the
        picture. They are the same ones whatever page is asked for.
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
            rows, matches, lifts = _with(rows, matches, lifts, silent, told.silent)
        if ranking.mixture is not None:
            rows, matches, lifts = _with(rows, matches, lifts, nearest.tolist(), 0.0)
        if not len(rows):
            return []
        vectors = nearest_vectors(self._snapshot, rows, ranking.vector)
        if ranking.mixture is None:
            scores = vectors @ ranking.vector
            captions = self._calibration.captions.bands(matches)
            found = self._standings(rows, scores, captions, lifts)
        else:
            found = self._mixed(ranking.mixture, rows, vectors, matches, lifts)
        return sorted(found, key=PLACE)

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

    def _cuts(self, seen: NearestPictures) -> Cuts:
        def best() -> tuple[NDArray[np.float32], Vectors]:
            rows = seen.near.rows[:LOOKED_AT]
            vectors = self._snapshot.picture_index.reconstruct(rows)
            return seen.near.scores[: len(rows)], vectors

        return self._ranking.thresholds.cuts(seen.spread, best)

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
        if ranking.mixture is not None:
            # Whatever stands behind those that are looked at closely.
            return Standings(rows, exact, told, told, told, told, merits)
        seen = self.cuts.places(exact)
        if lifts is not None:
            merits += lifts
        bands = groups = np.minimum(seen, told)
        if ranking.recognised is not None:
            known = rows == ranking.recognised
            fair = np.minimum(bands, BEST_FIRST.index(Band.FAIR))
            bands, groups = np.where(known, fair, bands), np.where(known, -1, groups)
        return Standings(rows, exact, seen, told, bands, groups, merits)

    def _mixed(
        self,
        mixture: Mixture,
        rows: NDArray[np.int64],
        vectors: Vectors,
        matches: NDArray[np.float64],
        lifts: NDArray[np.float64],
    ) -> Standings:
        """Rows that may be what a picture and words ask for, without the posted picture."""
        middle, deviation = self._spread
        exact = (vectors @ self._ranking.vector).astype(np.float64)
        looks = ((vectors @ mixture.meant).astype(np.float64) - mixture.looks[0]) / mixture.looks[1]
        plain = ((vectors @ mixture.words).astype(np.float64) - mixture.says[0]) / mixture.says[1]
        # A lift without a caption keeps a place, and says nothing of the words.
        words = said(plain, np.where(np.isfinite(matches), lifts, 0))
        # The share of the words in the vector that both were mixed to, in its own deviations.
        share = mixture.text_weight / (mixture.length * deviation)
        merits = (exact - middle) / deviation + share * (said(plain, lifts) - plain)
        bands = self._calibration.mixed.places(looks, words)
        seen = self._calibration.mixed.places(looks, plain)
        alike = vectors @ mixture.picture
        posted = alike >= self._ranking.duplicate_cosine
        if posted.any():
            itself = int(np.argmax(alike))
            posted &= words < words[itself] + _SAYS_MORE
            self.left_out = frozenset(rows[posted].tolist())
        told = self._calibration.captions.bands(matches)
        return Standings(rows, exact, seen, told, bands, bands, merits).among(~posted)


def _with(
    rows: NDArray[np.int64],
    matches: NDArray[np.float64],
    lifts: NDArray[np.float64],
    others: Sequence[int],
    lift: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The same with rows that no caption lifts, unless they are there already."""
    quiet = np.setdiff1d(np.array(others, dtype=np.int64), rows)
    return (
        np.concatenate([rows, quiet]),
        np.concatenate([matches, np.full(len(quiet), -np.inf)]),
        np.concatenate([lifts, np.full(len(quiet), lift)]),
    )
