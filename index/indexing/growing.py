"""A collection that is searched while it is indexed for the first time."""

from __future__ import annotations

import random
from collections.abc import Sequence

from core.domain.ports import Clock
from core.domain.threads import finished_in_thread
from core.domain.types import ModelIdentity
from index.catalogue.catalogue import Catalogue
from index.catalogue.records import Changes, NewPicture, text_hash
from index.indexing.batch_writer import BatchWriter
from index.indexing.encode import FileWorker
from index.indexing.scan import Scan, SourcePicture
from index.snapshots.store import SnapshotStore

FIRST_S = 1.5
"""Seconds until the first pictures can be searched: somebody is looking at an empty page."""

PAUSE_S = 3.0
"""Seconds between two commits at least."""

FEWEST = 20
"""Pictures of the first commit, where the folder has more: among a handful, any picture is a
strong match."""

_SHARE = 10
"""A commit writes all that there is, which takes longer the more it is: between two of them
lies ten times what the last one took."""


class Growing:
    """Commits what is encoded every few seconds, until the run commits all of it itself."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: SnapshotStore,
        clock: Clock,
        writer: BatchWriter,
        *,
        collection: str,
        identity: ModelIdentity,
        scan: Scan,
        known: frozenset[str],
        first_s: float = FIRST_S,
    ) -> None:
        """``known``: the paths of the pictures that can be searched already."""
        self._catalogue = catalogue
        self._store = store
        self._clock = clock
        self._writer = writer
        self._collection = collection
        self._identity = identity
        self._waiting = {p.path: p for p in scan.pictures if p.path not in known}
        self._next_at = clock.monotonic() + first_s
        self._committing = False
        self._searchable = bool(known)
        self.added = 0
        """How many pictures can be searched by now that could not before this run."""

    async def after_file(self, worker: FileWorker, done: int, total: int) -> None:
        """A file is through: commit where it is time. Raises CatalogueError."""
        if self._committing or self._clock.monotonic() < self._next_at:
            return
        self._committing = True
        try:
            await self._commit(worker, done, total)
        finally:
            self._committing = False

    async def _commit(self, worker: FileWorker, done: int, total: int) -> None:
        started = self._clock.monotonic()
        ready = self._ready(worker)
        if len(ready) >= (1 if self._searchable else min(FEWEST, len(self._waiting))):
            # What is ready has its vectors here, but maybe not in the catalogue yet.
            await self._writer.flush(done=done, total=total)
            await finished_in_thread(self._publish, tuple(ready))
            self.added += len(ready)
            self._searchable = True
            for each in ready:
                del self._waiting[each.path]
        took = self._clock.monotonic() - started
        self._next_at = self._clock.monotonic() + max(PAUSE_S, _SHARE * took)

    @staticmethod
    def in_turn(pictures: Sequence[SourcePicture]) -> list[SourcePicture]:
        """A shuffled order, so that the first pictures are a sample of all folders."""
        mixed = list(pictures)
        random.Random(0).shuffle(mixed)  # noqa: S311 - no secret
        return mixed

    def _publish(self, added: tuple[NewPicture, ...]) -> None:
        self._catalogue.grow(self._collection, self._identity, added)
        changes = Changes(added, changed=(), removed=(), failures=(), paths=frozenset())
        self._store.commit(self._collection, changes)
        self._store.merge(self._collection)

    def _ready(self, worker: FileWorker) -> list[NewPicture]:
        ready = []
        for path, picture in self._waiting.items():
            sha256 = worker.contents.get(path)
            size = None if sha256 is None else worker.encoded.get(sha256)
            if sha256 is None or size is None or path in worker.failed:
                continue
            if all(text_hash(text) in worker.texts for text in picture.captions):
                ready.append(NewPicture(path, sha256, *size, picture.captions))
        return ready
