"""The part of a folder that was named, and what is known of it: what a small reindex compares."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from index.catalogue.catalogue import Catalogue
from index.catalogue.file_names import (
    CAPTION_SUFFIXES,
    NameRules,
    begins_like_picture,
    kind_of,
    suffix_of,
)
from index.catalogue.records import BadFile, IndexState
from index.catalogue.walk import FoundFile, walk_below
from index.indexing.scan import Scan, side_by_side, source_of, texts_beside
from index.library.library import CollectionSpec

_TEXT = ".txt"


class NotAloneError(Exception):
    """What is named cannot be looked at alone: only a whole scan tells what has changed."""


@dataclass(slots=True)
class ChangedPaths:
    """What a few paths of a resolved folder stand for.

    ``pictures`` are the files that are there, ``texts`` those that hold captions; ``paths`` are
    all pictures to be looked at, there or not. ``folders`` end in ``/``: whatever is known
    below them is to be looked at, too; ``stems`` end in a dot: likewise what a text of that name
    speaks of.
    """

    root: Path
    rules: NameRules = NameRules()  # noqa: RUF009 - frozen
    pictures: dict[str, FoundFile] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)

    def scan(self, known: Collection[str]) -> Scan:
        """The pictures that are there with their captions; ``known`` belong to them, too.

        Raises NotAloneError, and OSError where the folder cannot be read.
        """
        for path in known:
            if path not in self.pictures:
                self._look(path)
        captions: dict[str, list[str]] = {path: [] for path in sorted(self.pictures)}
        for picture in captions:
            for text in texts_beside(picture):
                if text not in self.texts:
                    self._look_at_text(text)
        failures = side_by_side(self.root, sorted(self.texts), captions)
        if failures:
            raise NotAloneError
        return Scan(
            folder=self.root,
            pictures=tuple(source_of(self.pictures[p], texts) for p, texts in captions.items()),
            failures=(),
            unreadable=(),
            plain=True,
        )

    def add(self, path: str) -> None:
        """Take in what is named. Raises NotAloneError, OSError."""
        suffix = suffix_of(path)
        if self.rules.leaves_out_path(path):
            return
        if not path or suffix in CAPTION_SUFFIXES - {_TEXT}:
            raise NotAloneError  # a table speaks of any picture
        self._check_way(path)
        # What is there, or was, may be a folder whatever its name.
        self.folders.add(f"{path}/")
        if suffix == _TEXT:
            self.stems.add(path[: -len(_TEXT)] + ".")
            self.paths.add(path[: -len(_TEXT)])
        else:
            self.paths.add(path)
        status = self._status(path)
        if status is None:
            return
        if stat.S_ISDIR(status.st_mode):
            self._add_below(f"{path}/")
        elif kind_of(path) in {"picture", "unknown"}:
            self._take(path, status)

    def _add_below(self, prefix: str) -> None:
        found = walk_below(self.root, prefix, self.rules)
        tables = [each for each in found.caption_files if suffix_of(each) != _TEXT]
        if tables or found.failures or found.unreadable or found.linked:
            raise NotAloneError
        self.pictures |= {each.path: each for each in found.pictures}
        self.texts |= {*found.caption_files}

    def _look(self, path: str) -> None:
        status = self._status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return
        if not self.rules.leaves_out_path(path):
            self._take(path, status)

    def _look_at_text(self, path: str) -> None:
        status = self._status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return
        if not stat.S_ISREG(status.st_mode):
            raise NotAloneError
        self.texts.add(path)

    def _take(self, path: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise NotAloneError  # a link, or what a whole scan has to tell of
        if kind_of(path) == "unknown" and not self._begins_like_picture(path):
            return
        self.pictures[path] = FoundFile(path, status.st_size, status.st_mtime_ns)

    def _begins_like_picture(self, path: str) -> bool:
        try:
            return begins_like_picture(self.root / path)
        except OSError:
            return False  # as a walk passes it by

    def _status(self, path: str) -> os.stat_result | None:
        try:
            return (self.root / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise NotAloneError from error

    def _check_way(self, path: str) -> None:
        """Nothing above it may be a link, or its pictures would have two paths."""
        try:
            path.encode()
            above = (self.root / path).parent
            if above.resolve() != above:
                raise NotAloneError
        except (OSError, RuntimeError, ValueError) as error:
            raise NotAloneError from error


def named_in(folder: Path, paths: Collection[str], rules: NameRules) -> ChangedPaths:
    """What these paths below a folder stand for. Blocking. Raises NotAloneError, OSError."""
    named = ChangedPaths(folder.resolve(strict=True), rules)
    for path in paths:
        named.add(path)
    return named


Place = tuple[int, int]
"""Which folder it is that lies somewhere: its device and its number there."""


@dataclass(frozen=True, slots=True)
class ScanPart:
    """Some paths: what the folder has there, and what the catalogue.

    ``total``: the pictures of the whole collection; ``failures``: those of other paths.
    """

    scan: Scan
    known: IndexState
    total: int
    failures: tuple[BadFile, ...]


def place_of(folder: Path) -> Place | None:
    """Which folder lies there now, None where there is none. Blocking."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def scan_part(
    catalogue: Catalogue, spec: CollectionSpec, paths: Collection[str]
) -> ScanPart | None:
    """What lies at these paths below the folder, and what is known of them. Blocking.

    None where only a look at everything can tell: captions that may speak of any picture,
    links, what cannot be read, a folder that is gone, or in which nothing known would be left.
    Raises CatalogueError.
    """
    try:
        named = named_in(spec.folder, paths, spec.rules)
        found = catalogue.known_at(spec.name, named.paths, named.folders | named.stems)
        scan = named.scan([picture.path for picture in found.known.pictures])
    except (NotAloneError, OSError):
        return None
    known = found.known
    if known.identity is None or (known.pictures and len(known.pictures) == found.total):
        # All of it: whether that may be forgotten is for a whole reindex to say.
        return None
    folders = tuple(named.folders)
    looked_at = {picture.path for picture in known.pictures} | named.paths | named.texts
    looked_at |= {picture.path for picture in scan.pictures} | {*paths}
    return ScanPart(
        scan,
        known,
        found.total,
        tuple(
            bad
            for bad in found.failures
            if bad.failure.path not in looked_at and not bad.failure.path.startswith(folders)
        ),
    )
