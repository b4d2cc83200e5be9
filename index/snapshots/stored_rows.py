"""The rows of a generation beside its vectors: columns in one file, mapped instead of parsed."""

from __future__ import annotations

import mmap
import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, Self, SupportsIndex, overload

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.domain.types import Picture
from index.snapshots.rows import MadeRows

MAPPED_FROM = 1 << 22
"""Files of at least so many bytes are mapped; smaller ones are cheaper to hold in memory."""


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

    A file of ``mapped_from`` bytes or more is read from the disk where it is looked at; it may be
    deleted meanwhile. Raises OSError, and ValueError where it holds anything
    else.
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


_TEXTS = 4
"""Of each picture: id, path, caption, SHA-256, beside each other, as they are read together."""

_SHA256 = 3


class StoredPictures(MadeRows[Picture]):
    """The pictures of a generation. Thread-safe, as nothing changes but what is remembered."""

    def __init__(self, collection: str, arrays: Sequence[NDArray[Any]]) -> None:
        """``arrays`` are those of :meth:`of`. Raises ValueError where they are not."""
        self._collection = collection
        self._use(arrays)
        self._made: list[Picture | None] = [None] * len(self._contents)

    def _use(self, arrays: Sequence[NDArray[Any]]) -> None:
        try:
            starts, sizes, by_id, contents, data = self._arrays = tuple(arrays)
        except ValueError as error:
            raise ValueError("these are no rows of pictures") from error
        self._texts = Texts(starts, data)
        count = len(contents)
        if [len(self._texts), sizes.shape, by_id.shape, contents.shape] != [
            _TEXTS * count,
            (count, 2),
            (count,),
            (count,),
        ]:
            raise ValueError("the rows of pictures differ in number")
        self._sizes, self._by_id, self._contents = sizes, by_id, contents

    @classmethod
    def of(cls, collection: str, pictures: Sequence[Picture]) -> Self:
        texts = Texts.of(
            chain.from_iterable(
                (each.id, each.path, each.caption, each.sha256) for each in pictures
            )
        )
        sizes = np.array([(each.width, each.height) for each in pictures], dtype=np.int64)
        by_id = sorted(range(len(pictures)), key=lambda row: pictures[row].id)
        starts, data = texts.arrays
        contents = np.array([_key(each.sha256) for each in pictures], dtype=np.uint32)
        rows = np.array(by_id, dtype=np.int64)
        return cls(collection, (starts, sizes.reshape(-1, 2), rows, contents, data))

    @classmethod
    def read(cls, path: Path, collection: str, mapped_from: int = MAPPED_FROM) -> Self:
        """What :meth:`write` wrote. Raises OSError, ValueError."""
        return cls(collection, map_arrays(path, mapped_from))

    def write(self, path: Path) -> None:
        """Write the rows, which are read from there from now on. Raises OSError."""
        write_arrays(path, self._arrays)
        # The same numbers, so that a concurrent reader may use either.
        self._use(map_arrays(path))

    def __len__(self) -> int:
        return len(self._made)

    def row_of(self, picture_id: str) -> int | None:
        """The row of the picture with this id, None where there is none."""
        place = bisect_left(self._by_id, picture_id, key=self._id)
        if place == len(self) or self._id(row := int(self._by_id[place])) != picture_id:
            return None
        return row

    def rows_of(self, contents: Collection[str]) -> NDArray[np.int64]:
        """The rows of the pictures with these contents (SHA-256), ascending: int64 [n]."""
        if not contents:
            return np.empty(0, dtype=np.int64)
        keys = np.array([_key(each) for each in contents], dtype=np.uint32)
        likely = np.flatnonzero(np.isin(self._contents, keys)).tolist()
        rows = [row for row in likely if self._texts[_TEXTS * row + _SHA256] in contents]
        return np.array(rows, dtype=np.int64)

    def _id(self, row: int) -> str:
        return self._texts[_TEXTS * int(row)]

    def _at(self, row: int) -> Picture:
        found = self._made[row]
        if found is None:
            texts, first = self._texts, _TEXTS * row
            width, height = self._sizes[row].tolist()
            found = self._made[row] = Picture(
                texts[first],
                self._collection,
                texts[first + 1],
                texts[first + 2],
                texts[first + _SHA256],
                width,
                height,
            )
        return found


class StoredCaptions(MadeRows[tuple[str, int]]):
    """The captions of a generation, each with the row of its picture. Thread-safe.

    ``owners``: these rows alone, int64 [captions].
    """

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        """``arrays`` are those of :meth:`of`. Raises ValueError where they are not."""
        self._use(arrays)

    def _use(self, arrays: Sequence[NDArray[Any]]) -> None:
        try:
            starts, self.owners, data = self._arrays = tuple(arrays)
        except ValueError as error:
            raise ValueError("these are no rows of captions") from error
        self.texts = Texts(starts, data)
        if self.owners.shape != (len(self.texts),):
            raise ValueError("the rows of captions differ in number")

    @classmethod
    def of(cls, captions: Iterable[tuple[str, int]]) -> Self:
        captions = list(captions)
        starts, data = Texts.of(text for text, _ in captions).arrays
        return cls((starts, np.array([row for _, row in captions], dtype=np.int64), data))

    @classmethod
    def read(cls, path: Path, mapped_from: int = MAPPED_FROM) -> Self:
        """What :meth:`write` wrote. Raises OSError, ValueError."""
        return cls(map_arrays(path, mapped_from))

    def write(self, path: Path) -> None:
        """Write the rows, which are read from there from now on. Raises OSError."""
        write_arrays(path, self._arrays)
        self._use(map_arrays(path))

    def __len__(self) -> int:
        return len(self.owners)

    def _at(self, row: int) -> tuple[str, int]:
        return self.texts[row], int(self.owners[row])


def _key(sha256: str) -> int:
    """A number that tells most contents apart, so that few are compared letter by letter."""
    return zlib.crc32(sha256.encode("utf-8", "surrogatepass"))
