"""Approximate search: short codes in memory choose candidates, full vectors decide.

A code is 1 bit for each dimension (64 bytes at 512): the vector is rotated at random, so that
no dimension matters more than another, and each four of its numbers become one of 16 learnt
values (product quantisation, Jegou et al., 2011). FAISS compares 32 codes at a time from a
table in registers (*fast scan*, Andre et al., 2015), which reads a thirty-second of the bytes.
Every code is looked at: unlike an inverted file this loses nothing for text queries, whose
vectors lie apart from those of pictures. The full vectors stay in a mapped file, of which
only the candidates are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from core.types import Vectors
from index.exact import best_of, check_queries, nearest, one_thread
from index.flat_index import chosen
from index.vector_file import map_vectors, write_vectors

VECTORS = ".vectors"
TUNING = ".json"
"""What stands beside ``<name>.faiss``, the codes: the full vectors, and how to search."""

_GROUP = 4
"""Dimensions that share one of 16 values."""

_VALUES = 16

_TRAINED_ON = 16_384
"""Vectors that the 16 values of each group are learnt from: four times FAISS's minimum."""

_BLOCK = 8192
"""Vectors that are rotated and coded at once: 16 MiB at 512 dimensions."""

_PER_HIT = 8
"""Candidates for each hit that is asked for, where that is more than the tuned number."""

_GROWTH = 4

_TOGETHER = 64
"""Queries that are compared with the codes at once: 3 MiB of candidates at 2,048 each."""


def fits(vectors: Vectors) -> bool:
    """Whether these, [n, d], can be coded: d is a multiple of 4, and n enough to learn from."""
    return int(vectors.shape[1]) % _GROUP == 0 and len(vectors) >= _VALUES


@dataclass(frozen=True, slots=True)
class Tuned:
    """How an index is searched: ``candidates`` of each query are compared in full.

    ``recall``: the share of the true ten best that were found so, measured on queries of the
    collection itself.
    """

    candidates: int
    recall: float


class CompactIndex:
    """The VectorIndex port on codes with a mapped file of vectors behind them.

    Scores are exact; a row may be missing, as often as :attr:`recall` says. As many rows are
    found as are asked for. The same query gets the same answer alone and in a batch, and
    equal scores keep the lower row first. Thread-safe.
    """

    kind = "compact"

    def __init__(self, codes: Any, vectors: Vectors, tuned: Tuned) -> None:
        """``codes``: a FAISS index of as many rows as ``vectors``, float32 [n, d]."""
        if (codes.ntotal, codes.d) != vectors.shape:
            raise ValueError(f"{codes.ntotal} codes for {len(vectors)} vectors")
        self._codes = codes
        self._rotation = faiss.downcast_VectorTransform(codes.chain.at(0))
        self._quantiser = faiss.downcast_index(codes.index)
        self._vectors = vectors
        self.tuned = tuned

    @classmethod
    def load(cls, path: Path, dimension: int) -> Self:
        """The index that :meth:`save` wrote.

        Raises ValueError where a file holds something else (checksums are compared before),
        OSError where one is missing.
        """
        try:
            codes = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path.name} is no FAISS index") from error
        if not isinstance(codes, faiss.IndexPreTransform):
            raise ValueError(f"{path.name} is no FAISS index of rotated codes")  # noqa: TRY004 - a file
        tuned = json.loads(path.with_suffix(TUNING).read_bytes())
        try:
            return cls(codes, map_vectors(path.with_suffix(VECTORS), dimension), Tuned(**tuned))
        except TypeError as error:
            raise ValueError(f"{path.with_suffix(TUNING).name} says something else") from error

    def save(self, path: Path) -> None:
        """Write the codes to ``path``, the rest beside it. Raises OSError."""
        try:
            faiss.write_index(self._codes, str(path))
        except RuntimeError as error:
            raise OSError(f"{path.name} could not be written") from error
        path.with_suffix(TUNING).write_text(json.dumps(asdict(self.tuned)), encoding="utf-8")
        write_vectors(path.with_suffix(VECTORS), self._vectors)
        # From now on this file is the one that is read, and the temporary one goes: the same
        # numbers, so that a search under way may use either.
        self._vectors = map_vectors(path.with_suffix(VECTORS), self.dimension)

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def codes(self) -> Any:
        """The FAISS index of the codes, not to be changed."""
        return self._codes

    @property
    def dimension(self) -> int:
        """The length of every vector."""
        return int(self._vectors.shape[1])

    @property
    def recall(self) -> float:
        """The share of the true ten best that it finds, as measured when it was built."""
        return self.tuned.recall

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The ``min(k, len)`` best rows of each query, best first: scores and row numbers.

        ``queries``: float32 [n, dimension], rows of length 1. Scores lie in [-1, 1]; equal
        ones keep the lower row first. Raises ValueError for another shape.
        """
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
        """The stored vectors of these rows: float32 [n, dimension]. Raises IndexError."""
        return chosen(self._vectors, rows)

    def _some(
        self, queries: Vectors, k: int, wanted: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best ``k`` of a few queries, of ``wanted`` candidates each or more."""
        if wanted * _GROWTH >= len(self):
            return nearest(self._vectors, queries, k)
        rough, candidates = self._rated(queries, wanted)
        scores, rows = best_of(self._vectors, queries, np.maximum(candidates, 0), k)
        for place in range(len(queries)):
            # Equal vectors have equal codes. Where the last candidate is rated as high as
            # a hit, others of that rating were cut off, and one may be a better hit.
            last = candidates[place][rough[place] == rough[place, -1]]
            if last.min() < 0 or np.isin(rows[place], last).any():
                query = queries[place : place + 1]
                more = self._some(query, k, _GROWTH * wanted)
                scores[place], rows[place] = more[0][0], more[1][0]
        return scores, rows

    def _rated(
        self, queries: Vectors, wanted: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The ``wanted`` best rows of each query by their codes, best first, with ratings."""
        # One by one: a product of two matrices rounds otherwise than one with a vector, and
        # a query would be rated otherwise than alone. The codes are compared with integers,
        # those of several queries at once, which halves the time of each.
        rotated = np.concatenate(
            [self._rotation.apply(queries[n : n + 1]) for n in range(len(queries))]
        )
        rough, candidates = self._quantiser.search(rotated, wanted)
        return rough, candidates


def make_codes(vectors: Vectors, *, like: Any = None, seed: int = 0) -> Any:
    """Codes of float32 [n, d], d a multiple of 4: a FAISS index that returns row numbers.

    ``like``: codes of which the learnt values are taken over, for as many dimensions; they fit
    as long as most vectors are still those. Takes some 5 s for 100,000 x 512, 2 of them to
    learn, and 60 MiB beside the codes themselves. On one core, so that searches have the
    others meanwhile.
    """
    if like is not None:
        codes = faiss.clone_index(like)
        codes.reset()
        with one_thread():
            for block in in_blocks(vectors):
                codes.add(block)
        return codes
    dimension = vectors.shape[1]
    rotation = faiss.RandomRotationMatrix(dimension, dimension)
    rotation.init(seed)
    quantiser = faiss.IndexPQFastScan(dimension, dimension // _GROUP, 4, faiss.METRIC_INNER_PRODUCT)
    codes = faiss.IndexPreTransform(rotation, quantiser)
    rng = np.random.default_rng(seed)
    few = min(len(vectors), _TRAINED_ON)
    # Sorted, so that the file is read in one direction.
    sample = vectors[np.sort(rng.choice(len(vectors), few, replace=False))]
    with one_thread():
        codes.train(sample)
        for block in in_blocks(vectors):
            codes.add(block)
    return codes


def in_blocks(vectors: Vectors) -> Iterator[Vectors]:
    """The rows in blocks that fit into memory, in order."""
    for start in range(0, len(vectors), _BLOCK):
        yield vectors[start : start + _BLOCK]
