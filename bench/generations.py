"""What a generation costs to commit and to open: ``python -m bench.generations [pictures …]``.

A catalogue of so many pictures with vectors as CLIP's, without any encoder or file of a
picture: what is left is what a reindex costs besides scanning and encoding, and what a start
costs besides the model. One line for each number of pictures: the first commit, the opening by
a process that starts, and commits after one picture, and after a hundredth of them, changed.
Each figure is the median of five, but of one for the first commit.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.clip_like import DIMENSION, clip_like
from core.types import ModelIdentity, Vectors
from index.catalogue import Catalogue
from index.records import Batch, CaptionVector, Changes, NewPicture, PictureVector
from index.store import SnapshotStore

_SIZES = (1_000, 10_000, 100_000)
_RUNS = 5
_BLOCK = 4096
_CAPTIONS = 1000
_MODEL = ModelIdentity(name="clip-like", fingerprint="0" * 64, dimension=DIMENSION)
_NAME = "gallery"


def main() -> None:
    """Print one line for each number of pictures."""
    console = Console(width=140)
    table = Table(
        "pictures", "engine", "first commit", "open", "one changed", "1% changed", box=None
    )
    for rows in [int(argument) for argument in sys.argv[1:]] or _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            table.add_row(f"{rows:,}", *_measured(Path(folder), rows))
    console.print(table)
    console.print(f"load: {os.getloadavg()[0]:.1f}")


def _measured(folder: Path, rows: int) -> list[str]:
    pictures, texts = clip_like(rows + _RUNS * (1 + rows // 100), _CAPTIONS)
    catalogue = Catalogue.open(folder / "catalogue.sqlite")
    store = SnapshotStore(folder / "index", catalogue)
    fill = _Filling(catalogue, pictures, texts)
    fill.add(rows)
    first = _seconds(lambda: _commit(store))
    opened = [
        _seconds(lambda: SnapshotStore(folder / "index", catalogue).current(_NAME))
        for _ in range(_RUNS)
    ]
    snapshot = store.current(_NAME)
    assert snapshot is not None
    cells = [snapshot.picture_index.kind, _told([first]), _told(opened)]
    for changed in (1, rows // 100):
        times = []
        for _ in range(_RUNS):
            fill.add(changed)
            times.append(_seconds(lambda: _commit(store)))
        cells.append(_told(times))
    catalogue.close()
    return cells


class _Filling:
    """Puts pictures and captions into a catalogue as a reindex does, but for the encoding."""

    def __init__(self, catalogue: Catalogue, pictures: Vectors, texts: Vectors) -> None:
        self._catalogue = catalogue
        self._pictures = pictures
        self._texts = texts
        self._done = 0

    def add(self, count: int) -> None:
        """So many more."""
        fingerprint = _MODEL.fingerprint
        run = self._catalogue.begin_run(_NAME, fingerprint, full=False)
        fresh = range(self._done, self._done + count)
        for start in fresh[::_BLOCK]:
            rows = range(start, min(start + _BLOCK, fresh.stop))
            batch = Batch(
                pictures=tuple(
                    PictureVector(f"{row:064x}", 224, 224, self._pictures[row]) for row in rows
                ),
                captions=tuple(
                    CaptionVector(f"caption {row}", self._texts[row])
                    for row in rows
                    if row < len(self._texts)
                ),
            )
            self._catalogue.save(run, _NAME, fingerprint, batch, done=rows.stop, total=fresh.stop)
        added = tuple(
            NewPicture(
                f"{row:07}.jpg",
                f"{row:064x}",
                224,
                224,
                (f"caption {row}",) if row < len(self._texts) else (),
            )
            for row in fresh
        )
        self._done = fresh.stop
        paths = frozenset(f"{row:07}.jpg" for row in range(self._done))
        changes = Changes(added=added, changed=(), removed=(), failures=(), paths=paths)
        self._catalogue.apply(run, _NAME, _MODEL, changes)


def _commit(store: SnapshotStore) -> None:
    with store.writer_lock(_NAME):
        store.commit(_NAME)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _told(times: list[float]) -> str:
    middle = f"{statistics.median(times):.2f} s"
    return middle if len(times) == 1 else f"{middle} ({min(times):.2f} to {max(times):.2f})"


if __name__ == "__main__":
    main()
