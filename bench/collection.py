"""A collection of any size with nothing to encode: made once, for benchmarks of all around it.

The catalogue, the index and the folder are those of a first reindex; only the pictures are
names for a few files of one byte, which nobody ever reads, since their size and time are known.
"""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import numpy as np

from bench.clip_like import clip_like
from bench.generations import MODEL, Filling, caption, commit, path
from bench.machine import KEPT
from core.domain.types import ModelIdentity, Vectors
from index.catalogue.catalogue import Catalogue
from index.snapshots.store import SnapshotStore

_FORM = 2
"""Counts up with what is kept, so that nothing older is used."""

_LINKS = 10_000
"""Names of one file; file systems allow some 65,000."""

_ASKED = 64
_VECTORS = "asked.npy"


def kept_collection(pictures: int, model: ModelIdentity = MODEL) -> Path:
    """A folder with ``data`` (the program's) and ``pictures``, each with a caption.

    Made where it is not there yet, which takes a minute for 100,000. Whoever changes it works
    on a copy.
    """
    home = KEPT / f"collection-{_FORM}-{pictures}-{model.fingerprint[:12]}"
    if home.is_dir():
        return home
    fresh = home.with_suffix(".fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    vectors, texts = clip_like(pictures, pictures)
    make_collection(fresh, vectors, texts, model)
    np.save(fresh / _VECTORS, texts[:_ASKED])
    return fresh.rename(home)


def asked(home: Path) -> Vectors:
    """Vectors of some texts, float32 [64, d]."""
    found: Vectors = np.load(home / _VECTORS)
    return found


def make_collection(
    home: Path,
    vectors: Vectors,
    texts: Vectors,
    model: ModelIdentity,
    *,
    captioned: bool = True,
) -> None:
    """The same in a folder that is not there yet, of these vectors, float32 [n, d] both."""
    _write_pictures(home / "pictures", len(vectors), captioned=captioned)
    data = home / "data"
    catalogue = Catalogue.open(data / "catalogue.sqlite")
    filling = Filling(catalogue, vectors, texts, model, captioned=captioned)
    filling.encode(len(vectors))
    filling.apply()
    commit(SnapshotStore(data / "index", catalogue))
    catalogue.close()


def _write_pictures(folder: Path, count: int, *, captioned: bool) -> None:
    """The files that :class:`bench.generations.Filling` has in the catalogue."""
    folder.mkdir(parents=True)
    for row in range(count):
        file = folder / path(row)
        if row % _LINKS:
            file.hardlink_to(folder / path(row - row % _LINKS))
        else:
            file.write_bytes(b"x")
            os.utime(file, ns=(1, 1))
    if not captioned:
        return
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as table:
        rows = csv.writer(table)
        rows.writerow(("image", "description"))
        rows.writerows((path(row), caption(row)) for row in range(count))
