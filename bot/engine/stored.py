"""What lies in the data folder, read without a model: for ``tangerine status`` and ``verify``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.engine.database import open_catalogue, revisions_of
from bot.engine.files import upload_files
from bot.engine.specs import collection_specs, has_data, make_data_dir, operators
from bot.engine.vectors import copies_of
from config.settings import Settings
from index.catalogue.catalogue import Catalogue
from index.library.grants import StoredGrants
from index.library.library import CollectionSpec, FolderLibrary
from index.library.overlay import Overlays
from index.snapshots.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class Stored:
    specs: tuple[CollectionSpec, ...]
    catalogue: Catalogue
    store: SnapshotStore
    overlays: Overlays
    grants: StoredGrants
    library: FolderLibrary


@asynccontextmanager
async def open_stored(settings: Settings, *, writes: bool = False) -> AsyncIterator[Stored]:
    """Open the catalogue; who only reads leaves no folder behind where there was none.

    Raises CatalogueError, SourceError.
    """
    with ExitStack() as stack:
        home = settings.data_dir
        if writes or has_data(home):
            make_data_dir(home)
        else:
            home = Path(stack.enter_context(TemporaryDirectory(prefix="tangerine-")))
        async with _opened(settings, home) as stored:
            yield stored


@asynccontextmanager
async def _opened(settings: Settings, home: Path) -> AsyncIterator[Stored]:
    catalogue = await asyncio.to_thread(open_catalogue, settings, home)
    try:
        specs = collection_specs(settings)
        uploads = upload_files(settings, home)
        revisions = revisions_of(settings, catalogue, uploads)
        copies = await asyncio.to_thread(copies_of, settings, catalogue)
        store = SnapshotStore(home / "index", catalogue, newest=revisions.generation, copies=copies)
        overlays = Overlays(catalogue.database, uploads, revisions=revisions)
        named = [spec.name for spec in specs if spec.is_named]
        grants = await asyncio.to_thread(StoredGrants.open, overlays, named=named)
        grants.change_operators(operators(settings))
        library = FolderLibrary(specs, catalogue, store, overlays, grants=grants)
        yield Stored(specs, catalogue, store, overlays, grants, library)
    finally:
        await asyncio.to_thread(catalogue.close)
