"""What the bot remembers over restarts: file ids of sent pictures, and who asked for what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    bot INTEGER, sha256 TEXT, file_id TEXT NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (bot, sha256)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (
    bot INTEGER, chat INTEGER, message INTEGER, caller INTEGER NOT NULL,
    pictures TEXT NOT NULL, used REAL NOT NULL,
    PRIMARY KEY (bot, chat, message)
) WITHOUT ROWID;
"""
_TABLES = ("files", "asked")
_PRUNE_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a message with buttons answers, and which pictures were asked about.

    ``caller`` is a user's id, or the negative id of a chat where somebody spoke in its
    name; ``pictures`` are file ids, ready to be fetched again.
    """

    caller: int
    pictures: tuple[str, ...] = ()


class TelegramMemory:
    """A small SQLite file beside the catalogue; None keeps everything in memory.

    It holds nothing that cannot be found again or done without, so a damaged file is
    replaced by an empty one, and a full disk costs only the remembering. ``keep`` rows of
    each kind are held, the ones longest unused go first. Blocking work runs in a thread.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        keep: int = 200_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._keep = keep
        self._now = now
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._writes = 0
        self._log = structlog.get_logger("telegram-memory")

    async def open(self) -> None:
        """Open or create the file."""
        await asyncio.to_thread(self._open)

    async def close(self) -> None:
        """Close it; remembering and recalling do nothing from then on."""
        await asyncio.to_thread(self._close)

    async def file_ids(self, bot: int, hashes: Sequence[str]) -> dict[str, str]:
        """The file ids of those pictures (by SHA-256) that this bot has sent before."""
        marks = ",".join("?" * len(hashes))
        rows = await self._run(
            f"SELECT sha256, file_id FROM files WHERE bot = ? AND sha256 IN ({marks})",  # noqa: S608 - question marks only
            (bot, *hashes),
        )
        return dict(rows)

    async def keep_file_id(self, bot: int, sha256: str, file_id: str) -> None:
        """Remember the file id of a picture that was sent."""
        await self._write(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (bot, sha256, file_id, self._now())
        )

    async def forget_file_ids(self, bot: int, hashes: Sequence[str]) -> None:
        """Forget file ids that Telegram refused."""
        for sha256 in hashes:
            await self._write("DELETE FROM files WHERE bot = ? AND sha256 = ?", (bot, sha256))

    async def keep_asked(self, bot: int, chat: int, message: int, asked: Asked) -> None:
        """Remember whom a message of ours answers."""
        pictures = json.dumps(asked.pictures)
        await self._write(
            "INSERT OR REPLACE INTO asked VALUES (?, ?, ?, ?, ?, ?)",
            (bot, chat, message, asked.caller, pictures, self._now()),
        )

    async def asked(self, bot: int, chat: int, message: int) -> Asked | None:
        """Whom a message of ours answers, None where that is forgotten."""
        rows = await self._run(
            "SELECT caller, pictures FROM asked WHERE bot = ? AND chat = ? AND message = ?",
            (bot, chat, message),
        )
        return Asked(rows[0][0], tuple(json.loads(rows[0][1]))) if rows else None

    async def _run(self, statement: str, values: Sequence[Any]) -> list[Any]:
        def work() -> list[Any]:
            with self._lock:
                return self._db.execute(statement, values).fetchall() if self._db else []

        try:
            return await asyncio.to_thread(work)
        except sqlite3.Error as error:
            self._log.warning("not remembered", error=str(error))
            return []

    async def _write(self, statement: str, values: Sequence[Any]) -> None:
        await self._run(statement, values)
        self._writes += 1
        if self._writes % _PRUNE_EVERY == 0:
            await self._prune()

    async def _prune(self) -> None:
        for table in _TABLES:
            await self._run(
                f"DELETE FROM {table} WHERE used < "  # noqa: S608 - our own table names
                f"(SELECT used FROM {table} ORDER BY used DESC LIMIT 1 OFFSET ?)",
                (self._keep - 1,),
            )

    def _open(self) -> None:
        with self._lock:
            try:
                self._db = self._connect()
            except sqlite3.DatabaseError:
                if self._path is None:
                    raise
                self._log.warning("replaced a damaged file", path=str(self._path))
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)
                self._db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        # autocommit; one connection for all threads, one at a time under the lock.
        db = sqlite3.connect(
            self._path or ":memory:", isolation_level=None, check_same_thread=False
        )
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_SCHEMA)
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                db.close()
            raise
        return db

    def _close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
