"""The database under the catalogue: connections, transactions, errors in the user's words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from core.domain.errors import CatalogueDamaged, CatalogueError
from index.catalogue.integrity import (
    UNREADABLE_TEXT,
    damaged,
    refuse_blank,
    refuse_damaged,
    refuse_lost,
    remedy,
)
from index.catalogue.migrations import migrate, version_of

_WRITE = "tangerine_write"

BUSY_SECONDS = 30.0
"""How long a writer waits for another one: a reindex commits within a second, so half a
minute of waiting means that somebody holds the lock and has forgotten it."""

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


def explain(error: BaseException, *, where: str, file: Path | None = None) -> CatalogueError:
    """The same error with cause and remedy; ``where`` names the database to the user.

    ``file`` is where it lies; a damaged one is then told with what to move and which copies
    there are.
    """
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
        told = remedy(file) if file is not None else _RESTORE
        return CatalogueDamaged(f"{cause} ({where})", remedy=told)
    return CatalogueError(f"{cause} ({where})", remedy=what_to_do)


class Database:
    """Transactions on one database; every failure becomes a CatalogueError.

    Thread-safe: each transaction takes a connection of its own from the pool.
    """

    def __init__(self, engine: Engine, *, where: str, file: Path | None = None) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{_WRITE: True})
        self._where = where
        self._file = file

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the database, independent of concurrent commits."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing where it raises."""
        with self._explained(), self._writing.begin() as connection:
            yield connection

    def has_schema(self) -> bool:
        """Whether it was ever migrated: a new database has no tables."""
        with self.read() as connection:
            return version_of(connection) > 0

    def migrate(self) -> None:
        with self._explained():
            migrate(self._writing)

    def check(self) -> None:
        """Read the whole database and see that it is one. Raises CatalogueError.

        What was flipped inside a value is not seen: SQLite keeps no checksums.
        """
        if faults := self._faults():
            raise self._damaged(faults)

    def mend(self) -> bool:
        """Rebuild SQLite's own indexes where they disagree with the tables; whether they did.

        Raises CatalogueError where anything else is damaged.
        """
        faults = self._faults()
        if not faults:
            return False
        if not all(any(words in fault for words in _OF_AN_INDEX) for fault in faults):
            raise self._damaged(faults)
        with self.write() as connection:
            connection.exec_driver_sql("REINDEX")
        self.check()
        return True

    def _faults(self) -> list[str]:
        if self._engine.dialect.name != "sqlite":
            return []  # other databases check their pages whenever they read them
        with self.read() as connection:
            lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [line for line in lines if line != "ok"]

    def _damaged(self, faults: Sequence[str]) -> CatalogueDamaged:
        if self._file is not None:
            return damaged(self._file, faults[0])
        return CatalogueDamaged(f"The catalogue is damaged ({self._where}).", remedy=_RESTORE)

    def erase(self) -> None:
        """Make what was deleted unreadable in SQLite's log, too.

        Where a reader still needs the log, the next checkpoint does it.
        """
        if self._engine.dialect.name != "sqlite":
            return
        with self._explained():
            # The driver's own connection: a checkpoint cannot be part of a transaction.
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                connection.close()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise explain(error, where=self._where, file=self._file) from error
        except sqlite3.Error as error:
            raise explain(error, where=self._where, file=self._file) from error
        except UnicodeDecodeError as error:
            raise self._damaged([UNREADABLE_TEXT]) from error


def open_database(
    location: Path | str,
    *,
    busy_seconds: float = BUSY_SECONDS,
) -> Database:
    """Open the database at a path (SQLite) or an SQLAlchemy URL and migrate it.

    The folder of a path is made where it is missing, and so is the database, unless what is
    beside it tells that there was one. Raises CatalogueError.
    """
    file: Path | None = None
    if isinstance(location, Path):
        try:
            location.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueError(
                f"The data folder cannot be made ({error.strerror}: {location.parent}).",
                remedy="Point TANGERINE_DATA_DIR at a folder that may be written.",
            ) from error
        refuse_lost(location)
        refuse_damaged(location)
        url = URL.create("sqlite", database=str(location))
        where, file = str(location), location
    else:
        url = make_url(location)
        where = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": busy_seconds})
        _tune_sqlite(engine)
    else:
        # Repeatable reads are what SQLite's transactions are by nature.
        engine = create_engine(url, isolation_level="REPEATABLE READ", pool_pre_ping=True)
    database = Database(engine, where=where, file=file)
    try:
        if file is not None:
            refuse_blank(file, has_schema=database.has_schema())
        database.migrate()
    except BaseException:
        database.close()
        raise
    return database


def _tune_sqlite(engine: Engine) -> None:
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
