"""A million vectors: takes 6 GB of memory, 5 GB of disk and some minutes; only where it is named.

Besides the ratios it prints what a collection of a million captioned pictures costs a program
that starts: the seconds until it can be searched, and the memory for each vector beside the
files that are mapped. ``python -m bench.million FOLDER`` is that program.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import psutil

from bench.clip_like import DIMENSION
from bench.comparison import Comparison, Timed
from bench.index import comparisons, searched
from core.domain.types import ModelIdentity, Picture
from index.snapshots.generations import Generations
from index.snapshots.snapshot import IndexSnapshot
from index.snapshots.stored_rows import StoredCaptions, StoredPictures
from index.vectors.tuning import IndexRules

_ROWS = 1_000_000
_NAME = "million"
_MODEL = ModelIdentity(name="clip-like", fingerprint="0" * 64, dimension=DIMENSION)


def _written(home: Path, rows: int) -> None:
    """A generation of so many pictures, each with a caption; one index serves as both."""
    found, _, _ = searched(rows)
    pictures = [
        Picture(f"{n:08x}", _NAME, f"{n // 1000:04}/{n:07}.jpg", _caption(n), f"{n:064x}", 640, 480)
        for n in range(rows)
    ]
    snapshot = IndexSnapshot(
        collection=_NAME,
        generation=1,
        identity=_MODEL,
        pictures=StoredPictures.of(_NAME, pictures),
        captions=StoredCaptions.of((each.caption, n) for n, each in enumerate(pictures)),
        picture_index=found,
        caption_index=found,
    )
    with Generations(home, _NAME).lock():
        Generations(home, _NAME).write(snapshot)


def _caption(row: int) -> str:
    return f"a sentence about what picture {row} shows"


def opened(rows: int) -> dict[str, float]:
    """What :func:`main` tells of a collection of so many pictures, in a process of its own."""
    with tempfile.TemporaryDirectory() as home:
        _written(Path(home), rows)
        command = [sys.executable, "-m", "bench.million", home]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told)
    return found


def main() -> None:
    """Open what was written to the folder that is named; print seconds and bytes as JSON."""
    files = Generations(Path(sys.argv[1]), _NAME)
    manifest = files.manifest()
    assert manifest is not None
    before, started = _anonymous(), time.perf_counter()
    found = files.read(manifest, at_once=IndexRules().checked_at_once)
    seconds = time.perf_counter() - started
    vectors = len(found.picture_index) + len(found.caption_index)
    told = {"seconds": seconds, "bytes": (_anonymous() - before) / vectors}
    print(json.dumps(told))


def _anonymous() -> int:
    """Bytes of memory of this process that no file stands behind."""
    memory = psutil.Process().memory_info()
    return int(memory.rss - memory.shared)


def _told_of_opening(comparison: Comparison) -> Comparison:
    """The same line, above which stands what opening costs."""

    def prepare() -> AbstractContextManager[tuple[Timed, Timed]]:
        told = opened(_ROWS)
        print(
            f"{_ROWS:,} captioned pictures opened in {told['seconds']:.2f} s; "
            f"{told['bytes']:.0f} bytes of memory a vector beside mapped files"
        )
        return comparison.prepare()

    return replace(comparison, prepare=prepare)


_LINES = comparisons(_ROWS, (1, 16))
COMPARISONS = (_told_of_opening(_LINES[0]), *_LINES[1:])

if __name__ == "__main__":
    main()
