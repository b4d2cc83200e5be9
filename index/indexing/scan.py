"""What pictures a folder holds, and what is written about each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.domain.errors import CaptionWithoutPicture, SourceError
from core.domain.plain_text import folded
from core.domain.types import Failure, LeftOut
from index.catalogue.file_types import NameRules
from index.catalogue.walk import FoundFile, inside, walk
from index.indexing.caption_tables import Row, Table, read_table
from index.indexing.caption_texts import (
    caption_from_name,
    read_text,
    repeated_captions,
    tidy,
)

_TELLING_NAME = 5

_SEVERAL = "Several names differ in case alone. Name this text exactly as its picture."


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
    failures.extend(side_by_side(root, walked.caption_files, captions, captions))
    folders: dict[str, list[str]] = {}
    for path in captions:
        folders.setdefault(folder_of(path), []).append(path)
    repeated = {folder: repeated_captions(paths) for folder, paths in folders.items()}
    return Scan(
        folder=root,
        pictures=tuple(
            source_of(found, captions[found.path], repeated[folder_of(found.path)])
            for found in walked.pictures
        ),
        failures=tuple(sorted(failures, key=lambda failure: failure.path)),
        unreadable=walked.unreadable,
        plain=not (tables or walked.linked or walked.unreadable),
        left_out=walked.left_out,
    )


def source_of(
    found: FoundFile, written: Sequence[str], repeated: AbstractSet[str] = frozenset()
) -> SourcePicture:
    """A picture with what is written about it, or what its name says where nothing is.

    ``repeated``: what programs called pictures of its folder. A text that is only the file's own
    name, as programs export it, says no more than that name does.
    """
    own = [text for text in written if text and not _is_name_of(text, found.path)]
    texts = own or [caption_from_name(found.path, repeated)]
    captions = tuple(dict.fromkeys(text for text in texts if text))
    return SourcePicture(found.path, found.size, found.mtime_ns, captions)


def _is_name_of(text: str, path: str) -> bool:
    name = folded(PurePosixPath(path).name)
    told = folded(PurePosixPath(text.replace("\\", "/")).name)
    # Of a short one nobody knows: "7" may well be what the picture 7.png shows.
    return told == name or (len(told) >= _TELLING_NAME and told == PurePosixPath(name).stem)


def folder_of(path: str) -> str:
    """The folder of a relative path, ending in ``/``; empty for the root."""
    return path[: path.rfind("/") + 1]


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
    root: Path,
    caption_files: Iterable[str],
    captions: Mapping[str, list[str]],
    pictures: Iterable[str],
) -> list[Failure]:
    """Captions from ``x.txt`` (or ``x.png.txt``) beside ``x.png``.

    ``pictures`` are all that lie in their folders. Names are compared as a table's are: a text
    whose name differs in case or Unicode form is a picture's where no other picture has that
    name exactly, and only one such text and one such picture are there.
    """
    texts = {path for path in caption_files if path.lower().endswith(".txt")}
    failures: list[Failure] = []
    read: dict[str, str] = {}
    pictures = tuple(pictures)
    alike = _unclaimed(texts, pictures) if texts else {}
    owners = _owners(alike, pictures) if alike else {}
    unclear: set[str] = set()
    for picture, written in captions.items():
        candidate = next((text for text in texts_beside(picture) if text in texts), None)
        if candidate is None and alike:
            beside = {_place_of(text) for text in texts_beside(picture)}
            near = sorted(text for place in beside for text in alike.get(place, ()))
            if len(near) == 1 and len(owners[_place_of(near[0])]) == 1:
                candidate = near[0]
            unclear.update(near[:1] if candidate is None else ())
        if candidate is None:
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
    failures.extend(Failure(text, SourceError.code, _SEVERAL) for text in sorted(unclear))
    return failures


def _owners(
    alike: Mapping[tuple[str, str], list[str]], pictures: Iterable[str]
) -> dict[tuple[str, str], set[str]]:
    """The names, without their ends, of the pictures that texts may belong to."""
    owners: dict[tuple[str, str], set[str]] = {}
    for picture in pictures:
        stem = os.path.splitext(picture)[0]  # noqa: PTH122 - relative, with slashes
        for place in {_place_of(text) for text in texts_beside(picture)}:
            if place in alike:
                owners.setdefault(place, set()).add(stem)
    return owners


def _unclaimed(
    texts: AbstractSet[str], pictures: Iterable[str]
) -> dict[tuple[str, str], list[str]]:
    """The texts that are no picture's by their exact name, by their folder and folded name."""
    claimed = {text for picture in pictures for text in texts_beside(picture)}
    alike: dict[tuple[str, str], list[str]] = {}
    for text in texts - claimed:
        alike.setdefault(_place_of(text), []).append(text)
    return alike


def _place_of(path: str) -> tuple[str, str]:
    folder = folder_of(path)
    return folder, folded(path[len(folder) :])


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
            self._alike.setdefault(folded(path), []).append(path)

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
            alike = self._alike.get(folded(path), [])
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
