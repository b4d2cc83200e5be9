"""Walking a folder of a user's: nothing hidden, nothing outside, no loops, fixed order."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.domain.errors import SourceError
from core.domain.types import Failure, LeftOut
from index.catalogue.file_types import NameRules, begins_like_picture, kind_of, suffix_of

_RULES = NameRules()


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
    ``left_out`` is what was there besides.
    """

    pictures: tuple[FoundFile, ...]
    caption_files: tuple[str, ...]
    failures: tuple[Failure, ...]
    unreadable: tuple[str, ...]
    linked: bool = False
    left_out: LeftOut = LeftOut()  # noqa: RUF009 - frozen


def inside(folder: Path, path: Path) -> bool:
    """Whether a path, its symbolic links followed, lies inside a resolved folder."""
    try:
        return path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError, ValueError):
        # A loop of links, or a name with a NUL in it.
        return False


def holds_pictures(folder: Path, rules: NameRules = _RULES) -> bool:
    """Whether there is any picture under a folder; looks no further than to the first ones.

    Raises SourceError where the folder itself is unreadable.
    """
    return _Walker(_root_of(folder), rules).finds_any()


def walk(
    folder: Path,
    on_found: Callable[[int], None] = lambda _count: None,
    rules: NameRules = _RULES,
) -> Walk:
    """The pictures and caption files under a folder.

    A name may tell that a file is a picture, captions or neither; of all others the first bytes
    do. Links to files inside are followed, links to folders inside are not (their pictures are
    found where they are), links that lead outside are failures. ``on_found`` is told the
    number of pictures so far. Raises SourceError where the folder itself is unreadable.
    """
    return _Walker(_root_of(folder), rules, on_found).run()


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


def walk_below(root: Path, prefix: str, rules: NameRules = _RULES) -> Walk:
    """The same of one folder below a resolved one; its path ends in ``/``."""
    return _Walker(root, rules).run(prefix)


class _Walker:
    def __init__(
        self, root: Path, rules: NameRules, on_found: Callable[[int], None] = lambda _count: None
    ) -> None:
        self._root = root
        self._rules = rules
        self._on_found = on_found
        self._pictures: list[FoundFile] = []
        self._caption_files: list[str] = []
        self._failures: list[Failure] = []
        self._unreadable: list[str] = []
        self._linked = False
        self._unopened: Counter[str] = Counter()
        self._no_pictures = 0
        self._excluded: set[str] = set()

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
            left_out=LeftOut(
                unopened=tuple(self._unopened.most_common()),
                no_pictures=self._no_pictures,
                excluded=tuple(sorted(self._excluded)),
            ),
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
        if self._rules.leaves_out(entry.name):
            if not entry.name.startswith("."):
                self._excluded.add(_shown(path))
            return
        try:
            if entry.is_symlink() and not self._follow(path, entry):
                return
            if not entry.is_dir():
                self._file(path, entry)
            elif self._readable_name(path):
                yield f"{path}/"
        except FileNotFoundError:
            return  # removed while we looked
        except OSError as error:
            self._fail(path, f"The file cannot be read ({error.strerror}).")

    def _file(self, path: str, entry: os.DirEntry[str]) -> None:
        kind = kind_of(entry.name)
        if kind == "other":
            self._pass_by(path)
            return
        status = entry.stat()
        regular = stat.S_ISREG(status.st_mode)
        if kind == "unknown" and not (regular and self._begins_like_picture(entry, status)):
            return
        if not self._readable_name(path):
            return
        if not regular:
            self._fail(path, "This is no ordinary file.")
        elif kind == "captions":
            self._caption_files.append(path)
        else:
            self._pictures.append(FoundFile(path, status.st_size, status.st_mtime_ns))
            self._on_found(len(self._pictures))

    def _begins_like_picture(self, entry: os.DirEntry[str], status: os.stat_result) -> bool:
        try:
            found = bool(status.st_size) and begins_like_picture(entry.path)
        except FileNotFoundError:
            raise
        except OSError:
            self._pass_by(entry.name)
            return False
        self._no_pictures += not found
        return found

    def _pass_by(self, path: str) -> None:
        self._unopened[_shown(suffix_of(path))] += 1

    def _follow(self, path: str, entry: os.DirEntry[str]) -> bool:
        """Whether a link is to be taken like what it points to."""
        if inside(self._root, Path(entry.path)):
            if entry.is_dir():
                return False
            self._linked = True
            return True
        if kind_of(path) in {"picture", "captions"} or entry.is_dir():
            self._fail(path, "This link leads out of the folder. Copy the pictures into it.")
        else:
            self._pass_by(path)
        return False

    def _readable_name(self, path: str) -> bool:
        try:
            path.encode()
        except UnicodeEncodeError:
            self._fail(path, "The name is not UTF-8. Rename it.")
            return False
        return True

    def _fail(self, path: str, reason: str) -> None:
        self._failures.append(Failure(path=_shown(path), code=SourceError.code, reason=reason))


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()
