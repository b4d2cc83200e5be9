"""Models made ready for a backend, kept on disk: made once, checked at each start, bounded.

::

    <folder>/<key>/            one export; <key> names weights, backend and layout
        manifest.json          size and SHA-256 of every other file
        ...

An export appears by a rename, whole or not at all. One that is torn, altered or from an
older layout is made again. Everything here can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from core.domain.errors import ModelUnavailable

_MANIFEST = "manifest.json"

LAYOUT = 4
"""Counts up when exports are made in another way than before."""

KEPT_BYTES = 4 * 2**30
"""Exports used least recently go when all take more than 4 GiB: some six of ViT-B/32, and
room for the largest model that a CPU serves in a tolerable time."""


class Exports:
    """The exports below ``folder``, which is made when the first one is.

    Safe to use from several processes at once. ``kept_bytes`` bounds what all of them take
    together; the one asked for last stays in any case.
    """

    def __init__(self, folder: Path, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._folder = folder
        self._kept_bytes = kept_bytes

    def get(self, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of the export ``key``; ``make`` fills an empty one where it is missing.

        Blocking: reads every byte (about 0.4 s for 600 MB). Raises ModelUnavailable where the
        disk is full or not to be written, and whatever ``make`` raises.
        """
        target = self._folder / key
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".lock"):
                if not _whole(target):
                    self._make(target, make)
                os.utime(target / _MANIFEST)
                self._sweep(target)
        except OSError as error:
            raise ModelUnavailable(
                f"The model cannot be made ready in {self._folder}: {error.strerror or error}.",
                remedy="Free some space there, or set the encoder's backend to torch.",
            ) from error
        return target

    def find(self, key: str) -> Path | None:
        """The folder of the export ``key``, None where it is missing or not whole. Blocking."""
        target = self._folder / key
        try:
            with FileLock(self._folder / ".lock"):
                if not _whole(target):
                    return None
                os.utime(target / _MANIFEST)
        except OSError:
            return None
        return target

    def drop(self, key: str) -> None:
        """Delete an export; nothing happens where there is none."""
        shutil.rmtree(self._folder / key, ignore_errors=True)

    def _make(self, target: Path, make: Callable[[Path], None]) -> None:
        shutil.rmtree(target, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=self._folder, prefix=".making-"))
        try:
            make(scratch)
            files = [path for path in sorted(scratch.iterdir()) if path.is_file()]
            described = {path.name: _describe(path) for path in files}
            manifest = scratch / _MANIFEST
            manifest.write_text(json.dumps(described, indent=1), encoding="utf-8")
            for path in (*files, manifest):
                _sync(path)
            scratch.rename(target)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _sweep(self, kept: Path) -> None:
        """Remove what a killed process began, and what was not used for longest."""
        total = 0
        used: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            if path.name.startswith(".making-"):
                # Whoever made it held the lock that is ours now.
                shutil.rmtree(path, ignore_errors=True)
            elif (path / _MANIFEST).is_file():
                size = sum(file.stat().st_size for file in path.iterdir())
                used.append(((path / _MANIFEST).stat().st_mtime, size, path))
                total += size
        for _, size, path in sorted(used):
            if total <= self._kept_bytes:
                break
            if path != kept:
                shutil.rmtree(path, ignore_errors=True)
                total -= size


def _whole(folder: Path) -> bool:
    try:
        described = json.loads((folder / _MANIFEST).read_bytes())
        return all(_describe(folder / name) == told for name, told in described.items())
    except (OSError, ValueError, AttributeError):
        return False


def _describe(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
