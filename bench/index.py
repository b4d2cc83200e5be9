"""Exact search: the FAISS index against numpy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bench.comparison import Comparison, Timed, timed
from index.flat_index import FlatIndex

_ROWS, _DIMENSION, _K = 100_000, 512, 10


@contextmanager
def _faiss_against_numpy() -> Iterator[tuple[Timed, Timed]]:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(_ROWS, _DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[:1] + 0.1 * vectors[1:2]
    query /= np.linalg.norm(query)
    index = FlatIndex.build(_DIMENSION, [vectors])

    def plain() -> object:
        scores = vectors @ query[0]
        best = np.argpartition(-scores, _K)[:_K]
        return best[np.argsort(-scores[best])]

    yield timed(lambda: index.search(query, _K)), timed(plain)


COMPARISONS = (
    Comparison(
        f"one query over {_ROWS:,} x {_DIMENSION}, k = {_K}",
        "our index",
        "numpy",
        "a query",
        _faiss_against_numpy,
    ),
)
