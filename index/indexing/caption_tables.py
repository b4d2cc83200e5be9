"""Captions from tables: ``captions.csv``, and metadata files as Hugging Face datasets have."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

from core.domain.errors import SourceError
from core.domain.types import Failure
from index.indexing.caption_texts import tidy

_PICTURE_COLUMNS = ("image", "file_name", "filename", "file", "path")
_CAPTION_COLUMNS = ("description", "text", "caption")
_DELIMITERS = (",", ";", "\t")


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

    In the folder itself every CSV with the columns ``image,description`` counts, and
    ``captions.csv`` must have such columns; ``metadata.csv`` and ``metadata.jsonl`` count in
    every folder, with the columns ``file_name,text``.
    """
    place = PurePosixPath(path)
    name = place.name.lower()
    at_root = len(place.parts) == 1
    reader: Callable[[Path], Iterator[Row | _Wrong]]
    if name == "metadata.jsonl":
        reader = _json_lines
    elif name == "metadata.csv" or (at_root and name == "captions.csv"):
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
        header = file.readline()
        file.seek(0)
        columns = _columns(header, pictures, captions)
        if columns is None:
            if required:
                wanted = f"{pictures[0]} and {captions[0]} (or file_name and text)"
                yield _Wrong(1, f"the columns {wanted} are wanted.")
            return
        delimiter, picture_at, caption_at = columns
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        next(reader)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # The reader starts afresh with the next line.
                yield _Wrong(reader.line_num, f"it is no valid CSV ({error}).")
                continue
            if not any(field.strip() for field in fields):
                continue
            if len(fields) <= max(picture_at, caption_at):
                yield _Wrong(reader.line_num, "it has too few columns.")
                continue
            yield Row(reader.line_num, fields[picture_at].strip(), tidy(fields[caption_at]))


def _columns(
    header: str, pictures: Sequence[str], captions: Sequence[str]
) -> tuple[str, int, int] | None:
    """Delimiter, and the places of picture and caption."""
    for delimiter in _DELIMITERS:
        try:
            names = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            continue
        names = [name.strip().lower() for name in names]
        picture = _first(names, pictures)
        caption = _first(names, captions)
        if picture is not None and caption is not None:
            return delimiter, picture, caption
    return None


def _first(names: Sequence[str], wanted: Iterable[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _json_lines(path: Path) -> Iterator[Row | _Wrong]:
    with _open(path) as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
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
    """The file as text: UTF-8, UTF-16 with a mark, else Windows' Latin."""
    with path.open("rb") as file:
        if file.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return path.open(encoding="utf-16", errors="replace", newline="")
    for encoding in ("utf-8-sig", "cp1252"):
        if _decodes(path, encoding):
            return path.open(encoding=encoding, newline="")
    return path.open(encoding="latin-1", newline="")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
