"""Models made ready for a backend, kept on disk: made once, checked at each start, bounded.

::

    <folder>/<key>/            one export; <key> names weights, backend and layout
        manifest.json          size and SHA-256 of every file of the export
        checked.json           what the system told of those files when they last agreed with it
        ...

An export appears by a rename, whole or not at all. One that is torn, altered or from an
older layout is made again. Its bytes are read where the system tells anything new of a file, not at
each start: a command would take a tenth of its time for that. Everything here can be deleted at
any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

from core.domain.errors import ModelUnavailable

_MANIFEST = "manifest.json"
_CHECKED = "checked.json"

SETTLED_S = 2.0
"""Age of a file's last change from which a further one has another time. A clock that counts whole
seconds, as some file systems have it, could hide one before that."""

LAYOUT = 4
"""Counts up when exports are made in another way than before."""

KEPT_BYTES = 4 * 2**30
"""Exports used least recently go when all take more than 4 GiB: some six of ViT-B/32, and
room for the largest model that a CPU serves in a tolerable time."""


def sha256_of(path: Path) -> str:
    """In hex. Blocking. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Exports:
    """The exports below ``folder``, which is made when the first one is.

    Safe to use from several processes at once. ``kept_bytes`` bounds what all of them take
    together; the one asked for last stays in any case. ``digest``: SHA-256 of a file, in hex;
    ``settled_s``: see :data:`SETTLED_S`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kept_bytes: int = KEPT_BYTES,
        digest: Callable[[Path], str] = sha256_of,
        settled_s: float = SETTLED_S,
    ) -> None:
        self._folder = folder
        self._kept_bytes = kept_bytes
        self._digest = digest
        self._settled_s = settled_s

    def get(self, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of the export ``key``; ``make`` fills an empty one where it is missing.

        Blocking: reads every byte (about 0.4 s for 600 MB) of files that nobody has checked as
        they are. Raises ModelUnavailable where the
        disk is full or not to be written, and whatever ``make`` raises.
        """
        target = self._folder / key
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".lock"):
                if not self._whole(target):
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
                if not self._whole(target):
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
            described = {path.name: self._describe(path) for path in files}
            manifest = scratch / _MANIFEST
            manifest.write_text(json.dumps(described, indent=1), encoding="utf-8")
            for path in (*files, manifest):
                _sync(path)
            scratch.rename(target)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise

    def _whole(self, folder: Path) -> bool:
        try:
            manifest = (folder / _MANIFEST).read_bytes()
            described = json.loads(manifest)
            seen, newest = _seen(folder, described)
            told = {"manifest": hashlib.sha256(manifest).hexdigest(), "files": seen}
            if _checked(folder) == told:
                return True
            if any(self._describe(folder / name) != each for name, each in described.items()):
                return False
        except (OSError, ValueError, AttributeError):
            return False
        if time.time() - newest >= self._settled_s:
            _keep_checked(folder, told)
        return True

    def _describe(self, path: Path) -> dict[str, object]:
        return {"bytes": path.stat().st_size, "sha256": self._digest(path)}

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


def _seen(folder: Path, names: Iterable[str]) -> tuple[dict[str, list[int]], float]:
    """What changes with the content of each file, and when the last of them did (epoch seconds).

    ``st_ctime`` is none that a program can set: a copy that keeps its times has another.
    """
    found = {name: (folder / name).stat() for name in names}
    seen = {
        name: [told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns]
        for name, told in found.items()
    }
    newest = max((max(told.st_mtime, told.st_ctime) for told in found.values()), default=0.0)
    return seen, newest


def _checked(folder: Path) -> object:
    try:
        return json.loads((folder / _CHECKED).read_bytes())
    except (OSError, ValueError):
        return None


def _keep_checked(folder: Path, told: object) -> None:
    # Half of it is no JSON and counts as nothing; where it cannot be written, all is read again.
    with contextlib.suppress(OSError):
        (folder / _CHECKED).write_text(json.dumps(told), encoding="utf-8")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
