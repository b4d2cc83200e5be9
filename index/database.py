"""The database under the catalogue: connections, transactions, errors in the user's words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from core.errors import CatalogueError
from index.migrations import MIGRATIONS, Migration, migrate

_WRITE = "tangerine_write"

BUSY_SECONDS = 30.0
"""How long a writer waits for another one: a reindex commits within a second, so half a
minute of waiting means that somebody holds the lock and has forgotten it."""

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
    sqlite3.SQLITE_CORRUPT: (
        "The catalogue is damaged.",
        "Restore it from a backup, or move it away and run: tangerine reindex",
    ),
    sqlite3.SQLITE_NOTADB: (
        "The catalogue is damaged: its file is no SQLite database.",
        "Restore it from a backup, or move it away and run: tangerine reindex",
    ),
}


def explain(error: BaseException, *, where: str) -> CatalogueError:
    """The same error with cause and remedy; ``where`` names the database to the user."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", None)
    cause, remedy = _REMEDIES.get(
        # The extended codes carry the primary one in their lowest byte.
        code & 0xFF if isinstance(code, int) else -1,
        (
            f"The catalogue failed ({original}).",
            "Check the data folder (TANGERINE_DATA_DIR), then try again.",
        ),
    )
    return CatalogueError(f"{cause} ({where})", remedy=remedy)


class Database:
    """Transactions on one database; every failure becomes a CatalogueError.

    Thread-safe: each transaction takes a connection of its own from the pool.
    """

    def __init__(self, engine: Engine, *, where: str) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{_WRITE: True})
        self._where = where

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the database, whatever others commit meanwhile."""
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing where it raises."""
        with self._explained(), self._writing.begin() as connection:
            yield connection

    def migrate(self, migrations: Sequence[Migration] = MIGRATIONS) -> int:
        """Bring the schema to the newest version and return it."""
        with self._explained():
            return migrate(self._writing, migrations)

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
        """Close every connection that is not in use."""
        self._engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise explain(error, where=self._where) from error
        except sqlite3.Error as error:
            raise explain(error, where=self._where) from error


def open_database(
    location: Path | str,
    *,
    busy_seconds: float = BUSY_SECONDS,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> Database:
    """Open the database at a path (SQLite) or an SQLAlchemy URL and migrate it.

    The folder of a path is made where it is missing. Raises CatalogueError.
    """
    if isinstance(location, Path):
        try:
            location.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueError(
                f"The data folder cannot be made ({error.strerror}: {location.parent}).",
                remedy="Point TANGERINE_DATA_DIR at a folder that may be written.",
            ) from error
        url = URL.create("sqlite", database=str(location))
        where = str(location)
    else:
        url = make_url(location)
        where = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": busy_seconds})
        _tune_sqlite(engine)
    else:
        # Repeatable reads are what SQLite's transactions are by nature.
        engine = create_engine(url, isolation_level="REPEATABLE READ", pool_pre_ping=True)
    database = Database(engine, where=where)
    try:
        database.migrate(migrations)
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
