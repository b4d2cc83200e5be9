"""From a query vector to a page of hits. Blocking numpy and index work, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import Snapshot, VectorIndex
from core.domain.types import (
    UPLOADED,
    Band,
    FoundBy,
    Hit,
    Picture,
    SearchResult,
    Vectors,
)
from core.search.calibration import Calibration
from core.search.captions import CaptionEvidence
from core.search.coalescing import BatchedQuery, nearest
from core.search.frames import BestFrames, nearest_vectors, second_of
from core.search.ordering import ScoredRow, Standing, cosine, in_order
from core.search.references import Cuts
from core.search.row_filter import ChosenRows
from core.search.scoring import LIFTED_AMONG, NearestPictures, Ranking, ScoredRows

There = Callable[[Picture], bool]
"""Whether a picture's file is still where it was indexed. Blocking."""

Same = Callable[[Picture, Picture], bool]
"""Whether two pictures with nearly equal vectors are one (:mod:`core.search.look_alikes`)."""

# How much of an excluded text is taken out of the query, in deviations of its own
# scores for one of the query's: at 1 the exclusion would weigh as much as the wish.
_EXCLUDE_WEIGHT = 0.5
_FIRST_FETCH = 64
_Copies = Mapping[int, Sequence[Picture]]
"""The uploads that a hit stands for, by its row."""

_READ = 16
"""Vectors read at once while hits are collected: a page and its near-duplicates, as a rule."""
_MOST_READ = 256
"""The same further down, where each block is compared with all that stand above it."""


def without(
    ranking: Ranking, unwanted: Vectors, told: CaptionEvidence, calibration: Calibration
) -> Ranking:
    """The same ranking with an excluded text subtracted, its matches ranked below.

    ``told``: what the captions say of the excluded text.
    """
    vector = apart(ranking.vector, unwanted, calibration)
    return replace(ranking, vector=vector, unwanted=unwanted, unwanted_told=told)


def apart(wanted: Vectors, unwanted: Vectors, calibration: Calibration) -> Vectors:
    """A query from which an excluded text is subtracted: float32 [d]."""
    _, wanted_std = calibration.spread(wanted)
    _, unwanted_std = calibration.spread(unwanted)
    return _unit(wanted / wanted_std - _EXCLUDE_WEIGHT * unwanted / unwanted_std)


def page_lookup(
    snapshot: Snapshot,
    calibration: Calibration,
    vector: Vectors,
    *,
    k: int,
    offset: int,
    in_words: bool,
    among: NDArray[np.int64] | None = None,
) -> BatchedQuery[NearestPictures]:
    """What :func:`rank_page` wants to know first of a query, float32 [d].

    ``in_words``: captions are asked, too; ``among``: the rows that may be hits at all.
    """
    index = searched(snapshot, among)
    fetch = max(_FIRST_FETCH, 4 * (offset + k + 1), LIFTED_AMONG if in_words else 0)

    def ask(queries: Vectors) -> list[NearestPictures]:
        near = nearest(index, queries, fetch)
        return list(map(NearestPictures, near, calibration.spreads(queries)))

    # With frames, or among chosen rows, the index is made for this question alone.
    asked = id(snapshot.picture_index if among is None else index)
    return BatchedQuery(ask, (rank_page, asked, id(calibration), fetch), vector)


def rank_page(
    snapshot: Snapshot,
    calibration: Calibration,
    ranking: Ranking,
    *,
    k: int,
    offset: int,
    seen: NearestPictures | None = None,
    there: There | None = None,
    same: Same | None = None,
) -> SearchResult:
    """Hits ``offset + 1`` to ``offset + k``, near-duplicates collapsed onto the best one.

    ``query`` of the result is left to those who know the text.

    Pictures come in the order of their standard scores, those that captions speak for lifted
    (:mod:`core.search.captions`), and a better band before a worse one. ``seen``: what
    :func:`page_lookup` found for the ranking's vector, where somebody has looked already.
    ``there``: which pictures may be hits at all; asked of the hits that are counted off alone.
    ``same``: which of two near-duplicates are one; None: all.
    """
    if seen is None:
        seen = page_lookup(
            snapshot,
            calibration,
            ranking.vector,
            k=k,
            offset=offset,
            in_words=ranking.told is not None,
            among=ranking.among,
        ).alone()
    index = searched(snapshot, ranking.among)
    judged = ScoredRows(snapshot, calibration, ranking, seen)
    scores, rows = seen.near
    lifted = judged.lifted(rows[:LIFTED_AMONG])
    while True:
        whole = len(rows) == len(index)
        plain = judged.plain(rows, scores)
        ordered = in_order(plain, lifted, whole=whole, left_out=judged.left_out)
        found, copies = _collapse(
            snapshot, calibration, ranking, ordered, wanted=offset + k + 1, there=there, same=same
        )
        if len(found) > offset + k or whole:
            break
        ((scores, rows),) = nearest(index, ranking.vector[None], 4 * len(rows))
    bands = Counter(f.band for f in found[: offset + k])
    page = slice(offset, offset + k)
    matches = _matches(ranking, found, seen.spread)[page]
    hits = _hits(snapshot, ranking, found[page], copies, matches=matches, offset=offset)
    return SearchResult(
        query=None,
        collection=snapshot.collection,
        hits=hits,
        offset=offset,
        has_more=len(found) > offset + k,
        close_match=any(f.band is not Band.WEAK for f in found[:k]),
        doubtful=bool(found) and _doubtful(calibration, ranking, found[0], judged.cuts),
        strong=bands[Band.STRONG],
        fair=bands[Band.FAIR],
    )


def _doubtful(calibration: Calibration, ranking: Ranking, best: ScoredRow, cuts: Cuts) -> bool:
    """Whether the best hit is weak, but stands out of noise."""
    if best.band is not Band.WEAK or ranking.mixture is not None:
        return False
    told = ranking.told
    if told is not None and (
        best.merit - told.silent >= calibration.doubt or told.holds_some(best.row)
    ):
        return True
    return best.score >= cuts.doubt


def _matches(
    ranking: Ranking, found: Sequence[ScoredRow], spread: tuple[float, float]
) -> list[float]:
    """What the hits are ordered by, on the scale of the query's cosines: never rising.

    A hit that is found by its picture alone has its cosine there. Where a band, or what is not
    wanted, puts a hit below a lower one, it has no more than that; what is recognised has the
    correlation of its pixels.
    """
    middle, deviation = spread
    matches: list[float] = []
    most = 1.0
    for each in found:
        match = cosine(middle + deviation * each.merit)
        if each.row == ranking.recognised:
            match = max(match, cosine(ranking.agreement))
        most = min(most, match)
        matches.append(most)
    return matches


def _hits(
    snapshot: Snapshot,
    ranking: Ranking,
    found: Sequence[ScoredRow],
    copies: _Copies,
    *,
    matches: Sequence[float],
    offset: int,
) -> tuple[Hit, ...]:
    told: list[float] = [-np.inf] * len(found)
    if ranking.told is not None:
        rows = np.array([each.row for each in found], dtype=np.int64)
        told = ranking.told.cosines_of(rows).tolist()
    return tuple(
        Hit(
            rank=number,
            picture=snapshot.pictures[each.row],
            score=each.score,
            band=each.band,
            found_by=_found_by(ranking, each, line),
            match=match,
            caption_score=cosine(caption) if caption > -np.inf else None,
            text=line,
            at_s=second_of(snapshot, each.row, ranking.vector),
            copies=tuple(copies.get(each.row, ())),
        )
        for number, (each, match, caption) in enumerate(
            zip(found, matches, told, strict=True), start=offset + 1
        )
        for line in (None if ranking.read is None else ranking.read.says(each.row),)
    )


def _found_by(ranking: Ranking, each: ScoredRow, line: str | None) -> FoundBy | None:
    if line is not None:
        return FoundBy.WORDS
    return None if ranking.told is None else each.found_by


def searched(snapshot: Snapshot, among: NDArray[np.int64] | None = None) -> VectorIndex:
    """The index of pictures, those that move as near as a frame is; ``among``: of these rows."""
    index, frames = snapshot.picture_index, snapshot.frames
    if among is not None:
        index = ChosenRows(index, among)
        frames = None if frames is None else frames.only(among)
    return index if frames is None else BestFrames(index, frames)


def _collapse(
    snapshot: Snapshot,
    calibration: Calibration,
    ranking: Ranking,
    ordered: Iterator[Standing],
    *,
    wanted: int,
    there: There | None,
    same: Same | None,
) -> tuple[list[ScoredRow], _Copies]:
    """The first ``wanted`` of them without near-duplicates, or more; only such as are there.

    With the uploads among those that were read that each stands for.
    """
    shown = _Growing(len(ranking.vector))
    above_rows: list[int] = []
    first: dict[str, int] = {}
    found: list[ScoredRow] = []
    copies: dict[int, list[Picture]] = {}
    enough = False
    read = _READ
    uploads_from = snapshot.uploads_from
    while several := list(islice(ordered, read)):
        read = min(2 * read, _MOST_READ)
        rows = np.array([each.row for each in several], dtype=np.int64)
        vectors = nearest_vectors(snapshot, rows, ranking.vector)
        above = vectors @ shown.rows.T >= ranking.duplicate_cosine
        # Lists, since single elements of arrays are slow.
        alike = (vectors @ vectors.T >= ranking.duplicate_cosine).tolist()
        kept: list[int] = []
        for place, each in enumerate(several):
            if enough and each.row < uploads_from:
                continue
            picture = snapshot.pictures[each.row]
            uploaded = picture.path.startswith(UPLOADED)
            if picture.sha256 in ranking.hidden or (enough and not uploaded):
                continue
            others = [above_rows[number] for number in above[place].nonzero()[0]]
            others += [several[k].row for k in kept if alike[place][k]]
            one = first.get(picture.sha256)
            if one is None:
                one = _first_alike(picture, snapshot.pictures, others, same)
            if one is not None:
                if uploaded:
                    copies.setdefault(one, []).append(picture)
                continue
            if enough or (there is not None and not there(picture)):
                continue  # a copy of it may stand further below
            first[picture.sha256] = each.row
            kept.append(place)
            found.append(each.found)
            enough = ranking.unwanted is None and len(found) == wanted
        if enough:
            return found, copies
        shown.add(vectors[kept])
        above_rows += [several[k].row for k in kept]
    return _demoted(found, shown.rows, ranking, calibration), copies


def _first_alike(
    picture: Picture, pictures: Sequence[Picture], rows: Sequence[int], same: Same | None
) -> int | None:
    return next((row for row in rows if same is None or same(pictures[row], picture)), None)


class _Growing:
    """Vectors that more are added to, float32 [n, d], without copying all of them each time."""

    def __init__(self, dimension: int) -> None:
        self._room = np.empty((_READ, dimension), dtype=np.float32)
        self._count = 0

    @property
    def rows(self) -> NDArray[np.float32]:
        return self._room[: self._count]

    def add(self, vectors: NDArray[np.float32]) -> None:
        end = self._count + len(vectors)
        if end > len(self._room):
            larger = np.empty((2 * end, self._room.shape[1]), dtype=np.float32)
            larger[: self._count] = self.rows
            self._room = larger
        self._room[self._count : end] = vectors
        self._count = end


def _demoted(
    found: list[ScoredRow],
    vectors: NDArray[np.float32],
    ranking: Ranking,
    calibration: Calibration,
) -> list[ScoredRow]:
    """The same with those that match the excluded text behind the others."""
    if ranking.unwanted is None:
        return found
    bands = calibration.bands(ranking.unwanted, vectors @ ranking.unwanted, calibration.text)
    told = np.full(len(found), -np.inf)
    if ranking.unwanted_told is not None:
        told = ranking.unwanted_told.matches_of(np.array([f.row for f in found], dtype=np.int64))
    pairs = [
        (f, band is Band.WEAK and match < calibration.captions.fair)
        for f, band, match in zip(found, bands, told.tolist(), strict=True)
    ]
    return [f for f, wanted in pairs if wanted] + [f for f, wanted in pairs if not wanted]


def _unit(vector: NDArray[np.float32]) -> Vectors:
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
