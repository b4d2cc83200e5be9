"""Where each picture stands among the answers to a query: its score, its caption, its band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
    exact = scores.astype(np.float64)
    z = (exact - middle) / deviation
    places = ranking.thresholds.places(exact, z)
    found = []
    # Some hundred rows for each question: what can be done for all at once is.
    for row, score, by_z, place in zip(
        rows.tolist(), np.clip(exact, -1.0, 1.0).tolist(), z.tolist(), places.tolist(), strict=True
    ):
        seen, told, order = BEST_FIRST[place], Band.WEAK, 0
        band = seen
        if row in lifts and row in matches:
            told = calibration.captions.band(matches[row])
        if ranking.told_suffices:
            order = min(place, BEST_FIRST.index(told)) if told is not Band.WEAK else place
            band = BEST_FIRST[order]
        if row == ranking.recognised:
            band, order = min(band, Band.FAIR, key=BEST_FIRST.index), -1
        found.append(
            Found(row, score, band, seen, told, (order, -(by_z + lifts.get(row, 0.0)), row))
        )
    return found


def in_order(plain: Sequence[Found], lifted: Sequence[Found], *, whole: bool) -> Sequence[Found]:
    """All in their places; ``whole``: there are no others.

    What is lifted but stands below the last one fetched waits for those in between.
    """
    last = max((each.place for each in plain), default=(-2, 0.0, 0))
    sure = (each for each in lifted if whole or each.place < last)
    return sorted((*plain, *sure), key=lambda each: each.place)


def cosine(score: float) -> float:
    """The score within [-1, 1]: rounding of unit vectors may leave 1.0000001."""
    return min(1.0, max(-1.0, score))
