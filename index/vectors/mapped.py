"""Vectors in a file that is mapped into memory: the system keeps what is read of it.

A file of a million vectors takes seconds to compare with a checksum. It has one for each of its
blocks instead, and no block is used before it was compared.
"""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import CatalogueError
from core.domain.types import Vectors
from index.vectors.durable import BlockSums

_STORED = np.dtype("<f4")
_BLOCK = 1 << 16
"""Bytes of a block, or as many rows as fit: a search compares those that its candidates lie in,
35 µs each, the first time that it comes there."""


class CheckedVectors:
    """Vectors, float32 [n, d], of which no row is handed out before its block was compared.

    Thread-safe: two that come to a block at the same time both compare it.
    """

    def __init__(self, vectors: Vectors, sums: BlockSums | None = None) -> None:
        """``sums``: of each block; None where nothing is doubted.

        Raises ValueError where they are those of more or fewer vectors.
        """
        self._vectors = vectors
        self._rows = rows_of_a_block(vectors.shape[1])
        self._digests: Sequence[bytes] = () if sums is None else sums.digests
        blocks = -(-len(vectors) // self._rows)
        if sums is not None and (len(sums.digests), sums.block) != (
            blocks,
            self._rows * vectors.shape[1] * _STORED.itemsize,
        ):
            raise ValueError(f"{len(sums.digests)} checksums for {blocks} blocks of vectors")
        self._known = np.full(blocks, sums is None)
        self._whole = sums is None
        self.damaged = False

    @classmethod
    def map(cls, path: Path, dimension: int, *, checked: bool) -> Self:
        """What :func:`write_vectors` wrote, read where it is looked at.

        ``checked``: every block of it was compared just now. The file may be deleted
        meanwhile. Raises OSError, and ValueError where the size is wrong.
        """
        return cls(map_vectors(path, dimension), None if checked else BlockSums.read(path))

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def known(self) -> bool:
        """Whether every block was compared."""
        return self._whole

    @property
    def shape(self) -> tuple[int, int]:
        """Vectors and dimensions."""
        return self._vectors.shape[0], self._vectors.shape[1]

    def at(self, rows: NDArray[np.int64]) -> Vectors:
        """All vectors, of which these rows, from 0 on, may be read.

        Raises CatalogueError where one of their blocks is damaged, IndexError where there is
        no such row.
        """
        if not self._whole:
            blocks = rows // self._rows
            self._compare(np.unique(blocks[~self._known[blocks]]))
        return self._vectors

    def all(self) -> Vectors:
        """All vectors, every block of which was compared. Raises CatalogueError."""
        while self.compare_next(len(self._known)):
            pass
        return self._vectors

    def compare_next(self, count: int) -> bool:
        """Compare so many blocks that nobody has read yet; whether there may be more.

        Raises CatalogueError where one is damaged.
        """
        if not self._whole:
            self._compare(np.flatnonzero(~self._known)[:count])
            self._whole = bool(self._known.all())
        return not self._whole

    def _compare(self, blocks: NDArray[np.int64]) -> None:
        for block in blocks.tolist():
            rows = self._vectors[block * self._rows : (block + 1) * self._rows]
            if hashlib.sha256(rows.data).digest() != self._digests[block]:
                self.damaged = True
                raise CatalogueError(
                    "A part of the index is damaged; it is made anew from the catalogue.",
                    remedy="Ask again in a moment.",
                )
            self._known[block] = True


def rows_of_a_block(dimension: int) -> int:
    """How many vectors share a checksum."""
    return max(1, _BLOCK // (dimension * _STORED.itemsize))


def spilled(dimension: int, blocks: Iterable[Vectors], folder: Path | None) -> Vectors:
    """Blocks of float32 [n, dimension] as one read-only matrix that costs no memory of its own.

    They lie in a file without a name in ``folder`` (or wherever the system keeps temporary
    files, where it cannot be written): whatever kills this process, nothing is left of it.
    Raises OSError.
    """
    with _nameless(folder) as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=_STORED).data)
        file.flush()
        return _mapped(file, dimension)


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Write them as they lie in memory: float32 in rows, little-endian; their sums beside it.

    Nobody may write to the file again: whoever has it mapped would read that, and where it
    was made shorter would be ended by the system (SIGBUS). To replace it, delete it first.
    Raises OSError.
    """
    rows = rows_of_a_block(vectors.shape[1])
    digests = []
    with path.open("wb") as file:
        for start in range(0, len(vectors), rows):
            block = np.ascontiguousarray(vectors[start : start + rows], dtype=_STORED)
            file.write(block.data)
            digests.append(hashlib.sha256(block.data).digest())
    path.chmod(0o400)
    BlockSums(rows * vectors.shape[1] * _STORED.itemsize, digests).write(path)


def map_vectors(path: Path, dimension: int) -> Vectors:
    """What :func:`write_vectors` wrote, float32 [n, dimension], read where it is looked at.

    The file may be deleted meanwhile. Raises OSError, and ValueError where the size is wrong.
    """
    with path.open("rb") as file:
        return _mapped(file, dimension)


def _mapped(file: BinaryIO, dimension: int) -> Vectors:
    size = file.seek(0, 2)
    if size % (dimension * _STORED.itemsize):
        raise ValueError(f"{size} bytes are no vectors of {dimension} dimensions")
    if size == 0:
        return np.empty((0, dimension), dtype=np.float32)
    held = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    # The few rows that a search looks at lie far apart: reading on behind each is in vain.
    held.madvise(mmap.MADV_RANDOM)
    return np.frombuffer(held, dtype=_STORED).reshape(-1, dimension)


def _nameless(folder: Path | None) -> BinaryIO:
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError:
        return tempfile.TemporaryFile()
