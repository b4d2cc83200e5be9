"""Walking a folder of a user's: nothing hidden, nothing outside, no loops, fixed order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import SourceError
from core.domain.types import Failure

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
)
"""What counts as a picture, by the end of its name in lower case."""

CAPTION_SUFFIXES = frozenset({".csv", ".jsonl", ".txt"})
"""What may hold captions."""

# Copies that other systems leave beside the pictures: archives made on a Mac, thumbnails of
# a Synology NAS.
_FOREIGN_FOLDERS = frozenset({"__MACOSX", "@eaDir"})


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file: ``path`` relative to the folder with ``/``, ``size`` in bytes."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Walk:
    """What a folder holds, by path.

    ``unreadable`` are folders that could not be looked into, relative, ending in ``/``:
    what they hold is unknown, not gone. ``linked``: some files are links to others.
    """

    pictures: tuple[FoundFile, ...]
    caption_files: tuple[str, ...]
    failures: tuple[Failure, ...]
    unreadable: tuple[str, ...]
    linked: bool = False


def inside(folder: Path, path: Path) -> bool:
    """Whether a path, its symbolic links followed, lies inside a resolved folder."""
    try:
        return path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError, ValueError):
        # A loop of links, or a name with a NUL in it.
        return False


def holds_pictures(folder: Path) -> bool:
    """Whether there is any picture under a folder; looks no further than to the first ones.

    Raises SourceError where the folder itself is unreadable.
    """
    return _Walker(_root_of(folder), lambda _count: None).finds_any()


def walk(folder: Path, on_found: Callable[[int], None] = lambda _count: None) -> Walk:
    """The pictures and caption files under a folder.

    Links to files inside are followed, links to folders inside are not (their pictures are
    found where they are), links that lead outside are failures. ``on_found`` is told the
    number of pictures so far. Raises SourceError where the folder itself is unreadable.
    """
    return _Walker(_root_of(folder), on_found).run()


def _root_of(folder: Path) -> Path:
    try:
        root = folder.resolve(strict=True)
        with os.scandir(root):
            pass
    except (OSError, RuntimeError) as error:
        raise SourceError(
            f"The folder {folder} cannot be read ({getattr(error, 'strerror', None) or error}).",
            remedy="Check that it exists, is mounted and may be read by this user.",
        ) from error
    return root


def walk_below(root: Path, prefix: str) -> Walk:
    """The same of one folder below a resolved one; its path ends in ``/``."""
    return _Walker(root, lambda _count: None).run(prefix)


def is_hidden(path: str) -> bool:
    """Whether a walk passes this relative path by, by its name or that of a folder above."""
    return any(part.startswith(".") or part in _FOREIGN_FOLDERS for part in path.split("/"))


class _Walker:
    def __init__(self, root: Path, on_found: Callable[[int], None]) -> None:
        self._root = root
        self._on_found = on_found
        self._pictures: list[FoundFile] = []
        self._caption_files: list[str] = []
        self._failures: list[Failure] = []
        self._unreadable: list[str] = []
        self._linked = False

    def finds_any(self) -> bool:
        waiting = [""]
        while waiting and not self._pictures:
            waiting.extend(self._folder(waiting.pop()))
        return bool(self._pictures)

    def run(self, start: str = "") -> Walk:
        waiting = [start]
        while waiting:
            waiting.extend(self._folder(waiting.pop()))
        return Walk(
            pictures=tuple(sorted(self._pictures, key=lambda found: found.path)),
            caption_files=tuple(sorted(self._caption_files)),
            failures=tuple(sorted(self._failures, key=lambda failure: failure.path)),
            unreadable=tuple(sorted(self._unreadable)),
            linked=self._linked,
        )

    def _folder(self, prefix: str) -> Iterator[str]:
        """Take in one folder; the folders below it are what it yields."""
        try:
            with os.scandir(self._root / prefix) as entries:
                for entry in entries:
                    yield from self._entry(prefix, entry)
        except OSError as error:
            self._fail(prefix.rstrip("/"), f"The folder cannot be read ({error.strerror}).")
            self._unreadable.append(prefix)

    def _entry(self, prefix: str, entry: os.DirEntry[str]) -> Iterator[str]:
        path = prefix + entry.name
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - names may be unreadable
        if entry.name.startswith(".") or entry.name in _FOREIGN_FOLDERS:
            return
        try:
            if entry.is_symlink() and not self._follow(path, entry, suffix):
                return
            if entry.is_dir():
                if self._readable_name(path):
                    yield f"{path}/"
                return
            if suffix not in PICTURE_SUFFIXES | CAPTION_SUFFIXES or not self._readable_name(path):
                return
            status = entry.stat()
        except FileNotFoundError:
            return  # removed while we looked
        except OSError as error:
            self._fail(path, f"The file cannot be read ({error.strerror}).")
            return
        if not stat.S_ISREG(status.st_mode):
            self._fail(path, "This is no ordinary file.")
        elif suffix in PICTURE_SUFFIXES:
            self._pictures.append(FoundFile(path, status.st_size, status.st_mtime_ns))
            self._on_found(len(self._pictures))
        else:
            self._caption_files.append(path)

    def _follow(self, path: str, entry: os.DirEntry[str], suffix: str) -> bool:
        """Whether a link is to be taken like what it points to."""
        if inside(self._root, Path(entry.path)):
            if entry.is_dir():
                return False
            self._linked = True
            return True
        if suffix in PICTURE_SUFFIXES | CAPTION_SUFFIXES or entry.is_dir():
            self._fail(path, "This link leads out of the folder. Copy the pictures into it.")
        return False

    def _readable_name(self, path: str) -> bool:
        try:
            path.encode()
        except UnicodeEncodeError:
            self._fail(path, "The name is not UTF-8. Rename it.")
            return False
        return True

    def _fail(self, path: str, reason: str) -> None:
        shown = path.encode("utf-8", "backslashreplace").decode()
        self._failures.append(Failure(path=shown, code=SourceError.code, reason=reason))
