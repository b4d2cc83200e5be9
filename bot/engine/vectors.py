"""Where the vectors of collections are kept: in each node, or in the engine set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from config.settings import Settings
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import Database

if TYPE_CHECKING:
    from index.catalogue.engine_rows import Copied
    from index.snapshots.engine_copies import EngineCopies
    from index.vectors.milvus import MilvusEngine

SAMPLE = 4096
"""Pictures of such a collection in each node's memory: as many as calibrations look at."""


def milvus(settings: Settings) -> MilvusEngine | None:
    """The engine of the settings, which is asked nothing yet; None where none is set."""
    if settings.vectors_url is None:
        return None
    # Imported here: with vectors in the nodes, nobody pays for what others need.
    from index.vectors.milvus import MilvusEngine  # noqa: PLC0415

    return MilvusEngine(settings.vectors_url.get_secret_value())


def copies_of(settings: Settings, catalogue: Catalogue) -> EngineCopies | None:
    """The copies in it, with tables for what is there. Blocking. Raises CatalogueError."""
    engine = milvus(settings)
    if engine is None:
        return None
    from index.snapshots.engine_copies import EngineCopies  # noqa: PLC0415 - as above

    names = settings.remote_collections
    copies = EngineCopies(catalogue.database, engine, names, sample=SAMPLE)
    copies.make()
    return copies


def copied(settings: Settings, database: Database) -> Mapping[str, Copied]:
    """How far each collection is there. Blocking. Raises CatalogueError."""
    from index.catalogue.engine_rows import copied as come  # noqa: PLC0415 - as above

    with database.read() as connection:
        return {name: come(connection, name) for name in sorted(settings.remote_collections)}
