"""SQLite's write-ahead log, read to see whether committed changes were damaged in it.

SQLite ends a log at its first bad frame without a word, and forgets what was committed
behind it. https://www.sqlite.org/fileformat2.html#walformat and, of its index in shared memory,
https://www.sqlite.org/walformat.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.domain.errors import CatalogueDamaged

LIMIT = 8 << 20
"""Bytes of a log that are read, in half a second. SQLite moves a log of half of that into the
database; longer ones are left by a reindex alone, whose work can be done again."""

_HEADER = 32
_FRAME = 24
_MAGIC = 0x377F0682  # its lowest bit says in which byte order checksums are made
_ATTEMPTS = 3

# The head of the index, which stands there twice: "WAL-Index Format", as of numbers the machine's
# order of bytes, and the salts as they are in the log.
_INDEX_HEADER = 48
_IS_INIT = 12
_MAX_FRAME = 16
_SALTS = 32

Sums = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Committed:
    """How many frames of the log with these salts were committed."""

    salts: bytes
    frames: int


@dataclass(frozen=True, slots=True)
class _Frame:
    """One page of the log: its head of 24 bytes, and the page."""

    head: bytes
    page: bytes

    @property
    def salts(self) -> bytes:
        """Which log it belongs to: each time it is begun anew, they change."""
        return self.head[8:16]

    @property
    def commits(self) -> bool:
        """Whether it is the last one of a transaction that was committed."""
        return self.head[4:8] != bytes(4)

    def follows(self, sums: Sums, order: str) -> Sums | None:
        """The running checksums behind it, None where they are not the ones it carries."""
        found = _checksums(self.head[:8] + self.page, order, sums)
        return found if found == struct.unpack(">2I", self.head[16:24]) else None


def log_of(database: Path) -> Path:
    """The log of a database."""
    return database.with_name(f"{database.name}-wal")


def refuse_torn_log(database: Path) -> None:
    """Raise CatalogueDamaged where the log of this database lacks changes that were committed.

    A killed process leaves at most an unfinished frame at the end of it, or, where others went
    on, frames behind theirs that count for nothing, as SQLite's index of the log tells. A damaged
    frame with a commit behind it is something else. A log that was cut off looks like one that
    ends there.
    """
    log = log_of(database)
    # Where another process begins the log anew meanwhile, old and new frames look like
    # damage; what is damaged stays so.
    if not all(_torn(log) for _ in range(_ATTEMPTS)):
        return
    raise CatalogueDamaged(
        f"The log of the catalogue is damaged ({log}): the latest changes cannot be read.",
        remedy="Stop the program and put a backup of the whole data folder in its place. Or go "
        "on without the latest changes: tangerine verify --repair",
    )


def _torn(log: Path) -> bool:
    try:
        if not _HEADER < log.stat().st_size <= LIMIT:
            return False
        # First: others may commit meanwhile, and the log has more then, never less.
        committed = _committed(log)
        with log.open("rb") as file:
            return _loses_commits(file, committed)
    except OSError:
        return False  # SQLite will say what is wrong


def _committed(log: Path) -> _Committed | None:
    """What SQLite's index of this log says of it, None where there is none to rely on.

    After a power cut it may say too much, never too little: it can clear of a suspicion alone.
    """
    try:
        with log.with_name(f"{log.name.removesuffix('-wal')}-shm").open("rb") as file:
            one, other = file.read(_INDEX_HEADER), file.read(_INDEX_HEADER)
    except OSError:
        return None
    # A process that was killed while it wrote left two that differ.
    if len(one) < _INDEX_HEADER or one != other or not one[_IS_INIT]:
        return None
    (frames,) = struct.unpack_from("=I", one, _MAX_FRAME)
    return _Committed(one[_SALTS : _SALTS + 8], frames)


def _loses_commits(file: BinaryIO, committed: _Committed | None) -> bool:
    header = file.read(_HEADER)
    if header == bytes(_HEADER):
        return False  # never synced: nothing in it was acknowledged
    magic, _, size = struct.unpack_from(">3I", header)
    order = ">" if magic & 1 else "<"
    sums: Sums | None = _checksums(header[:24], order, (0, 0))
    if magic & ~1 != _MAGIC or sums != struct.unpack(">2I", header[24:32]):
        return True
    whole, commits_behind = 0, False
    for frame in _frames(file, size):
        if frame.salts != header[16:24]:
            # Left from before the log was begun anew, or damaged just here.
            sums = None
        elif sums is not None:
            sums = frame.follows(sums, order)
        elif frame.commits:
            commits_behind = True
        whole += sums is not None
    # A process may be killed when all of its transaction is in the log, and the index does not
    # say so yet. Whoever holds the database open goes on before it, and writes over the
    # beginning of it: what is left of it looks like a commit behind damage.
    cleared = (
        committed is not None and committed.salts == header[16:24] and whole >= committed.frames
    )
    return commits_behind and not cleared


def _frames(file: BinaryIO, size: int) -> Iterator[_Frame]:
    while len(head := file.read(_FRAME)) == _FRAME and len(page := file.read(size)) == size:
        yield _Frame(head, page)


def _checksums(data: bytes, order: str, sums: Sums) -> Sums:
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
