"""Where the Telegram bot remembers: expendable, bounded, never in the way."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine, StaticPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from core.domain.cache_file import open_cache
from core.domain.errors import CatalogueError
from index.catalogue.database import Database
from index.catalogue.remembered import remembered

_T = TypeVar("_T")

# What a person has deleted must not be found in free pages of the file.
_PRAGMAS = "PRAGMA secure_delete = ON"
_VERSION = 2


class Store:
    """The tables of :mod:`index.catalogue.remembered`: in a file, or in the set database.

    A path is a file of SQLite; None keeps all in memory. A damaged file is replaced by an empty
    one, and a full disk or a server that is away costs only the remembering. Blocking work runs
    in a thread. Before it is opened and once it is closed, nothing is found and nothing is kept.
    """

    def __init__(self, place: Path | Database | None = None) -> None:
        self._place = place
        # One connection of a file for all threads, used by one at a time.
        self._lock = threading.Lock()
        self._file: Engine | None = None
        self._open = False
        self._log = structlog.get_logger("telegram-memory")

    async def open(self) -> None:
        await asyncio.to_thread(self._opened)

    async def close(self) -> None:
        await asyncio.to_thread(self._closed)

    async def run(self, work: Callable[[Connection], _T], otherwise: _T) -> _T:
        """What ``work`` gives, committed when this returns; ``otherwise`` where it failed."""

        def done() -> _T:
            with self._transaction() as connection:
                return otherwise if connection is None else work(connection)

        try:
            return await asyncio.to_thread(done)
        except (CatalogueError, SQLAlchemyError) as error:
            # Of the driver's error: that of SQLAlchemy repeats the statement.
            self._log.warning("not remembered", error=str(getattr(error, "orig", None) or error))
            return otherwise

    async def erase(self) -> None:
        """Make what was deleted unreadable, as far as the database can."""
        try:
            await asyncio.to_thread(self._erased)
        except (CatalogueError, sqlite3.Error) as error:
            self._log.warning("not erased", error=str(error))

    @contextmanager
    def _transaction(self) -> Iterator[Connection | None]:
        if isinstance(self._place, Database):
            if not self._open:
                yield None
                return
            with self._place.beside() as connection:
                yield connection
            return
        with self._lock:
            if self._file is None:
                yield None
                return
            with self._file.begin() as connection:
                yield connection

    def _erased(self) -> None:
        if isinstance(self._place, Database):
            self._place.erase()
            return
        with self._lock:
            if self._file is not None:
                connection = self._file.raw_connection()
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
                connection.close()

    def _opened(self) -> None:
        self._open = True
        with self._lock:
            if isinstance(self._place, Database) or self._file is not None:
                return
            file = open_cache(self._place, _PRAGMAS, replacing=self._tell_replaced)
            _upgrade(file)
            self._file = create_engine("sqlite://", creator=lambda: file, poolclass=StaticPool)
            remembered.create_all(self._file)

    def _tell_replaced(self) -> None:
        self._log.warning("replaced a damaged file", path=str(self._place))

    def _closed(self) -> None:
        self._open = False
        with self._lock:
            if self._file is not None:
                self._file.dispose()
                self._file = None


def _upgrade(file: sqlite3.Connection) -> None:
    """Bring the tables of an earlier version up to date."""
    (version,) = file.execute("PRAGMA user_version").fetchone()
    if version == _VERSION:
        return
    columns = [name for _, name, *_ in file.execute("PRAGMA table_info(asked)")]
    if columns and "home" not in columns:
        file.execute("ALTER TABLE asked ADD COLUMN home INTEGER")
    file.execute("DROP INDEX IF EXISTS asked_by")
    before = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    for table in remembered.sorted_tables:
        name = table.name.removeprefix("telegram_")
        if name in before:
            file.execute(f"ALTER TABLE {name} RENAME TO {table.name}")
    if "asked" in before:
        file.execute("CREATE INDEX ix_telegram_asked_caller ON telegram_asked (caller)")
    file.execute(f"PRAGMA user_version = {_VERSION}")
    file.commit()
