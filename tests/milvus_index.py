"""A set in a real Milvus as a VectorIndex, used as the product uses it.

Milvus gives candidates by their numbers alone. Scores are exact products with the truth, and order
is by them, equal ones by row. What it does otherwise than an index in memory, on purpose:

- What was written is searched some seconds later (bounded consistency), so that building waits.
- It is asked for as many candidates as a question is (256 at least), and may miss some of the best
  in large sets: ``tests/index/vectors/test_milvus.py`` holds how many.
- It refuses to be asked for none, and for more than :data:`index.vectors.milvus.MOST`.
- Vectors come from the database, not from it.
"""

from __future__ import annotations

import secrets
import time

import numpy as np
from numpy.typing import NDArray

from core.domain.types import ModelIdentity, Vectors
from index.vectors.milvus import MOST, MilvusEngine

_CANDIDATES = 256
_SEEN_S = 30.0


class MilvusIndex:
    """Vectors, float32 [n, d], in a set with a name of its own."""

    def __init__(self, engine: MilvusEngine, vectors: Vectors) -> None:
        self._engine = engine
        self._vectors = vectors
        self.name = f"contract_{secrets.token_hex(6)}"
        engine.make(self.name, ModelIdentity("contract", "c" * 64, vectors.shape[1]))
        if len(vectors):
            engine.write(self.name, np.arange(len(vectors)), vectors, again=False)
            self._wait()

    def _wait(self) -> None:
        # It tells nobody when it has taken in what was written.
        until, count = time.monotonic() + _SEEN_S, len(self._vectors)
        while len(self._engine.nearest(self.name, self._vectors[:1], count)[0]) < count:
            assert time.monotonic() < until, "what was written is not searched"
            time.sleep(0.05)

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, NDArray[np.int64]]:
        """See :class:`core.domain.ports.VectorIndex`."""
        k = min(k, len(self))
        if not k:
            none = np.empty((len(queries), 0), dtype=np.float32)
            return none, none.astype(np.int64)
        wanted = min(MOST, max(_CANDIDATES, 2 * k))
        candidates = self._engine.nearest(self.name, queries, wanted)
        rows = np.empty((len(queries), k), dtype=np.int64)
        scores = np.empty((len(queries), k), dtype=np.float32)
        for place, (query, found) in enumerate(zip(queries, candidates, strict=True)):
            known = np.sort(found)
            exact = np.einsum("nd,d->n", self._vectors[known], query)
            best = np.argsort(-exact, kind="stable")[:k]
            rows[place], scores[place] = known[best], exact[best]
        return scores, rows

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        """See :class:`core.domain.ports.VectorIndex`."""
        return self._vectors[rows]
