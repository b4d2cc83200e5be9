"""Posts' pictures as they were posted: ``<folder>/<collection>/originals/<id>``, without a suffix.

Each belongs to the upload with its id, and is deleted with it (:mod:`index.library.upload_files`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from index.vectors.durable import sync, write_durably

FOLDER = "originals"
"""Beside the thumbnails of a collection."""


class Originals:
    """Files below ``folder``. Blocking; every method raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._bytes: int | None = None

    def find(self, collection: str, picture_id: str) -> Path | None:
        """The picture as it was posted, None where that is not kept."""
        path = self._path(collection, picture_id)
        return path if path.is_file() else None

    def write(self, collection: str, picture_id: str, data: bytes) -> None:
        """Keep a picture, on the disk once this returns."""
        path = self._path(collection, picture_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, data)
        sync(path.parent)
        self._grow(len(data))

    def delete(self, collection: str, picture_id: str) -> None:
        """Delete it; one that is not there is no error."""
        path = self._path(collection, picture_id)
        with contextlib.suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            self._grow(-size)

    def all(self) -> Iterator[tuple[str, str]]:
        """The collection and the id of each."""
        for home in self._homes():
            for file in _entries(home):
                yield home.parent.name, file.name

    def kept(self) -> tuple[int, int]:
        """How many there are, and how many bytes they take."""
        sizes = [
            entry.stat(follow_symlinks=False).st_size
            for home in self._homes()
            for entry in _entries(home)
        ]
        return len(sizes), sum(sizes)

    def total_bytes(self) -> int:
        """What all take on the disk: counted once, and kept up with what is changed here."""
        with self._guard:
            if self._bytes is None:
                self._bytes = self.kept()[1]
            return self._bytes

    def count_anew(self) -> None:
        """Count again when it is asked for: other processes may have changed something."""
        with self._guard:
            self._bytes = None

    def _grow(self, size: int) -> None:
        with self._guard:
            if self._bytes is not None:
                self._bytes += size

    def _path(self, collection: str, picture_id: str) -> Path:
        return self._folder / collection / FOLDER / picture_id

    def _homes(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as homes:
            for home in homes:
                kept = Path(home.path) / FOLDER
                if kept.is_dir():
                    yield kept


class OriginalRoom:
    """Originals that are kept in one commit, up to what all of them together may take.

    ``most``: in bytes; None keeps none. ``left_out``: for how many there was no room. Raises
    OSError.
    """

    def __init__(self, originals: Originals, most: int | None) -> None:
        self._originals = originals
        self._left = None if most is None else most - originals.total_bytes()
        self.left_out = 0

    def keep(self, collection: str, picture_id: str, data: bytes) -> None:
        if self._left is None or not data:
            return
        if len(data) > self._left:
            self.left_out += 1
            return
        self._left -= len(data)
        self._originals.write(collection, picture_id, data)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries
