"""What a reindex costs at its end: ``python -m bench.generations [pictures …]``.

A catalogue of so many pictures and as many captions with vectors as CLIP's, without any encoder
or file of a picture: what is left is what a reindex costs besides scanning and encoding, and what
a start costs besides the model. One line for each number of pictures: the first commit, the
opening by a process that starts, and the way from one encoded picture, or a hundred, to the
search that finds them: the catalogue's transaction and the next generation. The last column is
the whole generation that takes many such changes in, beside questions. Each figure is the median
of five, with the smallest and the largest, but of one for the first and the last.
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
from core.domain.types import Look, ModelIdentity, Vectors
from index.catalogue.catalogue import Catalogue
from index.catalogue.records import Batch, CaptionVector, Changes, NewPicture, PictureVector, Stamp
from index.snapshots.store import SnapshotStore

_SIZES = (1_000, 10_000, 100_000)
_CHANGES = (1, 100)
_RUNS = 5
_BLOCK = 4096
MODEL = ModelIdentity(name="clip-like", fingerprint="0" * 64, dimension=DIMENSION)
NAME = "gallery"
_LOOK = Look(b"a placeholder of 28 bytes...", 1_700_000_000.0)
_WORDS = (
    "red",
    "small",
    "wooden",
    "bright",
    "old",
    "blue",
    "quiet",
    "round",
    "sweet",
    "tall",
    "wet",
    "green",
    "soft",
)


def main() -> None:
    """Print one line for each number of pictures."""
    console = Console(width=140)
    changes = [f"{changed} changed" for changed in _CHANGES]
    table = Table("pictures", "engine", "first commit", "open", *changes, "merge", box=None)
    for rows in [int(argument) for argument in sys.argv[1:]] or _SIZES:
        with tempfile.TemporaryDirectory() as folder:
            table.add_row(f"{rows:,}", *_measured(Path(folder), rows))
    console.print(table)
    console.print(f"load: {os.getloadavg()[0]:.1f}")


def _measured(folder: Path, rows: int) -> list[str]:
    spare = _RUNS * sum(_CHANGES)
    pictures, texts = clip_like(rows + spare, rows + spare)
    catalogue = Catalogue.open(folder / "catalogue.sqlite")
    store = SnapshotStore(folder / "index", catalogue)
    fill = Filling(catalogue, pictures, texts)
    fill.encode(rows)
    fill.apply()
    first = _seconds(lambda: commit(store))
    opened = [
        _seconds(lambda: SnapshotStore(folder / "index", catalogue).current(NAME))
        for _ in range(_RUNS)
    ]
    snapshot = store.current(NAME)
    assert snapshot is not None
    cells = [snapshot.picture_index.kind, _told([first]), _told(opened)]
    for changed in _CHANGES:
        times = []
        for _ in range(_RUNS):
            fill.encode(changed)
            times.append(_seconds(lambda: commit(store, fill.apply())))
        cells.append(_told(times))
    cells.append(_told([_seconds(lambda: commit(store))]))
    catalogue.close()
    return cells


class Filling:
    """Puts pictures and captions into a catalogue as a reindex does, but for the encoding."""

    def __init__(
        self,
        catalogue: Catalogue,
        pictures: Vectors,
        texts: Vectors,
        model: ModelIdentity = MODEL,
        *,
        captioned: bool = True,
    ) -> None:
        self._catalogue = catalogue
        self._model = model
        self._captioned = captioned
        self._pictures = pictures
        self._texts = texts
        self._run = 0
        self._fresh = range(0)
        self._paths: set[str] = set()

    def encode(self, count: int) -> None:
        """Keep the vectors of so many more."""
        fingerprint = self._model.fingerprint
        self._run = self._catalogue.begin_run(NAME, fingerprint, full=False)
        self._fresh = range(self._fresh.stop, self._fresh.stop + count)
        for start in self._fresh[::_BLOCK]:
            rows = range(start, min(start + _BLOCK, self._fresh.stop))
            batch = Batch(
                stamps=tuple(Stamp(path(row), 1, 1, f"{row:064x}") for row in rows),
                pictures=tuple(
                    PictureVector(f"{row:064x}", 224, 224, self._pictures[row], _LOOK)
                    for row in rows
                ),
                captions=tuple(
                    CaptionVector(text, self._texts[row]) for row in rows for text in self._of(row)
                ),
            )
            self._catalogue.save(
                self._run, NAME, fingerprint, batch, done=rows.stop, total=self._fresh.stop
            )
        self._paths |= {path(row) for row in self._fresh}

    def apply(self) -> Changes:
        """Let the collection have them."""
        added = tuple(
            NewPicture(path(row), f"{row:064x}", 224, 224, self._of(row)) for row in self._fresh
        )
        changes = Changes(
            added=added,
            changed=(),
            removed=(),
            failures=(),
            paths=frozenset(self._paths),
            vanished=frozenset(),
        )
        self._catalogue.apply(self._run, NAME, self._model, changes)
        return changes

    def _of(self, row: int) -> tuple[str, ...]:
        return (caption(row),) if self._captioned else ()


def path(row: int) -> str:
    """The name of a picture."""
    return f"{row:07}.jpg"


def caption(row: int) -> str:
    """A sentence of words that other captions have, too."""
    return f"a {_WORDS[row % 7]} {_WORDS[row % 11]} number {row} on a {_WORDS[row % 13]}"


def commit(store: SnapshotStore, changes: Changes | None = None) -> None:
    """The next generation of the catalogue's state, or of these changes alone."""
    with store.writer_lock(NAME):
        store.commit(NAME, changes)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _told(times: list[float]) -> str:
    middle = f"{statistics.median(times):.3f} s"
    return middle if len(times) == 1 else f"{middle} ({min(times):.3f} to {max(times):.3f})"


if __name__ == "__main__":
    main()
