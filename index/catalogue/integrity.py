"""A catalogue that is lost or damaged: how to tell it from a new one, and what to do.

SQLite takes a file of no bytes for a new database, and throws away the log beside it.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from core.domain.errors import CatalogueDamaged
from index.vectors.manifest import NAME

INDEX = "index"
"""The folder beside the catalogue that holds the generations of every collection."""

UPLOADS = "uploads"
"""The folder beside the catalogue that holds pictures added in chat."""

_AWAY = "damaged"
_MAGIC = b"SQLite format 3\0"


def log_of(database: Path) -> Path:
    """SQLite's write-ahead log of a database."""
    return database.with_name(f"{database.name}-wal")


def refuse_lost(file: Path) -> None:
    """Refuse to begin a new catalogue where one must have been.

    Raises CatalogueDamaged where the file is missing or has no bytes though its log, indexes
    or uploads are there. Costs one ``stat`` where the file has any bytes.
    """
    if not _size(file) and (_size(log_of(file)) or made_here(file)):
        raise lost(file)


def refuse_blank(file: Path, *, has_schema: bool) -> None:
    """The same for a database without tables, which is what SQLite has just begun."""
    if not has_schema and made_here(file):
        raise lost(file)


def damaged(file: Path, verdict: str) -> CatalogueDamaged:
    return CatalogueDamaged(
        f"The catalogue is damaged: {verdict.splitlines()[-1]} ({file})", remedy=remedy(file)
    )


def lost(file: Path) -> CatalogueDamaged:
    state = "is empty" if file.exists() else "is missing"
    return CatalogueDamaged(
        f"The catalogue {state} ({file}), though there are indexes or uploads beside it.",
        remedy=remedy(file),
    )


def made_here(file: Path) -> bool:
    """Whether there are indexes or uploads that only a catalogue in this place can have made."""
    data = file.parent
    return any(
        next(data.glob(pattern), None) is not None
        for pattern in (f"{INDEX}/*/{NAME}", f"{UPLOADS}/*/*.jpg", f"{UPLOADS}/*/removed/*.jpg")
    )


def remedy(file: Path) -> str:
    """What to do about a catalogue that is lost or damaged, with the copies that lie about."""
    data = file.parent
    away = shlex.quote(str(data / _AWAY))
    parts = [shlex.quote(str(data / name)) for name in (INDEX, UPLOADS) if (data / name).exists()]
    if any(data.glob(f"{file.name}*")):
        parts.insert(0, f"{shlex.quote(str(file))}*")
    begin = f"mkdir {away} && mv {' '.join(parts)} {away}, then run: tangerine reindex"
    copies = [str(copy) for copy in copies_of(file)]
    there = f"such as {copies[0]}" if copies else "none was found beside it"
    return (
        f"Stop the program, move {file} and the files that begin with its name away, and put a "
        f"backup in its place ({there}). To begin anew without one: {begin}. Pictures that "
        f"were added in chat are the .jpg files in {data / UPLOADS}: keep them, and copy them "
        "into the folder of pictures if you want them back."
    )


def copies_of(file: Path) -> list[Path]:
    """SQLite databases near a catalogue that look like copies of it, the newest first."""
    data = file.parent
    near = {*data.glob(f"*{file.stem}*"), *data.glob(f"*/*{file.stem}*")}
    near |= set(data.parent.glob(f"*backup*/*{file.stem}*"))
    found = [
        each for each in near if each != file and each.parent.name != _AWAY and _database(each)
    ]
    return sorted(found, key=lambda each: each.stat().st_mtime, reverse=True)


def _database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
