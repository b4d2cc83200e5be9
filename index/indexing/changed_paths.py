"""What a folder holds at a few named paths: only names are looked at beside them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from core.domain.plain_text import folded
from index.catalogue.file_types import (
    CAPTION_SUFFIXES,
    NameRules,
    begins_like_picture,
    kind_of,
    suffix_of,
)
from index.catalogue.walk import FoundFile, walk_below
from index.indexing.caption_texts import repeated_captions
from index.indexing.scan import Scan, folder_of, side_by_side, source_of, texts_beside

_TEXT = ".txt"


class NotAloneError(Exception):
    """What is named cannot be looked at alone: only a whole scan tells what has changed."""


@dataclass(slots=True)
class _Beside:
    """The paths of all pictures and texts of one folder."""

    pictures: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


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
        places = {folder_of(path) for path in {*captions, *self.paths}}
        beside = {place: self._beside(place) for place in places}
        for place, each in beside.items():
            self._check_names(place, each, captions)
        texts = self.texts.union(*(each.texts for each in beside.values()))
        pictures = [path for each in beside.values() for path in each.pictures]
        if side_by_side(self.root, sorted(texts), captions, pictures):
            raise NotAloneError
        repeated = {place: self._repeated(place, each) for place, each in beside.items()}
        return Scan(
            folder=self.root,
            pictures=tuple(
                source_of(self.pictures[path], written, repeated[folder_of(path)])
                for path, written in captions.items()
            ),
            failures=(),
            unreadable=(),
            plain=True,
        )

    def _beside(self, place: str) -> _Beside:
        """The pictures and texts of one folder, none where it is gone."""
        found = _Beside()
        try:
            with os.scandir(self.root / place) as entries:
                for entry in entries:
                    path = place + entry.name
                    if self.rules.leaves_out(entry.name) or entry.is_dir(follow_symlinks=False):
                        continue
                    kind = kind_of(entry.name)
                    if kind == "unknown" and self._begins_like_picture(path):
                        kind = "picture"
                    if kind == "picture":
                        found.pictures.append(path)
                    elif suffix_of(entry.name) == _TEXT:
                        if entry.is_symlink():
                            raise NotAloneError
                        found.texts.append(path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        return found

    def _check_names(self, place: str, beside: _Beside, captions: Collection[str]) -> None:
        """What is named may give or take a text to nobody whose name differs in case alone."""
        stems = {_stem(path) for path in self.paths if folder_of(path) == place}
        alike = {folded(stem) for stem in stems}
        for picture in beside.pictures:
            stem = _stem(picture)
            if picture not in captions and stem not in stems and folded(stem) in alike:
                raise NotAloneError

    def _repeated(self, place: str, beside: _Beside) -> AbstractSet[str]:
        """What programs called pictures of one folder, where the named ones change it for none."""
        now = repeated_captions(beside.pictures)
        named = {path for path in {*self.paths, *self.pictures} if folder_of(path) == place}
        old = [path for path in beside.pictures if path not in named]
        gone = [
            path for path in named - {*beside.pictures} if kind_of(path) in {"picture", "unknown"}
        ]
        for before in (old, [*old, *gone], [*beside.pictures, *gone]):
            if repeated_captions(before) != now:
                raise NotAloneError
        return now

    def add(self, path: str) -> None:
        """Take in what is named. Raises NotAloneError, OSError."""
        suffix = suffix_of(path)
        if self.rules.leaves_out_path(path):
            return
        if not path or suffix in CAPTION_SUFFIXES - {_TEXT}:
            raise NotAloneError  # a table speaks of any picture
        self._check_way(path)
        # Any name may be, or have been, that of a folder.
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


def _stem(path: str) -> str:
    return os.path.splitext(path)[0]  # noqa: PTH122 - relative, with slashes
