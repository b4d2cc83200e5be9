"""Where the catalogue of an installation is kept: in its data folder, or in the database set."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from config.settings import Settings
from core.domain.errors import CatalogueError
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import FILE, Database, look_at
from index.catalogue.node_tables import node_tables
from index.catalogue.shared_counts import SharedCounts
from index.library.revisions import FileRevisions, Revisions, SharedRevisions
from index.library.upload_files import UploadFiles

_T = TypeVar("_T")


def location_of(settings: Settings) -> Path | str:
    """The catalogue's file, or the address of its database, with a password in it."""
    if settings.database_url is None:
        return settings.data_dir / FILE
    return settings.database_url.get_secret_value()


def open_catalogue(settings: Settings, home: Path | None = None) -> Catalogue:
    """The catalogue, made where there was none. Blocking. Raises CatalogueError.

    ``home`` stands in for a data folder that is not there.
    """
    location = location_of(settings)
    if isinstance(location, Path):
        return Catalogue.open((home or settings.data_dir) / FILE)
    return Catalogue.open(location, beside=settings.data_dir)


def looked_at(settings: Settings) -> Database | None:
    """The database to be read as it is, None where there is none yet. Blocking."""
    location = location_of(settings)
    if isinstance(location, Path) and not location.exists():
        return None
    return look_at(location)


def read_from(settings: Settings, read: Callable[[Connection], _T]) -> _T | None:
    """What is read from the catalogue as it is; None where it cannot be. Blocking.

    A missing, older or damaged one is for those to tell who look at the catalogue itself.
    """
    try:
        database = looked_at(settings)
        if database is None:
            return None
        with closing(database), database.read() as connection:
            return read(connection)
    except CatalogueError:
        return None


def revisions_of(settings: Settings, catalogue: Catalogue, uploads: UploadFiles) -> Revisions:
    """How processes on this catalogue learn of changes."""
    if settings.database_url is None:
        return FileRevisions(uploads)
    return SharedRevisions(catalogue.database)


async def shared_counts(settings: Settings, catalogue: Catalogue) -> SharedCounts | None:
    """Where all nodes count requests, None where each process has its own catalogue.

    Raises CatalogueError.
    """
    if settings.database_url is None:
        return None
    await asyncio.to_thread(catalogue.database.make, node_tables)
    return SharedCounts(catalogue.database)


@asynccontextmanager
async def followed(
    settings: Settings, catalogue: Catalogue, uploads: UploadFiles
) -> AsyncIterator[Revisions]:
    """The same, for a program that goes on: what others change is heard of at once."""
    revisions = revisions_of(settings, catalogue, uploads)
    if not isinstance(revisions, SharedRevisions):
        yield revisions
        return
    # A thread of its own: it waits for as long as the program runs.
    thread = threading.Thread(target=revisions.follow, name="changes", daemon=True)
    thread.start()
    try:
        yield revisions
    finally:
        revisions.stop()
        await asyncio.to_thread(thread.join)
