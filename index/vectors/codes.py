"""Short codes of vectors in memory, which rate them for a query.

A code is 1 bit for each dimension (64 bytes at 512): the vector is rotated at random, so that
no dimension matters more than another, and each four of its numbers become one of 16 learnt
values (product quantisation, Jegou et al., 2011). FAISS compares 32 codes at a time from a
table in registers (*fast scan*, Andre et al., 2015), which reads a thirty-second of the bytes.

Up to some 300,000 vectors every code is looked at: that loses nothing for text queries, whose
vectors lie apart from those of pictures. Beyond, vectors lie in lists by the nearest of some
centroids, a code is that of the difference to it, and a query looks at the lists whose
centroids are like it. For texts that has to be a quarter of the lists or more, where pictures
would do with a few; but codes of differences are so much better that fewer candidates do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors
from index.vectors.exact import one_thread, ranked

_GROUP = 4
"""Dimensions that share one of 16 values."""

_VALUES = 16

_TRAINED_ON = 16_384
"""Vectors that the 16 values of each group are learnt from: four times FAISS's minimum."""

_A_CENTROID = 64
"""Vectors that a centroid is learnt from: FAISS asks for 39, and more are no better here."""

_ROUNDS = 10
"""Of k-means: FAISS's 25 take longer and find as much."""

_BLOCK = 8192
"""Vectors that are rotated and coded at once: 16 MiB at 512 dimensions."""


class Codes:
    """Codes of n vectors of d dimensions, d a multiple of 4. Thread-safe once it is made."""

    def __init__(self, index: object) -> None:
        """``index``: FAISS's of rotated codes. Raises ValueError where it is something else."""
        self.index = _of_rotated(index)
        self._rotation: Any = faiss.downcast_VectorTransform(self.index.chain.at(0))
        self._quantiser: Any = faiss.downcast_index(self.index.index)
        self._centroids: Vectors | None = None
        if isinstance(self._quantiser, faiss.IndexIVF):
            flat: Any = faiss.downcast_index(self._quantiser.quantizer)
            # A view on FAISS's own memory; it lives as long as the index that is kept here.
            stored = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
            self._centroids = stored.reshape(flat.ntotal, flat.d)

    @classmethod
    def learn(cls, vectors: Vectors, *, lists: int = 0, seed: int = 0) -> Self:
        """Codes of float32 [n, d]; in so many lists, 0 for none.

        Takes some 3 s of one core for 100,000 x 512, 2 of them to learn, and 60 MiB beside the
        codes; for a million in 1,024 lists 40 s and 200 MiB.
        """
        dimension = vectors.shape[1]
        groups = dimension // _GROUP
        rotation = faiss.RandomRotationMatrix(dimension, dimension)
        with one_thread():
            rotation.init(seed)
        quantiser: Any
        if lists:
            # The nearest centroid is that of the smallest difference, which is coded.
            quantiser = faiss.IndexIVFPQFastScan(
                faiss.IndexFlatL2(dimension),
                dimension,
                lists,
                groups,
                4,
                faiss.METRIC_INNER_PRODUCT,
            )
            quantiser.by_residual = True
            quantiser.cp.niter, quantiser.cp.seed = _ROUNDS, seed
            quantiser.cp.max_points_per_centroid = _A_CENTROID
        else:
            quantiser = faiss.IndexPQFastScan(dimension, groups, 4, faiss.METRIC_INNER_PRODUCT)
        index = faiss.IndexPreTransform(rotation, quantiser)
        few = min(len(vectors), max(_TRAINED_ON, _A_CENTROID * lists))
        rng = np.random.default_rng(seed)
        # Sorted, so that the file is read in one direction.
        sample = vectors[np.sort(rng.choice(len(vectors), few, replace=False))]
        with one_thread():
            index.train(sample)
        return cls(_filled(index, vectors))

    def again(self, vectors: Vectors) -> Self:
        """Codes of others by what was learnt for these.

        They fit as long as most vectors are still those.
        """
        index = faiss.clone_index(self.index)
        index.reset()
        return type(self)(_filled(index, vectors))

    @classmethod
    def read(cls, path: Path) -> Self:
        """What :meth:`write` wrote. Raises ValueError where it is something else, OSError."""
        try:
            return cls(faiss.read_index(str(path)))
        except RuntimeError as error:
            raise ValueError(f"{path.name} is no FAISS index") from error

    def write(self, path: Path) -> None:
        """Write them to a file. Raises OSError."""
        try:
            faiss.write_index(self.index, str(path))
        except RuntimeError as error:
            raise OSError(f"{path.name} could not be written") from error

    @property
    def shape(self) -> tuple[int, int]:
        return self.index.ntotal, self.index.d

    @property
    def lists(self) -> int:
        """How many lists they lie in, 0 where every code is looked at."""
        return 0 if self._centroids is None else len(self._centroids)

    def rated(
        self, queries: Vectors, wanted: int, lists: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The ``wanted`` best rows of each query by their codes, best first, with ratings.

        ``queries``: float32 [q, d]. Looks at so many ``lists``, where there are any; rows are -1
        where these hold fewer. Equal vectors are rated alike; a query gets the same ratings
        alone and in a batch. On one core, so that other searches have the others.
        """
        with one_thread():
            # One by one: a product of two matrices rounds otherwise than one with a vector, and
            # a query would be rated otherwise than alone. The codes are compared with integers,
            # those of several queries at once, which halves the time of each.
            rotated = np.concatenate(
                [self._rotation.apply(queries[n : n + 1]) for n in range(len(queries))]
            )
            if self._centroids is None:
                ratings, rows = self._quantiser.search(rotated, wanted)
                return ratings, rows
            ratings = np.empty((len(queries), wanted), dtype=np.float32)
            rows = np.empty((len(queries), wanted), dtype=np.int64)
            for place in range(len(queries)):
                one = slice(place, place + 1)
                self._look_into_lists(
                    self._centroids, rotated[one], min(lists, self.lists), ratings[one], rows[one]
                )
        return ratings, rows

    def _look_into_lists(
        self,
        centroids: Vectors,
        query: Vectors,
        lists: int,
        ratings: NDArray[np.float32],
        rows: NDArray[np.int64],
    ) -> None:
        """Fill the last two, [1, wanted], with what the lists hold that are most like a query."""
        every = np.arange(len(centroids), dtype=np.int64)[None]
        likeness, chosen = (
            np.ascontiguousarray(each) for each in ranked(centroids, query, every, lists)
        )
        how = faiss.IVFSearchParameters()
        how.nprobe = lists
        self._quantiser.search_preassigned_c(
            1,
            faiss.swig_ptr(query),
            rows.shape[1],
            faiss.swig_ptr(chosen),
            faiss.swig_ptr(likeness),
            faiss.swig_ptr(ratings),
            faiss.swig_ptr(rows),
            False,  # rows, not places in lists
            how,
        )


def can_be_coded(vectors: Vectors) -> bool:
    """Whether these, [n, d], can be coded: d is a multiple of 4, and n enough to learn from."""
    return int(vectors.shape[1]) % _GROUP == 0 and len(vectors) >= _VALUES


def in_blocks(vectors: Vectors) -> Iterator[Vectors]:
    """The rows in blocks that fit into memory, in order."""
    for start in range(0, len(vectors), _BLOCK):
        yield vectors[start : start + _BLOCK]


def _of_rotated(index: object) -> Any:
    """The same index; FAISS's types do not know what SWIG adds to its classes."""
    if not isinstance(index, faiss.IndexPreTransform):
        raise ValueError("this is no FAISS index of rotated codes")  # noqa: TRY004 - of a file
    return index


def _filled(index: Any, vectors: Vectors) -> Any:
    with one_thread():
        for block in in_blocks(vectors):
            index.add(block)
    return index
