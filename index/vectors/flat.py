"""Exact search with FAISS: every vector is compared with the query."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors
from index.vectors.exact import check_queries, laid_out, nearest


class FlatIndex:
    """Nearest neighbours by inner product, exact: the VectorIndex port on FAISS's kernels.

    The same query gets the same answer alone and in a batch, and equal scores keep the lower
    row first (:mod:`index.vectors.exact`). Thread-safe, as nothing changes after construction.
    """

    kind = "exact"
    recall: float | None = None
    """Nothing is measured where nothing is left out."""

    def __init__(self, vectors: Vectors) -> None:
        """``vectors``: as :func:`index.vectors.exact.laid_out` gives them."""
        self._vectors = vectors

    @classmethod
    def build(cls, dimension: int, blocks: Iterable[Vectors]) -> Self:
        """An index of these vectors, given in blocks of float32 [n, dimension]."""
        return cls(laid_out(dimension, list(blocks)))

    @classmethod
    def load(cls, path: Path, dimension: int) -> Self:
        """The index that :meth:`save` wrote.

        Raises ValueError where the file holds something else; the caller checks its
        checksum first, as FAISS trusts the lengths that a file states.
        """
        try:
            # Mapped, as it is copied to where it lies better: it is not held twice.
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise ValueError(f"{path.name} is no FAISS index") from error
        if not isinstance(index, faiss.IndexFlat) or index.d != dimension:
            raise ValueError(f"{path.name} is no exact index of {dimension} dimensions")
        # Bytes, as in the file they begin at an odd place.
        stored = faiss.rev_swig_ptr(index.codes.data(), index.codes.size())
        return cls(laid_out(dimension, [stored.view(np.float32).reshape(index.ntotal, dimension)]))

    def save(self, path: Path) -> None:
        """Write the index to a file; takes its memory a second time meanwhile. Raises OSError."""
        index = faiss.IndexFlatIP(self.dimension)
        index.add(self._vectors)
        try:
            faiss.write_index(index, str(path))
        except RuntimeError as error:
            # FAISS raises its own kind for a full disk; the caller knows OSError.
            raise OSError(f"{path.name} could not be written") from error

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        queries = check_queries(queries, self.dimension)
        return nearest(self._vectors, queries, max(0, min(k, len(self))))

    def reconstruct(self, rows: NDArray[np.int64]) -> Vectors:
        return self._vectors[checked_rows(rows)]


def checked_rows(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """These rows. Raises IndexError for a negative one, which numpy would count from the end."""
    wanted = np.asarray(rows, dtype=np.int64)
    if wanted.size and wanted.min() < 0:
        raise IndexError("rows count from 0")
    return wanted
