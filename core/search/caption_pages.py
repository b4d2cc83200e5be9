"""Captions looked at by themselves: those that hold a text, and those that describe a picture.

Blocking numpy and index work, no I/O.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from core.domain.plain_text import folded
from core.domain.ports import Snapshot
from core.domain.types import CaptionHit, DescribeResult, Hit, Vectors
from core.search.calibration import Calibration
from core.search.frames import nearest_vectors, second_of
from core.search.ordering import cosine
from core.search.ranking import There

_FIRST_FETCH = 64


def captioned_hits(
    snapshot: Snapshot,
    calibration: Calibration,
    query: Vectors,
    words: str,
    *,
    k: int,
    there: There | None = None,
) -> tuple[Hit, ...]:
    """The ``k`` last rows whose shown caption holds the words, with the query's scores.

    They are in no order of their matches. ``there``: as in :func:`core.search.ranking.rank_page`.
    """
    wanted = folded(words)
    holding = (
        row
        for row in range(len(snapshot.pictures) - 1, -1, -1)
        if wanted in folded(snapshot.pictures[row].caption)
        and (there is None or there(snapshot.pictures[row]))
    )
    rows = np.array(list(islice(holding, k)), dtype=np.int64)
    if not len(rows):
        return ()
    scores = (nearest_vectors(snapshot, rows, query) @ query).astype(np.float32)
    bands = calibration.bands(query, scores, calibration.text)
    return tuple(
        Hit(
            rank,
            snapshot.pictures[row],
            cosine(score),
            band,
            match=cosine(score),
            at_s=second_of(snapshot, row, query),
        )
        for rank, (row, score, band) in enumerate(
            zip(rows.tolist(), scores.tolist(), bands, strict=True), start=1
        )
    )


def describe_page(
    snapshot: Snapshot, frames: Vectors, k: int, there: There | None = None
) -> DescribeResult:
    """The ``k`` captions closest to a picture, equal ones (but for case) named once.

    ``frames``: its vectors, float32 [f, d], of which the one closest to a caption counts.
    ``there``: as in :func:`core.search.ranking.rank_page`.
    """
    index = snapshot.caption_index
    query = frames[0]
    if len(frames) > 1 and len(index):
        query = frames[int(index.search(frames, 1)[0][:, 0].argmax())]
    fetch = min(len(index), max(_FIRST_FETCH, 4 * k))
    while True:
        best: dict[str, tuple[int, float]] = {}
        scores, rows = index.search(query[None], fetch)
        for score, row in zip(scores[0], rows[0], strict=True):
            if len(best) >= k:
                break
            caption, owner = snapshot.captions[row]
            said = folded(caption)
            if said not in best and (there is None or there(snapshot.pictures[owner])):
                best[said] = int(row), float(score)
        if len(best) >= k or fetch >= len(index):
            break
        fetch = min(len(index), 4 * fetch)
    hits = []
    for rank, (row, score) in enumerate(list(best.values())[:k], start=1):
        caption, owner = snapshot.captions[row]
        hits.append(CaptionHit(rank, caption, cosine(score), snapshot.pictures[owner]))
    return DescribeResult(snapshot.collection, tuple(hits))
