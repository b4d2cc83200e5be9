"""Generations in memory and on disk: commit, swap, notice, rebuild, clean up."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from filelock import FileLock, Timeout

from core.domain.errors import CatalogueError
from index.catalogue.catalogue import Catalogue
from index.catalogue.contents import Contents
from index.catalogue.records import Changes
from index.catalogue.sampled import SampledContents
from index.snapshots.delta import Generation, LayeredSnapshot, layers_of
from index.snapshots.generations import Generations, Signature
from index.snapshots.snapshot import IndexSnapshot
from index.vectors.manifest import BaseGeneration, DamagedGenerationError, Manifest
from index.vectors.tuning import IndexRules

if TYPE_CHECKING:
    from index.snapshots.engine_copies import EngineCopies

_ATTEMPTS = 5
"""How often a generation is looked up again that another process replaced meanwhile."""


@dataclass
class _Slot:
    files: Generations
    loading: threading.Lock = field(default_factory=threading.Lock)
    snapshot: Generation | None = None
    signature: Signature | None = None
    # By the names of their folders, which stay while somebody here holds them.
    held: weakref.WeakValueDictionary[str, Generation] = field(
        default_factory=weakref.WeakValueDictionary
    )
    # The whole generation that is current or below, and its files: not to be read again.
    whole: tuple[BaseGeneration, IndexSnapshot] | None = None

    def hold(
        self, snapshot: Generation, manifest: Manifest | None, signature: Signature | None
    ) -> None:
        """Let this be the current one; ``manifest``: its own, where it lies on the disk."""
        self.snapshot, self.signature, self.whole = snapshot, signature, None
        if manifest is not None:
            base, _ = layers_of(snapshot)
            self.whole = manifest.whole, base
            self.held[manifest.whole.folder] = base
            self.held[manifest.own.folder] = snapshot

    def held_of(self, manifest: Manifest) -> Generation | None:
        """The generation of this manifest, where it is the one that is held."""
        snapshot = self.snapshot
        if snapshot is None or self.whole is None or self.whole[0] != manifest.whole:
            return None
        return snapshot if snapshot.generation == manifest.generation else None

    def read(self, manifest: Manifest, at_once: int) -> Generation:
        """The generation of this manifest; a base that is held is not read again.

        Raises DamagedGenerationError.
        """
        known = self.whole if self.whole is not None and self.whole[0] == manifest.base else None
        return self.files.read(manifest, known and known[1], at_once=at_once)


class SnapshotStore:
    """The current snapshot of every collection. Blocking, thread-safe.

    On disk: ``<folder>/<collection>/<generation>/`` and, beside the generations, one
    manifest that says which of them is current. ``newest`` tells of generations that processes
    with other folders have made; None where there are no such processes. ``copies``: collections
    whose vectors are in an engine; their snapshots hold a sample.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        rules: IndexRules = IndexRules(),  # noqa: B008 - frozen
        newest: Callable[[str], int | None] = lambda _: None,
        copies: EngineCopies | None = None,
    ) -> None:
        self._folder = folder
        self._catalogue = catalogue
        self._rules = rules
        self._newest = newest
        self.copies = copies
        self._slots: dict[str, _Slot] = {}
        self._slots_lock = threading.Lock()
        self._log = structlog.get_logger(__name__)

    def writer_lock(self, collection: str) -> FileLock:
        """The lock that makes this process the only one to write the collection.

        The system releases it when the process dies. Raises CatalogueError where the
        data folder cannot be written.
        """
        return self._slot(collection).files.lock()

    def is_written(self, collection: str) -> bool:
        """Whether any process holds the :meth:`writer_lock`.

        Call it only after a run has begun: the check itself holds the lock for a moment.
        """
        try:
            with self.writer_lock(collection).acquire(blocking=False):
                return False
        except Timeout:
            return True
        except (OSError, CatalogueError):
            return False

    def current(self, collection: str) -> Generation | None:
        """The current snapshot, None before the first reindex.

        Costs one ``stat`` while nothing has changed. A generation that another process
        committed is noticed and loaded; meanwhile other callers get the one before. What is
        missing, torn or foreign is rebuilt from the catalogue. Raises CatalogueError.
        """
        slot = self._slot(collection)
        newest = self._newest(collection)
        if self._is_held(slot, newest):
            return slot.snapshot
        if not slot.loading.acquire(blocking=slot.snapshot is None):
            return slot.snapshot
        try:
            if not self._is_held(slot, newest) and not self._is_coming(collection, slot):
                self._load(collection, slot, newest)
            return slot.snapshot
        finally:
            slot.loading.release()

    def commit(self, collection: str, changes: Changes | None = None) -> Generation | None:
        """Write the catalogue's present state and make it current everywhere.

        ``changes``: all that the catalogue has otherwise than in the generation before, whose
        vectors are as they were. They are written by themselves, in a time that grows with
        their number; :meth:`merge` should follow. Without them, or where they are most of the
        pictures, everything is rebuilt.

        The caller holds the :meth:`writer_lock`. Raises CatalogueError, with the
        generation before intact and current, where the disk is full or may not be written.
        """
        slot = self._slot(collection)
        snapshot: Generation | None = None
        below: Manifest | None = None
        sampled = self.sampled(collection)
        if changes is not None and changes.searchable and not (changes.mended or sampled):
            snapshot, below = self._layered(collection, slot, changes)
        if snapshot is None:
            snapshot = self._build(collection)
        if snapshot is None:
            return None
        try:
            manifest = slot.files.write(snapshot, below)
        except OSError as error:
            raise CatalogueError(
                f"The index could not be written ({error.strerror or error}).",
                remedy="Make room on the disk that holds TANGERINE_DATA_DIR and reindex again.",
            ) from error
        with slot.loading:
            slot.hold(snapshot, manifest, slot.files.signature())
        self._sweep(collection, slot)
        if sampled and self.copies is not None:
            self.copies.keep_up(collection)
        return snapshot

    @contextmanager
    def contents(self, collection: str) -> Iterator[Contents]:
        """What the snapshots of a collection are made of: all of it, or a sample.

        Raises CatalogueError.
        """
        with self._catalogue.contents(collection) as contents:
            if self.copies is None or not self.copies.covers(collection):
                yield contents
            else:
                yield SampledContents(contents.connection, collection, self.copies.sample)

    def sampled(self, collection: str) -> bool:
        """Whether the snapshots of a collection hold a sample of it."""
        return self.copies is not None and self.copies.covers(collection)

    def merge(self, collection: str) -> None:
        """Make a whole generation of one with many changes; until then, that one is searched.

        Does nothing where there are few. The caller holds the :meth:`writer_lock`. Raises
        CatalogueError as :meth:`commit`.
        """
        try:
            manifest = self.manifest(collection)
        except DamagedGenerationError:
            return  # it is rebuilt when it is opened
        if manifest is None or manifest.base is None:
            return
        rules, pictures = self._rules, manifest.base.pictures
        if pictures == 0 or manifest.changes > min(
            rules.merged_from, rules.merged_share * pictures
        ):
            self.commit(collection)

    def discard(self, collection: str) -> None:
        """Delete every generation of a collection of which the catalogue knows nothing.

        The caller holds the :meth:`writer_lock`.
        """
        self._slot(collection).files.discard()
        if self.copies is not None and self.copies.covers(collection):
            self.copies.forget(collection)

    def is_current(self, collection: str, generation: int) -> bool:
        return self._slot(collection).files.is_current(generation)

    def manifest(self, collection: str) -> Manifest | None:
        """What the disk says of the current generation, None where there is none.

        Raises DamagedGenerationError.
        """
        return self._slot(collection).files.manifest()

    def read(self, collection: str, manifest: Manifest) -> Generation:
        """The generation of this manifest from the disk, every byte of which was compared.

        Raises DamagedGenerationError.
        """
        return self._slot(collection).files.read(manifest)

    @staticmethod
    def _is_held(slot: _Slot, newest: int | None) -> bool:
        """Whether what is held is current, by this folder and by ``newest``."""
        held = slot.snapshot
        if held is None or slot.signature != slot.files.signature():
            return False
        return newest is None or newest <= held.generation

    def _is_coming(self, collection: str, slot: _Slot) -> bool:
        """Whether a reindex that goes on in this folder is about to swap in what is newer."""
        is_here = slot.snapshot is not None and slot.signature == slot.files.signature()
        return is_here and self.is_written(collection)

    def _load(self, collection: str, slot: _Slot, newest: int | None) -> None:
        for _ in range(_ATTEMPTS):
            signature = slot.files.signature()
            try:
                manifest = slot.files.manifest()
                if manifest is None:
                    break
                if slot.snapshot is None and manifest.generation != self._catalogue.generation(
                    collection
                ):
                    # A process died between the catalogue's commit and the swap.
                    break
                if newest is not None and manifest.generation < newest:
                    break  # another node has made a newer one
                slot.hold(slot.read(manifest, self._rules.checked_at_once), manifest, signature)
            except DamagedGenerationError as error:
                if signature != slot.files.signature():
                    continue  # replaced while it was read: the next one is fine
                self._log.warning("index.damaged", collection=collection, reason=str(error))
                break
            else:
                return
        self._rebuild(collection, slot)

    def _rebuild(self, collection: str, slot: _Slot) -> None:
        snapshot = self._build(collection)
        if snapshot is None:
            slot.snapshot, slot.signature = None, None
            return
        manifest = None
        try:
            with slot.files.lock().acquire(blocking=False):
                if not slot.files.is_current(snapshot.generation):
                    manifest = slot.files.write(snapshot)
                self._sweep(collection, slot)
        except Timeout:
            # A reindex is writing: it will swap in a generation of its own.
            pass
        except (OSError, CatalogueError) as error:
            self._log.warning("index.not_written", collection=collection, reason=str(error))
        slot.hold(snapshot, manifest, slot.files.signature())

    def _build(self, collection: str) -> IndexSnapshot | None:
        before = self._slot(collection).snapshot
        with self.contents(collection) as contents:
            try:
                return IndexSnapshot.of(
                    contents,
                    scratch=self._folder,
                    rules=self._rules,
                    before=None if before is None else layers_of(before)[0],
                )
            except OSError as error:
                raise CatalogueError(
                    f"The index could not be built ({error.strerror or error}).",
                    remedy="Make room on the disk that holds TANGERINE_DATA_DIR.",
                ) from error

    def _layered(
        self, collection: str, slot: _Slot, changes: Changes
    ) -> tuple[LayeredSnapshot, Manifest] | tuple[None, None]:
        """The changes over the generation before, and that one's manifest.

        None where all is to be built anew: most has changed, there are so few pictures that it
        takes no time, or the disk does not hold the generation before.
        """
        touched = len(changes.added) + len(changes.changed) + len(changes.removed)
        try:
            below = slot.files.manifest()
            if (
                below is None
                or below.pictures < self._rules.layered_from
                or touched > self._rules.layered_share * below.pictures
                or not slot.files.is_there(below)
            ):
                return None, None
            before = slot.held_of(below) or slot.read(below, self._rules.checked_at_once)
        except DamagedGenerationError:
            return None, None
        base, delta = layers_of(before)
        with self._catalogue.contents(collection) as contents:
            state = contents.identity, contents.generation
            if state != (before.identity, before.generation + 1):
                return None, None
            found = LayeredSnapshot(
                contents.generation, base, delta.changed(base, contents, changes)
            )
            # They differ where the catalogue was restored and the files have another history.
            return (found, below) if len(found.pictures) == contents.count else (None, None)

    def _sweep(self, collection: str, slot: _Slot) -> None:
        """Delete generations that are neither current nor held by a reader of this process."""
        try:
            slot.files.sweep([*slot.held])
        except (OSError, DamagedGenerationError) as error:
            self._log.warning("index.not_swept", collection=collection, reason=str(error))

    def _slot(self, collection: str) -> _Slot:
        with self._slots_lock:
            return self._slots.setdefault(collection, _Slot(Generations(self._folder, collection)))
