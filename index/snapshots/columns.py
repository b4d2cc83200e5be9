"""Rows as columns: arrays behind each other in one file, mapped instead of parsed."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Self, SupportsIndex, overload

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

MAPPED_FROM = 1 << 22
"""Bytes from which a file is mapped: what is smaller costs less to keep than to look after."""


def write_arrays(path: Path, arrays: Iterable[NDArray[Any]]) -> None:
    """Write arrays behind each other, each as ``numpy.save`` does. Raises OSError.

    Those of larger numbers come first, or the ones behind are not aligned. Nobody may write to
    the file again: whoever has it mapped would read that.
    """
    with path.open("wb") as file:
        for each in arrays:
            array = np.ascontiguousarray(each)
            npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
            # Not by numpy, which does not notice that a disk is full where few bytes are left.
            file.write(array.data)
    path.chmod(0o400)


def map_arrays(path: Path, mapped_from: int = MAPPED_FROM) -> list[NDArray[Any]]:
    """What :func:`write_arrays` wrote, read-only.

    A file of ``mapped_from`` bytes or more is read from the disk where it is looked at; it may
    be deleted meanwhile. Raises OSError, and ValueError where it holds anything else.
    """
    if path.stat().st_size < mapped_from:
        data = path.read_bytes()
        return list(_arrays(BytesIO(data), data))
    with path.open("rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return list(_arrays(held, held))


def _arrays(file: BytesIO | mmap.mmap, data: bytes | mmap.mmap) -> Iterator[NDArray[Any]]:
    while file.tell() < len(data):
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
        if dtype.hasobject:
            raise ValueError("there are objects among the numbers")
        count = int(np.prod(shape, dtype=np.int64))
        start = file.tell()
        yield np.frombuffer(data, dtype, count, start).reshape(shape)
        file.seek(start + count * dtype.itemsize)


class Texts(Sequence[str]):
    """Texts as UTF-8 behind each other; one is decoded when it is asked for."""

    def __init__(self, starts: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        """``starts``: where each begins in ``data``, and where the last one ends: [n + 1].

        Raises ValueError where the two do not belong together.
        """
        kinds = starts.dtype == np.int64, data.dtype == np.uint8, starts.ndim == data.ndim == 1
        if not all(kinds) or not len(starts) or (starts[0], starts[-1]) != (0, len(data)):
            raise ValueError("these are no texts")
        self.arrays = starts, data
        # A number out of these takes a third of what one out of an array does.
        self._starts, self._data = starts.data, data.data

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """These texts; halves of surrogate pairs, as in names of files, come back as they are."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        starts = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(each) for each in encoded], out=starts[1:])
        return cls(starts, np.frombuffer(b"".join(encoded), dtype=np.uint8))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, row: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...

    def __getitem__(self, row: SupportsIndex | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        row = row.__index__()
        if row < 0:
            row += len(self)
        if row < 0:
            raise IndexError("there is no such text")
        place = self._data[self._starts[row] : self._starts[row + 1]]
        return str(place, "utf-8", "surrogatepass")
