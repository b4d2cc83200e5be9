"""The rows beside the vectors of a generation: in columns, on the disk, made when looked at.

A million pictures as objects take half a gigabyte and some seconds to make; of most of them a
process never shows one.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Picture
from index.snapshots.columns import MAPPED_FROM, Texts, map_arrays, write_arrays
from index.snapshots.lazy_rows import MadeRows

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
        """The rows of these pictures."""
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
        # The same numbers, so that whoever reads meanwhile may use either.
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
        """The rows of these captions."""
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
