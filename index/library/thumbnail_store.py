"""Thumbnails on the disk, so that a restart, or a way back up a long page, decodes nothing again.

One SQLite file in the data folder, derived like an index: deleting it costs time, no data.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import structlog

from core.domain.cache_file import open_cache
from index.catalogue.hashing import read_content

_SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS thumbnails (
    sha256 TEXT NOT NULL, edge INTEGER NOT NULL, jpeg BLOB NOT NULL, used_at REAL NOT NULL,
    PRIMARY KEY (sha256, edge)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ix_thumbnails_used_at ON thumbnails (used_at);
"""
_DAY = 86_400.0
_AFTER_CLEANING = 0.9
"""Of the most bytes, how many are left once it is full: each cleaning makes room for a while."""


class ThumbnailStore:
    """JPEGs by content (SHA-256) and edge. Blocking, thread-safe, for one process.

    At most ``max_bytes`` of them: what was not used for longest goes first. Nothing is raised:
    without its file, or with a broken one, it is empty, and the log says so. ``now`` gives
    seconds since the epoch.
    """

    def __init__(self, path: Path, max_bytes: int, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._now = now
        self._guard = threading.Lock()
        self._log = structlog.get_logger("index.thumbnails")
        self._connection: sqlite3.Connection | None = None
        self._bytes = 0

    def open(self) -> None:
        """Open the file; a damaged one is replaced."""
        with self._guard:
            try:
                self._connection = open_cache(
                    self._path, _SCHEMA, replacing=lambda: self._tell("made anew")
                )
                self._bytes = self._counted(self._connection)
            except (sqlite3.Error, OSError):
                self._connection = None
                self._tell("not kept")

    def close(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def get(self, sha256: str, edge: int) -> bytes | None:
        key = sha256, edge
        row = None
        with self._working() as connection:
            if connection is not None:
                row = connection.execute(
                    "SELECT jpeg, used_at FROM thumbnails WHERE sha256 = ? AND edge = ?", key
                ).fetchone()
            # Once a day is enough to find unused thumbnails, and saves a write for each read.
            if connection is not None and row is not None and self._now() - row[1] > _DAY:
                connection.execute(
                    "UPDATE thumbnails SET used_at = ? WHERE sha256 = ? AND edge = ?",
                    (self._now(), *key),
                )
        return None if row is None else bytes(row[0])

    def put(self, sha256: str, edge: int, jpeg: bytes, file: Path) -> None:
        """Keep the JPEG that was made of a file, unless it alone is too large.

        Nor where the file holds something else by now: a wrong one would stay.
        """
        try:
            if len(jpeg) > self._max_bytes or read_content(file).sha256 != sha256:
                return
        except OSError:
            return
        with self._working() as connection:
            if connection is None:
                return
            connection.execute(
                "INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?, ?)",
                (sha256, edge, jpeg, self._now()),
            )
            self._bytes += len(jpeg)
            if self._bytes > self._max_bytes:
                self._clean(connection)

    def contents(self) -> set[str]:
        found: set[str] = set()
        with self._working() as connection:
            if connection is not None:
                rows = connection.execute("SELECT DISTINCT sha256 FROM thumbnails")
                found.update(sha256 for (sha256,) in rows)
        return found

    def drop(self, contents: Iterable[str]) -> None:
        """Forget the thumbnails of these contents; nothing of them is left in the file."""
        with self._working() as connection:
            if connection is not None:
                keys = [(each,) for each in contents]
                connection.executemany("DELETE FROM thumbnails WHERE sha256 = ?", keys)
                self._bytes = self._counted(connection)

    @staticmethod
    def _counted(connection: sqlite3.Connection) -> int:
        row = connection.execute("SELECT COALESCE(SUM(LENGTH(jpeg)), 0) FROM thumbnails").fetchone()
        return int(row[0])

    def _clean(self, connection: sqlite3.Connection) -> None:
        left = self._counted(connection)
        goal = _AFTER_CLEANING * self._max_bytes
        if left <= self._max_bytes:
            self._bytes = left
            return
        rows = connection.execute(
            "SELECT sha256, edge, LENGTH(jpeg) FROM thumbnails ORDER BY used_at"
        ).fetchall()
        gone = []
        for sha256, edge, size in rows:
            if left <= goal:
                break
            gone.append((sha256, edge))
            left -= size
        connection.executemany("DELETE FROM thumbnails WHERE sha256 = ? AND edge = ?", gone)
        self._bytes = left

    @contextlib.contextmanager
    def _working(self) -> Iterator[sqlite3.Connection | None]:
        """One transaction; None where there is no file. What fails in it is logged."""
        with self._guard:
            try:
                with self._connection or contextlib.nullcontext():
                    yield self._connection
            except sqlite3.Error as error:
                # As on a full disk: the next one may do.
                self._log.warning("thumbnails", state="not kept", reason=str(error))

    def _tell(self, what: str) -> None:
        self._log.warning("thumbnails", state=what)
