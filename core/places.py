"""Where each picture stands among the answers to a query: its score, its caption, its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.bands import Calibration, Thresholds
from core.captions import Told
from core.ports import Snapshot
from core.types import Band, FoundBy, Vectors

LIFTED_AMONG = 256
"""Pictures among which those without a caption are lifted to where a silent caption stands."""

_BEST_FIRST = (Band.STRONG, Band.FAIR, Band.WEAK)


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
    None for every row.
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


@dataclass(frozen=True, slots=True)
class Found:
    """A row, its cosine, its band, what picture and caption are each worth, and its place."""

    row: int
    score: float
    band: Band
    seen: Band
    told: Band
    place: tuple[int, float, int]

    @property
    def found_by(self) -> FoundBy:
        """Which of the two is worth something; the picture where neither is."""
        if self.told is Band.WEAK:
            return FoundBy.PICTURE
        return FoundBy.CAPTION if self.seen is Band.WEAK else FoundBy.BOTH


def lifted_of(
    snapshot: Snapshot, calibration: Calibration, ranking: Ranking, nearest: NDArray[np.int64]
) -> Sequence[Found]:
    """The rows that captions lift, of which those without one are among the nearest.

    They are the same ones whatever page is asked for.
    """
    told = ranking.told
    if told is None or not told.matches:
        return ()
    lifts = dict(told.lifts)
    if ranking.among is not None:
        lifts = {row: lifts[row] for row in ranking.among.tolist() if row in lifts}
    if told.silent:
        pictures = snapshot.pictures
        lifts |= {row: told.silent for row in nearest.tolist() if not pictures[row].caption}
    rows = np.array(sorted(lifts), dtype=np.int64)
    scores = snapshot.picture_index.reconstruct(rows) @ ranking.vector
    return _places(calibration, ranking, rows, scores, lifts)


def plain_of(
    calibration: Calibration,
    ranking: Ranking,
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    lifted: Sequence[Found],
) -> Sequence[Found]:
    """The fetched rows that captions do not lift, in their order."""
    own = ~np.isin(rows, np.array([each.row for each in lifted], dtype=np.int64))
    return _places(calibration, ranking, rows[own], scores[own], {})


def _places(
    calibration: Calibration,
    ranking: Ranking,
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    lifts: Mapping[int, float],
) -> list[Found]:
    middle, deviation = calibration.spread(ranking.vector)
    matches: Mapping[int, float] = {} if ranking.told is None else ranking.told.matches
    found = []
    for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
        z = (score - middle) / deviation
        seen = ranking.thresholds.band(score, z)
        told = (
            calibration.captions.band(matches[row])
            if row in lifts and row in matches
            else Band.WEAK
        )
        band, order = seen, 0
        if ranking.told_suffices:
            band = min(seen, told, key=_BEST_FIRST.index)
            order = _BEST_FIRST.index(band)
        place = (order, -(z + lifts.get(row, 0.0)), row)
        found.append(Found(row, cosine(score), band, seen, told, place))
    return found


def in_order(plain: Sequence[Found], lifted: Sequence[Found], *, whole: bool) -> Sequence[Found]:
    """All in their places; ``whole``: there are no others.

    What is lifted but stands below the last one fetched waits for those in between.
    """
    last = max((each.place for each in plain), default=(-1, 0.0, 0))
    sure = (each for each in lifted if whole or each.place < last)
    return sorted((*plain, *sure), key=lambda each: each.place)


def cosine(score: float) -> float:
    """The score within [-1, 1]: rounding of unit vectors may leave 1.0000001."""
    return min(1.0, max(-1.0, score))
