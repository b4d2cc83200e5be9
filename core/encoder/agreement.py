"""How much two encoders agree on what is found: the ten best of each, side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors

BEST = 10
"""Results compared for each query: as many as a page can show."""

_BLOCK = 256
"""Queries compared at once, which bounds memory."""


def overlap(
    reference: tuple[Vectors, Vectors], candidate: tuple[Vectors, Vectors], best: int = BEST
) -> float:
    """The mean share in [0, 1] of the ``best`` pictures of a query that both find.

    Each side is its pictures, float32 [n, d], and its queries in texts, float32 [m, d], in the
    same order on both sides. The pictures are queries as well, without finding themselves.
    Raises ValueError where there are no more than ``best`` pictures: everything would agree.
    """
    pictures = len(reference[0])
    if pictures <= best:
        raise ValueError(f"{pictures} pictures are too few to compare the {best} best")
    shares = [
        _shares(reference[0], candidate[0], reference[side], candidate[side], best, own=side == 0)
        for side in (0, 1)
        if len(reference[side])
    ]
    # Texts and pictures count the same, however many there are of each.
    return float(np.mean([share.mean() for share in shares]))


def _shares(
    mine: Vectors,
    theirs: Vectors,
    my_queries: Vectors,
    their_queries: Vectors,
    best: int,
    *,
    own: bool,
) -> NDArray[np.float64]:
    found = []
    for start in range(0, len(my_queries), _BLOCK):
        stop = start + _BLOCK
        ours = _best(mine, my_queries[start:stop], best, start if own else None)
        others = _best(theirs, their_queries[start:stop], best, start if own else None)
        found.append((ours[:, :, None] == others[:, None, :]).any(axis=2).mean(axis=1))
    return np.concatenate(found)


def _best(pictures: Vectors, queries: Vectors, best: int, first: int | None) -> NDArray[np.int64]:
    scores = queries @ pictures.T
    if first is not None:
        rows = np.arange(len(queries))
        scores[rows, first + rows] = -np.inf
    return np.argpartition(-scores, best, axis=1)[:, :best].astype(np.int64)
