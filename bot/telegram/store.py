"""The SQLite file behind what the Telegram bot remembers: expendable, bounded, never in the way."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from core.domain.cache_file import open_cache

# What a person has deleted must not be found in free pages of the file.
_SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS files (
    bot INTEGER, sha256 TEXT, file_id TEXT NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (bot, sha256)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (
    bot INTEGER, chat INTEGER, message INTEGER, caller INTEGER NOT NULL,
    pictures TEXT NOT NULL, used REAL NOT NULL, home INTEGER,
    PRIMARY KEY (bot, chat, message)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS asked_by ON asked (caller);
CREATE TABLE IF NOT EXISTS shown (
    bot INTEGER, chat INTEGER, message INTEGER, picture TEXT NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (bot, chat, message)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (
    bot INTEGER, chat INTEGER, message INTEGER, edited INTEGER, body TEXT NOT NULL,
    used REAL NOT NULL, PRIMARY KEY (bot, chat, message, edited)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (
    bot INTEGER, name TEXT, value TEXT NOT NULL,
    PRIMARY KEY (bot, name)
) WITHOUT ROWID;
"""
_VERSION = 1


class Store:
    """One connection for all threads, used by one at a time; None keeps all in memory.

    A damaged file is replaced by an empty one, and a full disk costs only the remembering.
    Blocking work runs in a thread. Before it is opened and once it is closed, nothing is
    found and nothing is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._log = structlog.get_logger("telegram-memory")

    async def open(self) -> None:
        await asyncio.to_thread(self._open)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    async def run(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a statement, committed when this returns; none where it failed."""

        def work() -> list[Any]:
            with self._lock:
                return self._db.execute(statement, values).fetchall() if self._db else []

        try:
            return await asyncio.to_thread(work)
        except sqlite3.Error as error:
            self._log.warning("not remembered", error=str(error))
            return []

    def _open(self) -> None:
        with self._lock:
            if self._db is not None:
                return
            self._db = open_cache(self._path, _SCHEMA, replacing=self._tell_replaced)
            self._db.isolation_level = None  # autocommit
            _upgrade(self._db)

    def _tell_replaced(self) -> None:
        self._log.warning("replaced a damaged file", path=str(self._path))

    def _close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None


def _upgrade(db: sqlite3.Connection) -> None:
    """Bring the tables of an earlier version up to date."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info(asked)")]
    if version < 1 and columns and "home" not in columns:
        db.execute("ALTER TABLE asked ADD COLUMN home INTEGER")
    db.execute(f"PRAGMA user_version = {_VERSION}")
