"""Vectors in a file that is mapped into memory: the system keeps what is read of it."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.domain.types import Vectors

VECTORS = ".vectors"
"""How the name of such a file ends."""

_STORED = np.dtype("<f4")
_ROWS = 4096
"""Vectors written at once: 8 MiB of 512 dimensions."""


def spilled(dimension: int, blocks: Iterable[Vectors], folder: Path | None) -> Vectors:
    """Blocks of float32 [n, dimension] as one read-only matrix that costs no memory of its own.

    They lie in a file without a name in ``folder`` (or wherever the system keeps temporary
    files, where it cannot be written), so that nothing is left when the process is killed.
    Raises OSError.
    """
    with _nameless(folder) as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=_STORED).data)
        file.flush()
        return _mapped(file, dimension)


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Write them as they lie in memory: float32 in rows, little-endian.

    Nobody may write to the file again: whoever has it mapped would read that, and where it
    was made shorter would be ended by the system (SIGBUS). To replace it, delete it first.
    Raises OSError.
    """
    with path.open("wb") as file:
        for start in range(0, len(vectors), _ROWS):
            file.write(np.ascontiguousarray(vectors[start : start + _ROWS], dtype=_STORED).data)
    path.chmod(0o400)


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
    # A search reads a few rows that lie far apart: read-ahead would be wasted.
    held.madvise(mmap.MADV_RANDOM)
    return np.frombuffer(held, dtype=_STORED).reshape(-1, dimension)


def _nameless(folder: Path | None) -> BinaryIO:
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError:
        return tempfile.TemporaryFile()
