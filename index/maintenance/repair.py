"""Rebuilds what is damaged from what is intact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import Timeout

from core.domain.errors import ReindexRunning, TangerineError
from core.domain.threads import finished_in_thread
from index.catalogue.catalogue import Catalogue
from index.catalogue.records import Suspects
from index.catalogue.schema import words
from index.catalogue.word_rows import damaged_words, drop_words
from index.indexing.reindexer import Reindexer
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.library.retention import Retention
from index.maintenance.differences import REPAIR, Difference, Fault
from index.maintenance.verify import verify_collection
from index.snapshots.store import SnapshotStore

if TYPE_CHECKING:
    from index.snapshots.engine_copies import EngineCopies

_PASSES = 4
"""A damaged row may hide a damaged vector, which may hide a damaged index: one pass finds one."""

_BY_REINDEX = frozenset(
    {Fault.NEW, Fault.GONE, Fault.CHANGED, Fault.CAPTIONS, Fault.MODEL, Fault.VECTOR}
)
_BY_RETENTION = frozenset({Fault.UPLOAD_STRAY, Fault.UPLOAD_PLACE, Fault.UPLOAD_MARK})


@dataclass(frozen=True, slots=True)
class Repaired:
    mended: tuple[Difference, ...] = ()
    left: tuple[Difference, ...] = ()

    @classmethod
    def all(cls, parts: Iterable[Repaired]) -> Repaired:
        parts = list(parts)
        return cls(
            mended=tuple(each for part in parts for each in part.mended),
            left=tuple(each for part in parts for each in part.left),
        )


class Repairer:
    """Repairs collections: index files, vectors, rows of the folder, leftovers of uploads.

    Other differences remain, each with its remedy.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        store: SnapshotStore,
        overlays: Overlays,
        reindexer: Reindexer,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._overlays = overlays
        self._reindexer = reindexer

    async def repair(self, spec: CollectionSpec) -> Repaired:
        """Verify the collection, repair it, and verify it again, until nothing more is won.

        A reindex that finds most of the pictures gone is not confirmed by this. Raises
        CatalogueError where the catalogue is damaged beyond its own indexes.
        """
        seen: dict[Difference, None] = {}
        if await finished_in_thread(self._catalogue.database.mend):
            message = "SQLite's own indexes disagreed with their tables"
            seen[Difference(spec.name, Fault.CATALOGUE, message, REPAIR)] = None
        left, trouble = await self._verify(spec), None
        for _ in range(_PASSES):
            if not left:
                break
            before = left
            seen |= dict.fromkeys(before)
            trouble = await self._once(spec, before)
            left = await self._verify(spec)
            if trouble is not None or left == before:
                break
        mended = tuple(each for each in seen if each not in left)
        return Repaired(mended, (*([trouble] if trouble else []), *left))

    async def _once(self, spec: CollectionSpec, found: Sequence[Difference]) -> Difference | None:
        """Repair these; what made it impossible, where something did."""
        faults = {difference.fault for difference in found}
        suspects = _suspects(found)
        fault = Fault.FOLDER if faults & _BY_REINDEX else Fault.INDEX
        try:
            if faults & _BY_RETENTION:
                await finished_in_thread(Retention(self._overlays).repair)
            if Fault.CAPTION_ROW in faults:
                await finished_in_thread(self._catalogue.rehash_captions, spec.name)
            if Fault.WORDS in faults:
                await finished_in_thread(self._forget_words, spec.name)
            if faults & _BY_REINDEX or suspects:
                await self._reindexer.reindex(spec.name, suspects=suspects)
            if Fault.COPIES in faults and self._store.copies is not None:
                await finished_in_thread(self._copy_again, self._store.copies, spec.name)
            if Fault.INDEX in faults:
                await finished_in_thread(self._rebuild, spec.name)
        except TangerineError as error:
            message = f"it could not be repaired: {error.message.rstrip('.')}"
            return Difference(spec.name, fault, message, error.remedy)
        return None

    async def _verify(self, spec: CollectionSpec) -> list[Difference]:
        return await finished_in_thread(
            verify_collection, self._catalogue, self._store, self._overlays, spec
        )

    def _forget_words(self, collection: str) -> None:
        """Forget damaged words, so that they are read again."""
        with self._overlays.change() as change:
            for sha256 in list(damaged_words(change.connection, collection)):
                drop_words(change.connection, words.c.sha256 == sha256)

    @staticmethod
    def _copy_again(copies: EngineCopies, collection: str) -> None:
        """Let the engine have all vectors."""
        copies.mend(collection)
        if not copies.catch_up(collection):
            raise ReindexRunning(collection=collection)

    def _rebuild(self, collection: str) -> None:
        """Rewrite the index, even where its files pass their checksums."""
        try:
            with self._store.writer_lock(collection).acquire(blocking=False):
                if not self._store.commit(collection):
                    self._store.discard(collection)
        except Timeout:
            raise ReindexRunning(collection=collection) from None


def _suspects(differences: Sequence[Difference]) -> Suspects:
    suspects = Suspects()
    for difference in differences:
        suspects |= difference.suspects
    return suspects
