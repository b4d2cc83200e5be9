"""Vector search against FAISS's exact index as it comes, at two sizes (``million``: a third)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from itertools import count

import faiss
import numpy as np

from bench.clip_like import DIMENSION, clip_like
from bench.comparison import Comparison, Timed, timed
from core.domain.types import Vectors
from index.vectors.choose import StoredIndex, choose_index
from index.vectors.tuning import IndexRules

_K = 10
_TEXTS = 1024
_SIZES = (20_000, 100_000)
_BATCHES = (1, 16, 64)

_AS_IT_COMES = 128_000
"""FAISS's own ``distance_compute_blas_threshold``, which our index changes."""


@lru_cache(maxsize=1)
def searched(rows: int) -> tuple[StoredIndex, faiss.IndexFlatIP, Vectors]:
    """Our index as a collection of this size gets it, FAISS's, and texts to ask for.

    Half of the texts are the captions that ours is tuned on; the others are returned.
    """
    pictures, texts = clip_like(rows, _TEXTS)
    ours = choose_index(pictures, texts[: _TEXTS // 2], IndexRules())
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(pictures)
    return ours, flat, texts[_TEXTS // 2 :]


def recall(rows: int) -> tuple[str, float]:
    """The engine, and the share of the true ten best that it finds for texts it has not seen."""
    ours, flat, texts = searched(rows)
    found, true = ours.search(texts, _K)[1], flat.search(texts, _K)[1]
    share = np.mean([np.isin(t, f).mean() for t, f in zip(true, found, strict=True)])
    return ours.kind, float(share)


def _against_flat(
    rows: int, batch: int
) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        ours, flat, texts = searched(rows)
        if batch == 1:
            kind, share = recall(rows)
            how = f" ({tuned})" if (tuned := getattr(searched(rows)[0], "tuned", None)) else ""
            print(f"{rows:,} x {DIMENSION}: {kind}{how}, recall@{_K} {share:.4f} on unseen texts")
        # Both sides take the same queries, others in each turn: one asked again is cached.
        turns = {"ours": count(), "theirs": count()}

        def queries(side: str) -> Vectors:
            start = next(turns[side]) * batch % (len(texts) - batch + 1)
            return texts[start : start + batch]

        def theirs() -> None:
            faiss.cvar.distance_compute_blas_threshold = _AS_IT_COMES
            flat.search(queries("theirs"), _K)

        yield timed(lambda: ours.search(queries("ours"), _K)), timed(theirs)

    return prepare


def comparisons(rows: int, batches: Sequence[int] = _BATCHES) -> tuple[Comparison, ...]:
    """Lines for a collection of this size, for so many queries at once."""
    return tuple(
        Comparison(
            f"{batch} {'query' if batch == 1 else 'queries'} over {rows:,} x {DIMENSION}, k = {_K}",
            "our index",
            "FAISS Flat as it comes",
            "a call",
            _against_flat(rows, batch),
        )
        for batch in batches
    )


COMPARISONS = tuple(line for rows in _SIZES for line in comparisons(rows))
