"""Generations on disk and in memory: commit, swap, notice, rebuild, clean up."""

from __future__ import annotations

import shutil
import threading
import weakref
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from core.errors import CatalogueError
from index.catalogue import Catalogue
from index.manifest import NAME, DamagedGenerationError, Manifest, read_manifest
from index.snapshot import IndexSnapshot
from index.tuning import IndexRules

_ATTEMPTS = 5
"""How often a generation is looked up again that another process replaced meanwhile."""

_Signature = tuple[int, int, int]


@dataclass
class _Slot:
    """What this process holds of one collection."""

    loading: threading.Lock = field(default_factory=threading.Lock)
    snapshot: IndexSnapshot | None = None
    signature: _Signature | None = None
    held: weakref.WeakValueDictionary[int, IndexSnapshot] = field(
        default_factory=weakref.WeakValueDictionary
    )


class SnapshotStore:
    """The current snapshot of every collection. Blocking, thread-safe.

    On disk: ``<folder>/<collection>/<generation>/`` and, beside the generations, one
    manifest that says which of them is current.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        rules: IndexRules = IndexRules(),  # noqa: B008 - frozen
    ) -> None:
        self._folder = folder
        self._catalogue = catalogue
        self._rules = rules
        self._slots: dict[str, _Slot] = {}
        self._slots_lock = threading.Lock()
        self._log = structlog.get_logger(__name__)

    def writer_lock(self, collection: str) -> FileLock:
        """The lock that makes this process the only one to write the collection.

        It falls when the process dies, whatever kills it. Raises CatalogueError where the
        data folder cannot be written.
        """
        folder = self._folder / collection
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueError(
                f"The index folder cannot be made ({error.strerror}: {folder}).",
                remedy="Point TANGERINE_DATA_DIR at a folder that may be written.",
            ) from error
        # A reindex takes and gives it back on whichever thread is free.
        return FileLock(folder / ".lock", thread_local=False)

    def current(self, collection: str) -> IndexSnapshot | None:
        """The current snapshot, None before the first reindex.

        Costs one ``stat`` while nothing has changed. A generation that another process
        committed is noticed and loaded; meanwhile other callers get the one before. What is
        missing, torn or foreign is rebuilt from the catalogue. Raises CatalogueError.
        """
        slot = self._slot(collection)
        if slot.snapshot is not None and slot.signature == self._signature(collection):
            return slot.snapshot
        if not slot.loading.acquire(blocking=slot.snapshot is None):
            return slot.snapshot
        try:
            signature = self._signature(collection)
            if slot.snapshot is None or slot.signature != signature:
                self._load(collection, slot)
            return slot.snapshot
        finally:
            slot.loading.release()

    def commit(self, collection: str) -> IndexSnapshot | None:
        """Build the catalogue's present state, write it and make it current everywhere.

        The caller holds the :meth:`writer_lock`. Raises CatalogueError, with the
        generation before intact and current, where the disk is full or may not be written.
        """
        slot = self._slot(collection)
        snapshot = self._build(collection)
        if snapshot is None:
            return None
        try:
            self._write(snapshot)
        except OSError as error:
            raise CatalogueError(
                f"The index could not be written ({error.strerror or error}).",
                remedy="Make room on the disk that holds TANGERINE_DATA_DIR and reindex again.",
            ) from error
        with slot.loading:
            self._hold(slot, snapshot, self._signature(collection))
        self._sweep(collection, slot)
        return snapshot

    def discard(self, collection: str) -> None:
        """Delete every generation of a collection of which the catalogue knows nothing.

        The caller holds the :meth:`writer_lock`.
        """
        home = self._folder / collection
        (home / NAME).unlink(missing_ok=True)
        for entry in home.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)

    def is_current(self, collection: str, generation: int) -> bool:
        """Whether the manifest names this generation and its files are as they were written."""
        try:
            manifest = self.manifest(collection)
            if manifest is None or manifest.generation != generation:
                return False
            manifest.verify(self._folder / collection / str(generation))
        except DamagedGenerationError:
            return False
        return True

    def manifest(self, collection: str) -> Manifest | None:
        """What the disk says of the current generation, None where there is none.

        Raises DamagedGenerationError.
        """
        manifest = read_manifest(self._folder / collection)
        if manifest is not None and manifest.collection != collection:
            raise DamagedGenerationError("the manifest belongs to another collection")
        return manifest

    def read(self, collection: str, manifest: Manifest) -> IndexSnapshot:
        """The generation of this manifest from the disk. Raises DamagedGenerationError."""
        return IndexSnapshot.read(self._folder / collection / str(manifest.generation), manifest)

    def _load(self, collection: str, slot: _Slot) -> None:
        for _ in range(_ATTEMPTS):
            signature = self._signature(collection)
            try:
                manifest = self.manifest(collection)
                if manifest is None:
                    break
                if slot.snapshot is None and manifest.generation != self._catalogue.generation(
                    collection
                ):
                    # A process died between the catalogue's commit and the swap.
                    break
                self._hold(slot, self.read(collection, manifest), signature)
            except DamagedGenerationError as error:
                if signature != self._signature(collection):
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
        try:
            with self.writer_lock(collection).acquire(blocking=False):
                if not self.is_current(collection, snapshot.generation):
                    self._write(snapshot)
                self._sweep(collection, slot)
        except Timeout:
            # A reindex is writing: it will swap in a generation of its own.
            pass
        except (OSError, CatalogueError) as error:
            self._log.warning("index.not_written", collection=collection, reason=str(error))
        self._hold(slot, snapshot, self._signature(collection))

    def _build(self, collection: str) -> IndexSnapshot | None:
        with self._catalogue.contents(collection) as contents:
            try:
                return IndexSnapshot.of(
                    contents,
                    scratch=self._folder,
                    rules=self._rules,
                    before=self._slot(collection).snapshot,
                )
            except OSError as error:
                raise CatalogueError(
                    f"The index could not be built ({error.strerror or error}).",
                    remedy="Make room on the disk that holds TANGERINE_DATA_DIR.",
                ) from error

    def _write(self, snapshot: IndexSnapshot) -> None:
        home = self._folder / snapshot.collection
        folder = home / str(snapshot.generation)
        # Left by a killed run, or damaged: no manifest vouches for it.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            manifest = snapshot.write(folder)
            manifest.write(home)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _sweep(self, collection: str, slot: _Slot) -> None:
        """Delete generations that are neither current nor held by a reader of this process."""
        home = self._folder / collection
        try:
            manifest = self.manifest(collection)
            if manifest is None:
                return
            keep = {str(manifest.generation), *(str(held) for held in slot.held)}
            for entry in home.iterdir():
                if entry.is_dir() and entry.name not in keep:
                    shutil.rmtree(entry, ignore_errors=True)
                elif entry.name.startswith(f".{NAME}."):
                    entry.unlink(missing_ok=True)
        except (OSError, DamagedGenerationError) as error:
            self._log.warning("index.not_swept", collection=collection, reason=str(error))

    def _hold(self, slot: _Slot, snapshot: IndexSnapshot, signature: _Signature | None) -> None:
        slot.snapshot, slot.signature = snapshot, signature
        slot.held[snapshot.generation] = snapshot

    def _slot(self, collection: str) -> _Slot:
        with self._slots_lock:
            return self._slots.setdefault(collection, _Slot())

    def _signature(self, collection: str) -> _Signature | None:
        try:
            found = (self._folder / collection / NAME).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
