"""Reindexes of 1,000 to 100,000 pictures of which few or none have changed, for ``bench.scale``.

The catalogue, the index and the folder are those of the program; an encoder and a decoder that
cost nothing leave what a reindex costs besides. Half of the changes are new pictures, half are
pictures that went. Vectors are short ones: nobody searches them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from bench.collection import make_collection
from bench.generations import NAME, path
from bot.engine.engine import SystemClock
from index.catalogue.catalogue import Catalogue
from index.indexing.reindexer import Reindexer
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.library.upload_files import UploadFiles
from index.snapshots.store import SnapshotStore
from tests.fakes import FakeDecoder, FakeEmbedder, FakeEncoder, picture_bytes


class Reindexed:
    """A collection of so many pictures whose folder changes from run to run."""

    def __init__(self, home: Path, pictures: int) -> None:
        encoder = FakeEncoder()
        rng = np.random.default_rng(pictures)
        vectors = rng.standard_normal((pictures, encoder.identity.dimension), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        # Without captions, as a table of them speaks of any picture: then, all is looked at.
        make_collection(home, vectors, vectors[:0], encoder.identity, captioned=False)
        self.folder = home / "pictures"
        self._next = iter(range(pictures))
        self._added = 0
        self.catalogue = Catalogue.open(home / "data" / "catalogue.sqlite")
        self._reindexer = Reindexer(
            [CollectionSpec(NAME, self.folder, frozenset({"web"}))],
            catalogue=self.catalogue,
            store=SnapshotStore(home / "data" / "index", self.catalogue),
            overlays=Overlays(self.catalogue.database, UploadFiles(home / "data" / "uploads")),
            embedder=FakeEmbedder(encoder),
            decoder=FakeDecoder(),
            clock=SystemClock(),
        )

    def change(self, count: int) -> frozenset[str]:
        """Add and remove half of so many each; their paths."""
        names = []
        for _ in range(count // 2):
            names.append(f"new{self._added:07}.png")
            (self.folder / names[-1]).write_bytes(picture_bytes("red", self._added))
            self._added += 1
            names.append(path(next(self._next)))
            (self.folder / names[-1]).unlink()
        return frozenset(names)

    def reindex(self, paths: frozenset[str] | None = None) -> None:
        """Bring it up to date, by these paths alone or all of the folder."""
        asyncio.run(self._reindexer.reindex(NAME, paths=paths))
