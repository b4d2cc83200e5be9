"""The generations of one collection on disk: written beside each other, made current by a swap."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from core.domain.errors import CatalogueError
from index.snapshots.delta import Generation, LayeredSnapshot
from index.snapshots.snapshot import IndexSnapshot
from index.vectors.manifest import NAME, DamagedGenerationError, Manifest, read_manifest

Signature = tuple[int, int, int]
"""What tells one manifest from the next without reading it."""


class Generations:
    """One collection's folder: its generations and, beside them, the manifest. Blocking.

    A generation is whole, or holds what has changed since a whole one, which the manifest
    then names, too. A writer holds the :meth:`lock`.
    """

    def __init__(self, folder: Path, collection: str) -> None:
        """``folder`` is that of all collections."""
        self._home = folder / collection
        self._collection = collection

    def lock(self) -> FileLock:
        """The writer's lock. Raises CatalogueError where the folder cannot be made."""
        try:
            # Never the data folder: where that is gone its disk is, and whatever were made in
            # its place would be in the way when it comes back.
            self._home.parent.mkdir(exist_ok=True)
            self._home.mkdir(exist_ok=True)
        except OSError as error:
            raise CatalogueError(
                f"The index folder cannot be made ({error.strerror}: {self._home}).",
                remedy="Point TANGERINE_DATA_DIR at a folder that may be written.",
            ) from error
        # A reindex takes and gives it back on whichever thread is free.
        return FileLock(self._home / ".lock", thread_local=False)

    def signature(self) -> Signature | None:
        """Of the manifest that is there now, None where there is none. Costs one ``stat``."""
        try:
            found = (self._home / NAME).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def manifest(self) -> Manifest | None:
        """What the disk says of the current generation, None where there is none.

        Raises DamagedGenerationError.
        """
        manifest = read_manifest(self._home)
        if manifest is not None and manifest.collection != self._collection:
            raise DamagedGenerationError("the manifest belongs to another collection")
        return manifest

    def is_current(self, generation: int) -> bool:
        """Whether the manifest names this generation and its files are as they were written."""
        try:
            manifest = self.manifest()
            if manifest is None or manifest.generation != generation:
                return False
            manifest.verify(self._home)
        except DamagedGenerationError:
            return False
        return True

    def is_there(self, manifest: Manifest) -> bool:
        """Whether every file of it is there in its size; their contents are not read."""
        return all(each.is_there(self._home) for each in manifest.layers)

    def read(
        self,
        manifest: Manifest,
        base: IndexSnapshot | None = None,
        *,
        at_once: int = sys.maxsize,
    ) -> Generation:
        """The generation of this manifest, over a ``base`` where that is known already.

        Of mapped vectors with more than ``at_once`` bytes, only the size is compared.
        Raises DamagedGenerationError where a file is missing, torn or not what it says.
        """
        if base is None or manifest.base is None:
            base = IndexSnapshot.read(self._home, manifest, at_once)
        if manifest.base is None:
            return base
        return LayeredSnapshot.read(self._home, manifest, base)

    def write(self, snapshot: Generation, below: Manifest | None = None) -> Manifest:
        """Write a generation and make it the current one, in one step.

        ``below`` is the manifest of the generation before, for one that holds changes alone.
        Raises OSError; the generation before is then intact and current.
        """
        with self._fresh_folder(snapshot.generation) as folder:
            if isinstance(snapshot, IndexSnapshot):
                manifest = snapshot.write(folder)
            else:
                assert below is not None, "changes lie over something"
                manifest = snapshot.write(folder, below.whole)
            manifest.write(self._home)
        return manifest

    def sweep(self, keep: Collection[str]) -> None:
        """Delete generations that are neither current nor among these folders.

        Raises OSError, DamagedGenerationError.
        """
        manifest = self.manifest()
        if manifest is None:
            return
        names = {*(each.folder for each in manifest.layers), *keep}
        for entry in self._home.iterdir():
            if entry.is_dir() and entry.name not in names:
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name.startswith(f".{NAME}."):
                entry.unlink(missing_ok=True)

    def discard(self) -> None:
        (self._home / NAME).unlink(missing_ok=True)
        for entry in self._home.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)

    @contextmanager
    def _fresh_folder(self, generation: int) -> Iterator[Path]:
        """A folder beside what is current; gone again where writing to it fails."""
        try:
            manifest = self.manifest()
        except DamagedGenerationError:
            manifest = None
        used = {each.folder for each in manifest.layers} if manifest is not None else set()
        # At most two are in use.
        names = (str(generation), f"{generation}.whole", f"{generation}.again")
        folder = self._home / next(name for name in names if name not in used)
        # Left by a killed run: no manifest vouches for it.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
