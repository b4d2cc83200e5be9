"""What SQLite does in its own way: locks, its log, damaged files, errors. Nothing else knows it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from core.domain.errors import CatalogueDamaged, CatalogueError
from index.catalogue.integrity import damaged, refuse_lost, remedy

CHECKED_BYTES = 64 << 20
"""A catalogue up to this size is read whole when it is opened, in a fifth of a second: 25,000
pictures. A larger one is read by ``tangerine doctor`` and ``tangerine verify`` alone."""

_WRITE = "tangerine_write"
_UNREADABLE_TEXT = "it holds text that is not UTF-8"
_RESTORE = "Restore it from a backup, or move it away and run: tangerine reindex"

# What Python's driver says of a text that is none, without SQLite's own code.
_NOT_TEXT = "Could not decode to UTF-8"

# A part of every line with which SQLite reports an index that disagrees with its table.
_OF_AN_INDEX = ("missing from index", "entries in index", "entry in index", "out of order")

# SQLite's primary result codes, https://www.sqlite.org/rescode.html
_REMEDIES = {
    sqlite3.SQLITE_FULL: ("The disk is full.", "Free some space and try again."),
    sqlite3.SQLITE_BUSY: (
        "Another program holds the catalogue.",
        "Wait until it has finished, or stop it, and try again.",
    ),
    sqlite3.SQLITE_LOCKED: (
        "Another program holds the catalogue.",
        "Wait until it has finished, or stop it, and try again.",
    ),
    sqlite3.SQLITE_READONLY: (
        "The catalogue may not be written.",
        "Give this user the right to write the data folder (TANGERINE_DATA_DIR).",
    ),
    sqlite3.SQLITE_PERM: (
        "The catalogue may not be opened.",
        "Give this user the right to write the data folder (TANGERINE_DATA_DIR).",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The catalogue cannot be opened.",
        "Check that the data folder (TANGERINE_DATA_DIR) exists and may be written.",
    ),
    sqlite3.SQLITE_IOERR: (
        "The disk failed while the catalogue was read or written.",
        "Check the disk and its free space, then try again.",
    ),
    sqlite3.SQLITE_CORRUPT: ("The catalogue is damaged.", _RESTORE),
    sqlite3.SQLITE_NOTADB: ("The catalogue is damaged: its file is no SQLite database.", _RESTORE),
}


class Sqlite:
    """The :class:`~index.catalogue.database.Backend` in one file, or in memory."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError)

    def __init__(
        self, url: URL, *, busy_seconds: float, file: Path | None = None, tuned: bool = True
    ) -> None:
        # Without the values of a statement: no caption or name gets into a log with an error.
        self.reading = create_engine(
            url, connect_args={"timeout": busy_seconds}, hide_parameters=True
        )
        self.writing: Engine = self.reading.execution_options(**{_WRITE: True})
        self.beside: Engine = self.writing
        self.where = str(file) if file is not None else url.render_as_string()
        self.name = f"SQLite, {self.where}"
        self._file = file
        if tuned:
            _tune(self.reading)

    @classmethod
    def at(cls, file: Path, *, busy_seconds: float) -> Sqlite:
        """The one in a file, whose folder is made where it is missing. Raises CatalogueError."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueError(
                f"The data folder cannot be made ({error.strerror}: {file.parent}).",
                remedy="Point TANGERINE_DATA_DIR at a folder that may be written.",
            ) from error
        refuse_lost(file)
        refuse_damaged(file)
        url = URL.create("sqlite", database=str(file))
        return cls(url, busy_seconds=busy_seconds, file=file)

    @classmethod
    def to_read(cls, file: Path) -> Sqlite:
        """The one in a file that nothing may change: neither its rows nor its schema."""
        address = f"file:{quote(str(file.absolute()))}?mode=ro"
        url = URL.create("sqlite", database=address, query={"uri": "true"})
        return cls(url, busy_seconds=1.0, file=file, tuned=False)

    def explain(self, error: Exception) -> CatalogueError:
        if isinstance(error, UnicodeDecodeError):
            return self._damaged([_UNREADABLE_TEXT])
        original = getattr(error, "orig", None) or error
        code = getattr(original, "sqlite_errorcode", None)
        if code is None and _NOT_TEXT in str(original):
            code = sqlite3.SQLITE_CORRUPT
        cause, what_to_do = _REMEDIES.get(
            # The extended codes carry the primary one in their lowest byte.
            code & 0xFF if isinstance(code, int) else -1,
            (
                f"The catalogue failed ({original}).",
                "Check the data folder (TANGERINE_DATA_DIR), then try again.",
            ),
        )
        if what_to_do is _RESTORE:
            told = remedy(self._file) if self._file is not None else _RESTORE
            return CatalogueDamaged(f"{cause} ({self.where})", remedy=told)
        return CatalogueError(f"{cause} ({self.where})", remedy=what_to_do)

    def lacks(self, error: Exception) -> bool:
        return "no such " in str(getattr(error, "orig", ""))

    def alter(self, change: Callable[[Connection], None]) -> None:
        with self.writing.begin() as connection:
            change(connection)

    def check(self) -> None:
        """See the Database's. What was flipped inside a value is not seen: there are no sums."""
        if faults := self._faults():
            raise self._damaged(faults)

    def mend(self) -> bool:
        faults = self._faults()
        if not faults:
            return False
        if not all(any(words in fault for words in _OF_AN_INDEX) for fault in faults):
            raise self._damaged(faults)
        with self.writing.begin() as connection:
            connection.exec_driver_sql("REINDEX")
        self.check()
        return True

    def erase(self) -> None:
        """Empty the log. Where a reader still needs it, the next checkpoint does it."""
        # The driver's own connection: a checkpoint cannot be part of a transaction.
        connection = self.reading.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        finally:
            connection.close()

    def tell(self, connection: Connection, words: str) -> None:
        """Nothing: who shares a file shares its folder, where files tell of changes."""

    def heard(
        self, silence_s: float, stopping: threading.Event
    ) -> Generator[str | None, None, None]:
        while not stopping.is_set():
            yield None
            stopping.wait(silence_s)

    def hold(self, name: str) -> _Alone:
        del name
        return _Alone()

    def last_number(self, connection: Connection, table: Table) -> int:
        if not table.dialect_options["sqlite"]["autoincrement"]:
            return 0  # it goes on behind the highest that is there
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return int(connection.execute(query, {"name": table.name}).scalar() or 0)

    def go_on_behind(self, connection: Connection, table: Table, number: int) -> None:
        if not table.dialect_options["sqlite"]["autoincrement"]:
            return
        values = {"name": table.name, "seq": number}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
        connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :seq)"), values)

    def _faults(self) -> list[str]:
        with self.reading.begin() as connection:
            lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [line for line in lines if line != "ok"]

    def _damaged(self, faults: Sequence[str]) -> CatalogueDamaged:
        if self._file is not None:
            return damaged(self._file, faults[0])
        return CatalogueDamaged(f"The catalogue is damaged ({self.where}).", remedy=_RESTORE)


class _Alone:
    """Nothing: processes share the folder of a file, and locks there do the same."""

    def lasts(self) -> bool:
        return True

    def let_go(self) -> None:
        pass


def refuse_damaged(file: Path, *, whole: bool = False) -> None:
    """Refuse a file that is no whole database, before anything is written into it.

    Read whole up to :data:`CHECKED_BYTES`, or whatever its size. Raises CatalogueDamaged. Where
    it cannot be opened at all this passes: opening it reports the reason.
    """
    size = file.stat().st_size if file.is_file() else 0
    if not size:
        return
    query = "PRAGMA schema_version"
    if whole or size <= CHECKED_BYTES:
        query = "PRAGMA quick_check(1)"
    # A connection that may write would move the log into the damaged file when it is closed.
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            [verdict] = connection.execute(query).fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return
        verdict = str(error)
    except UnicodeDecodeError:
        verdict = _UNREADABLE_TEXT  # so much so that Python cannot say what SQLite says of it
    if isinstance(verdict, str) and verdict != "ok":
        raise damaged(file, verdict)


def _tune(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own transaction control begins too late for a consistent read.
        connection.isolation_level = None
        cursor = connection.cursor()
        # Readers go on while one writes.
        cursor.execute("PRAGMA journal_mode = WAL")
        # What was acknowledged outlives a loss of power, not only a killed process.
        cursor.execute("PRAGMA synchronous = FULL")
        # What people had deleted is overwritten, not only marked as free.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later may fail at once with "locked";
        # taking the lock at the start waits for its turn instead.
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
