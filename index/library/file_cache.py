"""Files on the disk that can be fetched again: what was not used for longest goes first."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

from index.vectors.durable import write_durably

_PART = ".part"
_AFTER_CLEANING = 0.9
"""Of the most bytes, how many are left once it is full: each cleaning makes room for a while."""
_FRESH_S = 60.0
"""A use so shortly after another one is not written down."""


class FileCache:
    """Files below ``folder``, of ``max_bytes`` together. Blocking, thread-safe; raises OSError.

    Those whose names begin with a dot are not looked at.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._guard = threading.Lock()
        self._bytes: int | None = None

    def holds(self, path: Path) -> bool:
        """Whether it is there; that counts as a use."""
        try:
            if time.time() - path.stat().st_mtime > _FRESH_S:
                os.utime(path)
        except OSError:
            return False
        return True

    def put(self, path: Path, data: bytes) -> None:
        """Keep a file, in one step; others may have to go."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}{_PART}")
        try:
            write_durably(part, data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        with self._guard:
            if self._bytes is None:
                self._bytes = sum(size for _, size, _ in self._files())
            else:
                self._bytes += len(data)
            if self._bytes > self._max_bytes:
                self._clean(path)

    def drop(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def paths(self) -> Collection[Path]:
        return [path for _, _, path in self._files()]

    def _clean(self, newest: Path) -> None:
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= self._max_bytes * _AFTER_CLEANING:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                left -= size
        self._bytes = left

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each was used last, its bytes, and where it is."""
        for root, folders, names in os.walk(self._folder):
            folders[:] = [each for each in folders if not each.startswith(".")]
            for name in names:
                if name.startswith("."):
                    continue
                path = Path(root) / name
                try:
                    found = path.stat()
                except FileNotFoundError:
                    continue  # gone a moment ago
                yield found.st_mtime, found.st_size, path
