"""Approximate search: short codes in memory choose candidates, full vectors decide.

The codes (:mod:`index.vectors.codes`) say which vectors may be near to a query. The full vectors
stay in a mapped file, of which only these candidates are read.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors
from index.vectors.codes import Codes
from index.vectors.exact import check_queries, nearest, one_thread, ranked
from index.vectors.flat import checked_rows
from index.vectors.mapped import VECTORS, map_vectors, write_vectors

TUNING = ".json"
"""What tells how to search, beside the codes and the full vectors."""

_PER_HIT = 8
"""Candidates for each hit that is asked for, where that is more than the tuned number."""

_GROWTH = 4

_TOGETHER = 64
"""Queries that are compared with the codes at once: 3 MiB of candidates at 2,048 each."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """How an index is searched: ``candidates`` of each query are compared in full.

    ``recall``: the share of the true ten best that were found so, measured on queries of the
    collection itself. ``lists``: how many a query looks at, where the codes lie in lists.
    """

    candidates: int
    recall: float
    lists: int = 0


class CompactIndex:
    """The VectorIndex port on codes with a mapped file of vectors behind them.

    Scores are exact; a row may be missing, as often as :attr:`recall` says. As many rows are
    found as are asked for. The same query gets the same answer alone and in a batch, and
    equal scores keep the lower row first. Thread-safe.
    """

    kind = "compact"

    def __init__(self, codes: Codes, vectors: Vectors, tuned: Tuned) -> None:
        """``codes``: those of the ``vectors``, [n, d]. Raises ValueError for those of others."""
        if codes.shape != vectors.shape:
            raise ValueError(f"{codes.shape[0]} codes for {len(vectors)} vectors")
        self.codes = codes
        self._vectors = vectors
        self.tuned = tuned

    @classmethod
    def load(cls, path: Path, dimension: int) -> Self:
        """The index that :meth:`save` wrote.

        Raises ValueError where a file holds something else (checksums are compared before),
        OSError where one is missing.
        """
        codes = Codes.read(path)
        tuned = json.loads(path.with_suffix(TUNING).read_bytes())
        try:
            vectors = map_vectors(path.with_suffix(VECTORS), dimension)
            return cls(codes, vectors, Tuned(**tuned))
        except TypeError as error:
            raise ValueError(f"{path.with_suffix(TUNING).name} says something else") from error

    def save(self, path: Path) -> None:
        """Write the codes to ``path``, the rest beside it. Raises OSError."""
        self.codes.write(path)
        path.with_suffix(TUNING).write_text(json.dumps(asdict(self.tuned)), encoding="utf-8")
        write_vectors(path.with_suffix(VECTORS), self._vectors)
        # From now on this file is the one that is read, and the temporary one goes: the same
        # numbers, so that a search under way may use either.
        self._vectors = map_vectors(path.with_suffix(VECTORS), self.dimension)

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    @property
    def recall(self) -> float:
        """The share of the true ten best that it finds, as measured when it was built."""
        return self.tuned.recall

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        queries = check_queries(queries, self.dimension)
        k = max(0, min(k, len(self)))
        wanted = max(self.tuned.candidates, _PER_HIT * k)
        if wanted * _GROWTH >= len(self) or k == 0:
            # Comparing every vector is as cheap, and finds all.
            return nearest(self._vectors, queries, k)
        scores = np.empty((len(queries), k), dtype=np.float32)
        rows = np.empty((len(queries), k), dtype=np.int64)
        with one_thread():
            for start in range(0, len(queries), _TOGETHER):
                part = slice(start, start + _TOGETHER)
                scores[part], rows[part] = self._some(queries[part], k, wanted)
        return scores, rows

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        return self._vectors[checked_rows(rows)]

    def _some(
        self, queries: Vectors, k: int, wanted: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best ``k`` of a few queries, of ``wanted`` candidates each or more."""
        if wanted * _GROWTH >= len(self):
            return nearest(self._vectors, queries, k)
        # The more candidates, the more lists they are in.
        lists = -(-self.tuned.lists * wanted // self.tuned.candidates)
        rough, candidates = self.codes.rated(queries, wanted, lists)
        # Each with a bit that says whether it is rated as the last one, then by row.
        keyed = np.sort(2 * candidates + (rough == rough[:, -1:]), axis=1)
        candidates, last = np.maximum(keyed >> 1, 0), keyed & 1
        scores, places = ranked(self._vectors, queries, candidates, k)
        rows = np.take_along_axis(candidates, places, axis=1)
        # Equal vectors have equal codes. Where the last candidate is rated as high as a hit,
        # others of that rating were cut off, and one may be a better hit. Where there are too
        # few candidates, those that are none are rated alike, too, and the last.
        cut_off = np.take_along_axis(last, places, axis=1).any(axis=1)
        for place in np.flatnonzero(cut_off):
            query = queries[place : place + 1]
            more = self._some(query, k, _GROWTH * wanted)
            scores[place], rows[place] = more[0][0], more[1][0]
        return scores, rows
