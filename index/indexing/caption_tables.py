"""Captions from tables: ``captions.csv``, and metadata files as Hugging Face datasets have."""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TextIO

from core.domain.errors import SourceError
from core.domain.types import Failure
from index.catalogue.file_types import kind_of
from index.indexing.caption_texts import tidy
from index.indexing.encodings import SAMPLE, legacy_encoding, marked_encoding, mostly_utf8

_PICTURE_COLUMNS = ("image", "file_name", "filename", "file", "path")
_CAPTION_COLUMNS = ("description", "text", "caption")
_DELIMITERS = (",", ";", "\t")
_SEPARATOR = re.compile(r"\s*\"?sep=([,;|\t])\"?[\s,;|]*", re.IGNORECASE)
_DAMAGED = re.compile("[\udc80-\udcff]")
"""Bytes that the file's encoding cannot decode, as surrogateescape keeps them."""

_OTHER_ENCODING = "it is not in the encoding of the other lines. Save the file as UTF-8."

_LONGEST = 200
"""Lines of one caption in quotation marks: where it has more, a mark is missing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: the picture as the table calls it, and a caption, maybe empty."""

    line: int
    picture: str
    caption: str


@dataclass(frozen=True, slots=True)
class Table:
    """A caption file: rows in order, and what is wrong with it."""

    path: str
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A line that cannot be used, and why; the lines after it still count."""

    line: int
    reason: str


def read_table(root: Path, path: str) -> Table | None:
    """The captions that a file holds, None where it is no caption table.

    In the folder itself every CSV with the columns ``image,description`` counts. In every folder
    ``captions.csv`` does, which must have such columns, and ``metadata.csv`` and
    ``metadata.jsonl``, with the columns ``file_name,text``.
    """
    place = PurePosixPath(path)
    name = place.name.lower()
    at_root = len(place.parts) == 1
    reader: Callable[[Path], Iterator[Row | _Wrong]]
    if name == "metadata.jsonl":
        reader = _json_lines
    elif name in {"metadata.csv", "captions.csv"}:
        reader = _named_csv
    elif at_root and place.suffix.lower() == ".csv":
        reader = _any_csv
    else:
        return None
    rows: list[Row] = []
    failures: list[Failure] = []
    try:
        for entry in reader(root / path):
            if isinstance(entry, Row):
                rows.append(entry)
            else:
                failures.append(_failure(path, f"Line {entry.line}: {entry.reason}"))
    except OSError as error:
        failures.append(_failure(path, f"The file cannot be read ({error.strerror})."))
    return Table(path=path, rows=tuple(rows), failures=tuple(failures))


def _failure(path: str, reason: str) -> Failure:
    return Failure(path=path, code=SourceError.code, reason=reason)


def _named_csv(path: Path) -> Iterator[Row | _Wrong]:
    return _csv(path, _PICTURE_COLUMNS, _CAPTION_COLUMNS, required=True)


def _any_csv(path: Path) -> Iterator[Row | _Wrong]:
    return _csv(path, ("image",), ("description",), required=False)


def _csv(
    path: Path, pictures: Sequence[str], captions: Sequence[str], *, required: bool
) -> Iterator[Row | _Wrong]:
    with _open(path) as file:
        lines = _Lines(file)
        columns = _columns(lines, path.parent, pictures, captions)
        if columns is None:
            if required:
                wanted = f"{pictures[0]} and {captions[0]} (or file_name and text)"
                yield _Wrong(1, f"the columns {wanted} are wanted.")
            return
        for line, text in lines:
            yield from _row(columns, lines, line, text)


def _row(columns: _Columns, lines: _Lines, line: int, text: str) -> Iterator[Row | _Wrong]:
    """The row that begins with this line, nothing for a blank one."""
    try:
        fields, text = _record(columns, lines, text)
    except csv.Error as error:
        yield _Wrong(line, f"it is no valid CSV ({error}).")
        return
    while len(fields) > columns.count and not fields[-1].strip():
        fields.pop()
    if not any(field.strip() for field in fields):
        return
    if len(fields) > columns.count and columns.caption == columns.count - 1:
        unquoted = columns.delimiter.join(fields[columns.caption :])
        # What was in quotation marks does not stand in the row as it was read.
        if text.rstrip().rstrip(columns.delimiter).endswith(unquoted.rstrip()):
            fields[columns.caption] = unquoted
        del fields[columns.count :]
    if len(fields) <= max(columns.picture, columns.caption):
        yield _Wrong(line, "it has too few columns.")
    elif len(fields) > columns.count:
        yield _Wrong(line, "it has too many columns. Put the caption in quotation marks.")
    elif _DAMAGED.search(text):
        yield _Wrong(line, _OTHER_ENCODING)
    else:
        yield Row(line, fields[columns.picture].strip(), tidy(fields[columns.caption]))


def _record(columns: _Columns, lines: _Lines, text: str) -> tuple[list[str], str]:
    """The fields of a row that begins with this line, and all its text. Raises csv.Error.

    A quotation mark that nothing closes takes no row behind it along: a line that is a row by
    itself ends the search for the end of a field.
    """
    try:
        return columns.fields(text), text
    except csv.Error:
        if text.count('"') % 2 == 0:
            raise
    taken: list[str] = []
    for _, following in islice(lines, _LONGEST):
        taken.append(following)
        if columns.is_row(following):
            break
        if following.count('"') % 2:
            whole = text + "".join(taken)
            try:
                return columns.fields(whole), whole
            except csv.Error:
                break
    lines.give_back(taken)
    raise csv.Error("a quotation mark is not closed")


class _Lines:
    """The lines of a file with their numbers, from 1; some may be given back."""

    def __init__(self, file: Iterable[str]) -> None:
        self._file = iter(file)
        self._waiting: deque[str] = deque()
        self._number = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        line = self._waiting.popleft() if self._waiting else next(self._file)
        self._number += 1
        return self._number, line

    def give_back(self, lines: Sequence[str]) -> None:
        self._waiting.extendleft(reversed(lines))
        self._number -= len(lines)


@dataclass(frozen=True, slots=True)
class _Columns:
    """How a table is laid out: ``count`` columns, and the places of picture and caption.

    ``folder`` is where it lies.
    """

    folder: Path
    delimiter: str
    count: int
    picture: int
    caption: int

    def fields(self, text: str) -> list[str]:
        """The fields of one row. Raises csv.Error."""
        return next(csv.reader([text], delimiter=self.delimiter, strict=True), [])

    def is_row(self, text: str) -> bool:
        try:
            fields = self.fields(text)
        except csv.Error:
            return False
        name = fields[self.picture].strip() if len(fields) >= self.count else ""
        kind = kind_of(name)
        return kind == "picture" or (bool(name) and kind == "unknown" and self._is_file(name))

    def _is_file(self, name: str) -> bool:
        try:
            return (self.folder / name).is_file()
        except (OSError, ValueError):
            return False  # a sentence, which is too long for a name


def _columns(
    lines: _Lines, folder: Path, pictures: Sequence[str], captions: Sequence[str]
) -> _Columns | None:
    """The layout that the header tells, behind a line ``sep=;`` as Excel writes it."""
    written = (text for _, text in lines if text.strip())
    header = next(written, "")
    delimiters: Sequence[str] = _DELIMITERS
    if told := _SEPARATOR.fullmatch(header):
        delimiters = (told[1],)
        header = next(written, "")
    for delimiter in delimiters:
        try:
            names = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            continue
        names = [name.strip().lower() for name in names]
        picture = _first(names, pictures)
        caption = _first(names, captions)
        if picture is not None and caption is not None:
            while not names[-1]:
                names.pop()
            return _Columns(folder, delimiter, len(names), picture, caption)
    return None


def _first(names: Sequence[str], wanted: Iterable[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _json_lines(path: Path) -> Iterator[Row | _Wrong]:
    with _open(path) as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            if _DAMAGED.search(text):
                yield _Wrong(line, _OTHER_ENCODING)
                continue
            try:
                document = json.loads(text)
            except (ValueError, RecursionError) as error:
                yield _Wrong(line, f"it is no valid JSON ({error}).")
                continue
            picture = document.get("file_name") if isinstance(document, Mapping) else None
            if not isinstance(picture, str):
                yield _Wrong(line, "it has no file_name.")
                continue
            found = next((document[name] for name in _CAPTION_COLUMNS if name in document), None)
            for caption in found if isinstance(found, list) else [found]:
                yield Row(line, picture.strip(), tidy("" if caption is None else str(caption)))


def _open(path: Path) -> TextIO:
    """The file as text, in its own encoding; undecodable bytes become lone surrogates."""
    with path.open("rb") as file:
        encoding = marked_encoding(file.read(SAMPLE))
    if encoding is None:
        encoding = _unmarked(path)
    errors = "replace" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    return path.open(encoding=encoding, errors=errors, newline="")


def _unmarked(path: Path) -> str:
    beyond: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii() and size < SAMPLE:
                beyond.append(line)
                size += len(line)
    if mostly_utf8(beyond):
        return "utf-8"
    return legacy_encoding(b"".join(beyond)[:SAMPLE]) if beyond else "utf-8"
