"""What lies in the data folder, read without a model: for ``tangerine status`` and ``verify``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.engine.specs import collection_specs, make_data_dir, operators
from config.settings import Settings
from index.catalogue.catalogue import Catalogue
from index.library.grants import StoredGrants
from index.library.library import CollectionSpec, FolderLibrary
from index.library.overlay import Overlays
from index.library.upload_files import UploadFiles
from index.snapshots.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class Stored:
    """Catalogue, indexes and what people added, of all collections."""

    specs: tuple[CollectionSpec, ...]
    catalogue: Catalogue
    store: SnapshotStore
    overlays: Overlays
    grants: StoredGrants
    library: FolderLibrary


@asynccontextmanager
async def open_stored(settings: Settings) -> AsyncIterator[Stored]:
    """Open the catalogue. Raises CatalogueError, SourceError."""
    make_data_dir(settings.data_dir)
    catalogue = await asyncio.to_thread(Catalogue.open, settings.data_dir / "catalogue.sqlite")
    try:
        specs = collection_specs(settings)
        store = SnapshotStore(settings.data_dir / "index", catalogue)
        overlays = Overlays(catalogue.database, UploadFiles(settings.data_dir / "uploads"))
        named = [spec.name for spec in specs if spec.is_named]
        grants = await asyncio.to_thread(StoredGrants.open, overlays, named=named)
        grants.change_operators(operators(settings))
        library = FolderLibrary(specs, catalogue, store, overlays, grants=grants)
        yield Stored(specs, catalogue, store, overlays, grants, library)
    finally:
        await asyncio.to_thread(catalogue.close)
