"""From a query vector to a page of hits. Blocking numpy and index work, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.bands import Calibration, Thresholds
from core.ports import Snapshot
from core.types import Band, CaptionHit, DescribeResult, Hit, SearchResult, Vectors

# How much of an excluded text is taken out of the query, in deviations of its own
# scores for one of the query's: at 1 the exclusion would weigh as much as the wish.
_EXCLUDE_WEIGHT = 0.5
_FIRST_FETCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What decides the order of hits.

    ``vector``: the query, float32 [d], length 1; ``thresholds``: of its kind;
    ``duplicate_cosine``: hits at least this alike count as one; ``hidden``: SHA-256 of
    files never to show; ``unwanted``: a unit vector whose matches stand below all others.
    """

    vector: Vectors
    thresholds: Thresholds
    duplicate_cosine: float
    hidden: frozenset[str] = frozenset()
    unwanted: Vectors | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    row: int
    score: float


def mix(picture: Vectors, text: Vectors, text_weight: float, calibration: Calibration) -> Vectors:
    """A unit vector between a picture and a text, float32 [d].

    Cosines between pictures spread several times wider than those of texts with pictures
    (the modality gap, arXiv:2203.02053), so each part is first divided by the lower
    deviation of its scores: at weight 0.5 both move the order equally.
    """
    _, picture_std = calibration.spread(picture)
    _, text_std = calibration.spread(text)
    return _unit((1 - text_weight) * picture / picture_std + text_weight * text / text_std)


def without(ranking: Ranking, unwanted: Vectors, calibration: Calibration) -> Ranking:
    """The same ranking with an excluded text subtracted, its matches ranked below."""
    _, wanted_std = calibration.spread(ranking.vector)
    _, unwanted_std = calibration.spread(unwanted)
    vector = _unit(ranking.vector / wanted_std - _EXCLUDE_WEIGHT * unwanted / unwanted_std)
    return replace(ranking, vector=vector, unwanted=unwanted)


def rank_page(
    snapshot: Snapshot,
    calibration: Calibration,
    ranking: Ranking,
    query: str | None,
    *,
    k: int,
    offset: int,
) -> SearchResult:
    """Hits ``offset + 1`` to ``offset + k``, near-duplicates collapsed onto the best one."""
    wanted = offset + k + 1
    total = len(snapshot.picture_index)
    fetch = min(total, max(_FIRST_FETCH, 4 * wanted))
    while True:
        found = _collapse(snapshot, calibration, ranking, fetch)
        if len(found) >= wanted or fetch >= total:
            break
        fetch = min(total, 4 * fetch)
    page = found[offset : offset + k]
    scores = np.array([f.score for f in found[: offset + k]], dtype=np.float32)
    bands = calibration.bands(ranking.vector, scores, ranking.thresholds)
    hits = tuple(
        Hit(
            rank=offset + number,
            picture=snapshot.pictures[f.row],
            score=f.score,
            band=bands[offset + number - 1],
        )
        for number, f in enumerate(page, start=1)
    )
    return SearchResult(
        query=query,
        collection=snapshot.collection,
        hits=hits,
        offset=offset,
        has_more=len(found) > offset + k,
        close_match=any(band is not Band.WEAK for band in bands[:k]),
    )


def captioned_hits(
    snapshot: Snapshot, calibration: Calibration, query: Vectors, words: str, k: int
) -> tuple[Hit, ...]:
    """The ``k`` last rows whose shown caption holds the words, with the query's scores."""
    wanted = words.casefold()
    holding = (
        row
        for row in range(len(snapshot.pictures) - 1, -1, -1)
        if wanted in snapshot.pictures[row].caption.casefold()
    )
    rows = np.array(list(islice(holding, k)), dtype=np.int64)
    if not len(rows):
        return ()
    scores = (snapshot.picture_index.reconstruct(rows) @ query).astype(np.float32)
    bands = calibration.bands(query, scores, calibration.text)
    return tuple(
        Hit(rank, snapshot.pictures[row], _cosine(float(score)), band)
        for rank, (row, score, band) in enumerate(zip(rows, scores, bands, strict=True), start=1)
    )


def describe_page(snapshot: Snapshot, query: Vectors, k: int) -> DescribeResult:
    """The ``k`` captions closest to a picture, equal ones (but for case) named once."""
    index = snapshot.caption_index
    fetch = min(len(index), max(_FIRST_FETCH, 4 * k))
    while True:
        best: dict[str, tuple[int, float]] = {}
        scores, rows = index.search(query[None], fetch)
        for score, row in zip(scores[0], rows[0], strict=True):
            best.setdefault(snapshot.captions[row][0].casefold(), (int(row), float(score)))
        if len(best) >= k or fetch >= len(index):
            break
        fetch = min(len(index), 4 * fetch)
    hits = []
    for rank, (row, score) in enumerate(list(best.values())[:k], start=1):
        caption, owner = snapshot.captions[row]
        hits.append(CaptionHit(rank, caption, _cosine(score), snapshot.pictures[owner]))
    return DescribeResult(snapshot.collection, tuple(hits))


def _collapse(
    snapshot: Snapshot, calibration: Calibration, ranking: Ranking, fetch: int
) -> list[_Found]:
    scores, rows = snapshot.picture_index.search(ranking.vector[None], fetch)
    vectors = snapshot.picture_index.reconstruct(rows[0])
    shown = np.empty_like(vectors)
    seen = set(ranking.hidden)
    found: list[_Found] = []
    for score, row, vector in zip(scores[0], rows[0], vectors, strict=True):
        digest = snapshot.pictures[row].sha256
        alike = shown[: len(found)] @ vector
        if digest in seen or (alike.size and alike.max() >= ranking.duplicate_cosine):
            continue
        seen.add(digest)
        shown[len(found)] = vector
        found.append(_Found(int(row), _cosine(float(score))))
    if ranking.unwanted is None:
        return found
    return _demote(found, shown, ranking.unwanted, calibration)


def _demote(
    found: list[_Found], vectors: NDArray[np.float32], unwanted: Vectors, calibration: Calibration
) -> list[_Found]:
    against = vectors[: len(found)] @ unwanted
    bands = calibration.bands(unwanted, against, calibration.text)
    pairs = list(zip(found, bands, strict=True))
    return [f for f, band in pairs if band is Band.WEAK] + [
        f for f, band in pairs if band is not Band.WEAK
    ]


def _cosine(score: float) -> float:
    # Rounding of unit vectors may leave 1.0000001, which the contract does not allow.
    return min(1.0, max(-1.0, score))


def _unit(vector: NDArray[np.float32]) -> Vectors:
    return (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32)
