"""SQLite files of what can be made again: a damaged one is replaced by an empty one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path


def open_cache(
    path: Path | None,
    schema: str,
    *,
    wait_s: float = 5.0,
    replacing: Callable[[], object] = lambda: None,
) -> sqlite3.Connection:
    """A connection for one thread at a time; ``path`` None keeps everything in memory. Blocking.

    Args:
        path: the file; made where it is missing.
        schema: statements that make its tables where they are missing.
        wait_s: how long another connection may hold the file.
        replacing: called before a damaged file is deleted.

    Raises:
        sqlite3.Error: the file cannot be made, or stays locked.
        OSError: a damaged file cannot be deleted.

    """
    try:
        return _opened(path, schema, wait_s)
    except sqlite3.OperationalError:  # locked, or out of reach: not damaged
        raise
    except sqlite3.DatabaseError:
        if path is None:
            raise
        replacing()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return _opened(path, schema, wait_s)


def _opened(path: Path | None, schema: str, wait_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path or ":memory:", timeout=wait_s, check_same_thread=False)
    try:
        # Before anything is written, which settles what the schema says of the file itself.
        connection.executescript(schema)
        connection.execute("PRAGMA journal_mode = WAL")
        # What a power cut loses can be made again.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection
