"""What pictures a folder holds, and what is written about each of them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.domain.errors import CaptionWithoutPicture, SourceError
from core.domain.types import Failure, LeftOut
from index.catalogue.file_names import NameRules
from index.catalogue.walk import FoundFile, inside, walk
from index.indexing.caption_tables import Row, Table, read_table
from index.indexing.caption_texts import caption_from_name, read_text, tidy


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """A picture in a folder: ``captions`` in order, the first one is shown."""

    path: str
    size: int
    mtime_ns: int
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """A folder's pictures by path, and what could not be read of it.

    ``folder`` is resolved. ``unreadable`` are folders below it, ending in ``/``, of which
    nobody knows what they hold. ``plain``: what is to be known of a picture lies in its own
    file and in those beside it, so that others need no look where these have changed.
    ``left_out`` is what the folder holds besides.
    """

    folder: Path
    pictures: tuple[SourcePicture, ...]
    failures: tuple[Failure, ...]
    unreadable: tuple[str, ...]
    plain: bool = False
    left_out: LeftOut = LeftOut()  # noqa: RUF009 - frozen


def scan_folder(
    folder: Path,
    on_found: Callable[[int], None] = lambda _count: None,
    rules: NameRules = NameRules(),  # noqa: B008 - frozen
) -> Scan:
    """The pictures under a folder with their captions. Blocking.

    Captions come from ``captions.csv`` or any CSV with the columns ``image,description``,
    then from ``metadata.csv`` and ``metadata.jsonl`` (``file_name,text``), then from a
    ``.txt`` beside the picture; where none of them has one, from the cleaned file name.
    What is wrong with one file never stops the others. ``rules`` say what is passed by.
    ``on_found`` is told the number of pictures so far. Raises SourceError where the folder
    itself cannot be read.
    """
    walked = walk(folder, on_found, rules)
    root = folder.resolve()
    names = _Names(root, walked.pictures)
    captions: dict[str, list[str]] = {found.path: [] for found in walked.pictures}
    failures = list(walked.failures)
    tables = _tables(root, walked.caption_files)
    for table in tables:
        failures.extend(table.failures)
        failures.extend(_take(table, names, captions))
    failures.extend(side_by_side(root, walked.caption_files, captions))
    return Scan(
        folder=root,
        pictures=tuple(source_of(found, captions[found.path]) for found in walked.pictures),
        failures=tuple(sorted(failures, key=lambda failure: failure.path)),
        unreadable=walked.unreadable,
        plain=not (tables or walked.linked or walked.unreadable),
        left_out=walked.left_out,
    )


def source_of(found: FoundFile, written: Sequence[str]) -> SourcePicture:
    """A picture with what is written about it, or what its name says where nothing is."""
    captions = _captions_of(found.path, written)
    return SourcePicture(found.path, found.size, found.mtime_ns, captions)


def _captions_of(path: str, written: Sequence[str]) -> tuple[str, ...]:
    texts = [text for text in written if text] or [caption_from_name(path)]
    return tuple(dict.fromkeys(text for text in texts if text))


def _tables(root: Path, caption_files: Sequence[str]) -> list[Table]:
    def rank(path: str) -> tuple[bool, bool, str]:
        name = PurePosixPath(path).name.lower()
        return name.startswith("metadata."), name != "captions.csv", path

    read = (read_table(root, path) for path in sorted(caption_files, key=rank))
    return [table for table in read if table is not None]


def _take(table: Table, names: _Names, captions: Mapping[str, list[str]]) -> Sequence[Failure]:
    """Give each row's caption to its picture; rows that have none are failures, each once."""
    failures: dict[str, Failure] = {}
    for row in table.rows:
        try:
            path = names.plainly(table.path, row) or names.find(table.path, row)
        except SourceError as error:
            shown = tidy(row.picture) or table.path
            failures.setdefault(
                shown,
                Failure(
                    path=shown,
                    code=CaptionWithoutPicture.code,
                    reason=f"{table.path}, line {row.line}: {error}",
                ),
            )
        else:
            captions[path].append(row.caption)
    return tuple(failures.values())


def texts_beside(picture: str) -> Sequence[str]:
    """The paths of which the first that is there holds a caption of this picture."""
    stem = os.path.splitext(picture)[0]  # noqa: PTH122 - relative, with slashes
    return f"{stem}.txt", f"{stem}.TXT", f"{picture}.txt"


def side_by_side(
    root: Path, caption_files: Sequence[str], captions: Mapping[str, list[str]]
) -> list[Failure]:
    """Captions from ``x.txt`` (or ``x.png.txt``) beside ``x.png``."""
    texts = {path for path in caption_files if path.lower().endswith(".txt")}
    failures: list[Failure] = []
    read: dict[str, str] = {}
    for picture, written in captions.items():
        for candidate in texts_beside(picture):
            if candidate not in texts:
                continue
            try:
                if candidate not in read:
                    read[candidate] = read_text(root / candidate).caption
            except OSError as error:
                failures.append(
                    Failure(candidate, SourceError.code, f"Cannot be read ({error.strerror}).")
                )
                read[candidate] = ""
            written.append(read[candidate])
            break
    return failures


class _Names:
    """Which picture a table means by a name.

    Tables are written by hand and on other systems: besides the exact path, a backslash
    for a slash, another Unicode form and another case are understood, where only one
    picture answers to it.
    """

    def __init__(self, root: Path, pictures: Sequence[FoundFile]) -> None:
        self._root = root
        self._paths = frozenset(found.path for found in pictures)
        self._alike: dict[str, list[str]] = {}
        for path in sorted(self._paths):
            self._alike.setdefault(_folded(path), []).append(path)

    def plainly(self, table: str, row: Row) -> str | None:
        """The same path where a table beside the folders names it as it is: nearly always."""
        return row.picture if "/" not in table and row.picture in self._paths else None

    def find(self, table: str, row: Row) -> str:
        """The path of the picture that a row names. Raises SourceError."""
        if not row.picture:
            raise SourceError("The row names no picture.")
        if "\0" in row.picture:
            raise SourceError("The name is not valid.")
        spellings = [row.picture]
        if "\\" in row.picture:
            spellings.append(row.picture.replace("\\", "/"))
        for spelling in spellings:
            if PurePosixPath(spelling).is_absolute() or spelling[1:3] == ":/":
                raise SourceError("Absolute paths are not allowed; name it from this folder.")
            path = os.path.normpath(PurePosixPath(table).parent / spelling)
            if path.startswith(".."):
                raise SourceError("The path leads out of the folder.")
            if path in self._paths:
                return path
            alike = self._alike.get(_folded(path), [])
            if len(alike) == 1:
                return alike[0]
            if linked := self._through_links(path):
                return linked
        raise SourceError("There is no such picture.")

    def _through_links(self, path: str) -> str | None:
        target = self._root / path
        if not inside(self._root, target):
            raise SourceError("The path leads out of the folder.")
        try:
            resolved = target.resolve().relative_to(self._root).as_posix()
        except (OSError, RuntimeError):
            return None
        return resolved if resolved in self._paths else None


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
