"""Keeps on disk what frozen towers said of pictures and texts, so that it is asked once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.domain.cache_file import open_cache
from core.domain.errors import SourceError

Rows = NDArray[np.float32]

_FILE = "features.sqlite"
_SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
CREATE TABLE IF NOT EXISTS spaces (space TEXT PRIMARY KEY, shape TEXT);
CREATE TABLE IF NOT EXISTS features (
    space TEXT, key TEXT, row BLOB, PRIMARY KEY (space, key)
);
"""
_WAIT_S = 60.0
"""How long another training may hold the file; it writes a few rows at a time."""

_ASKED = 500
"""Keys of one query; SQLite takes at least 999 in any build."""


class FeatureCache:
    """Rows float32 of equal shape by key, in spaces that never mix. Blocking, one thread.

    A space stands for what made the rows: a tower's weights and its preprocessing. A key
    stands for what was read: a hash of the picture's bytes, or of a text. A file that is
    damaged is replaced by an empty one, since everything in it can be made again.

    Args:
        folder: is made where it is missing.

    Raises:
        SourceError: the folder cannot be written.

    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = open_cache(folder / _FILE, _SCHEMA, wait_s=_WAIT_S)
        except (OSError, sqlite3.Error) as error:
            raise SourceError(
                f"Features cannot be kept in {folder}: {error}.",
                remedy="Set TANGERINE_DATA_DIR to a folder that you may write to.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def has(self, space: str, keys: Sequence[str]) -> bool:
        return len(self._found(space, keys)) == len(set(keys))

    def read(self, space: str, keys: Sequence[str]) -> Rows:
        """Rows [n, …] in the order of the keys. Raises KeyError for one that is not kept."""
        found = self._found(space, keys)
        (shape,) = self._connection.execute(
            "SELECT shape FROM spaces WHERE space = ?", (space,)
        ).fetchone() or ("[]",)
        rows = [np.frombuffer(found[key], dtype="<f4") for key in keys]
        return np.stack(rows).reshape(-1, *json.loads(shape)).astype(np.float32, copy=False)

    def write(self, space: str, keys: Sequence[str], rows: Rows) -> None:
        """Keep rows [n, …], all or none of them; what was kept under a key is replaced."""
        shape = json.dumps(rows.shape[1:])
        blobs = [np.ascontiguousarray(row, dtype="<f4").tobytes() for row in rows]
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO spaces VALUES (?, ?)", (space, shape))
            self._connection.executemany(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?)",
                [(space, key, blob) for key, blob in zip(keys, blobs, strict=True)],
            )

    def forget(self, space: str) -> None:
        """Drop a space, and give its room back to the disk."""
        with self._connection:
            self._connection.execute("DELETE FROM features WHERE space = ?", (space,))
            self._connection.execute("DELETE FROM spaces WHERE space = ?", (space,))
        self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def _found(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _ASKED):
            some = wanted[start : start + _ASKED]
            marks = ", ".join("?" * len(some))
            found |= dict(
                self._connection.execute(
                    f"SELECT key, row FROM features WHERE space = ? AND key IN ({marks})",  # noqa: S608 - question marks only
                    (space, *some),
                )
            )
        return found


def cached(
    cache: FeatureCache,
    space: str,
    keys: Sequence[str],
    size: int,
    make: Callable[[Sequence[int]], tuple[Sequence[int], Rows]],
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[int]:
    """Make what is not kept yet; returns the numbers of the keys that are kept now.

    Args:
        cache: where rows are kept.
        space: see :class:`FeatureCache`.
        keys: all different.
        size: keys go in groups of so many, and a group of which one is missing is made anew
            as a whole: a row may depend in its last digit on what it was made together with,
            and so a run that was stopped and begun again makes the same rows as one that was
            not.
        make: from numbers of keys to the numbers of those that could be made, and their rows.
        on_progress: told how many keys are done, and of how many.

    """
    kept: list[int] = []
    for start in range(0, len(keys), size):
        numbers = range(start, min(start + size, len(keys)))
        if cache.has(space, keys[numbers.start : numbers.stop]):
            kept += numbers
        else:
            made, rows = make(numbers)
            if made:
                cache.write(space, [keys[number] for number in made], rows)
            kept += made
        on_progress(numbers.stop, len(keys))
    return kept
