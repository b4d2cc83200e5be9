"""The catalogue and its index, as ``tangerine doctor`` looks at them."""

from __future__ import annotations

from contextlib import closing

from bot.doctor.findings import Finding, Findings, failed, fine, warning
from bot.engine.database import looked_at, open_catalogue
from bot.engine.specs import collection_specs
from bot.engine.vectors import copies_of
from config.settings import Settings
from core.domain.errors import TangerineError
from index.catalogue.database import Database
from index.catalogue.migrations import NEWEST, version_of
from index.maintenance.verify import verify_index
from index.snapshots.store import SnapshotStore


def check_catalogue(settings: Settings) -> Findings:
    """Whether the database can be used, and whether index and catalogue agree. Blocking.

    A catalogue of an older version is left as it is.
    """
    try:
        database = looked_at(settings)
        if database is None:
            return [fine("index", "Nothing is indexed yet; tangerine run does it at its start.")]
        with closing(database):
            version = _version_of(database)
            told = [] if settings.database_url is None else [_told(database)]
        return [*told, *_of_version(settings, version)]
    except TangerineError as error:
        return [failed("index", error.message, error.remedy)]


def _told(database: Database) -> Finding:
    return fine("database", f"The catalogue is kept in a database ({database.name}).")


def _version_of(database: Database) -> int:
    with database.read() as connection:
        return version_of(connection)


def _of_version(settings: Settings, version: int) -> Findings:
    if not version:
        return [fine("index", "Nothing is indexed yet; tangerine run does it at its start.")]
    if version < NEWEST:
        place = "the database" if settings.database_url else settings.data_dir
        return [
            warning(
                "index",
                f"The catalogue was written by an older version (schema {version}); the next "
                "start brings it to schema "
                f"{NEWEST}, which an older version may be unable to read.",
                f"Back {place} up before you start.",
            )
        ]
    told = [] if version == NEWEST else [_told_newer(version)]
    if lines := _differences(settings):
        wrong = [failed("index", line, "Repair it: tangerine verify --repair") for line in lines]
        return [*told, *wrong]
    return [*told] or [
        fine("index", "Index and catalogue agree (tangerine verify reads the files, too).")
    ]


def _told_newer(version: int) -> Finding:
    return warning(
        "index",
        f"A newer version of the program brought the catalogue to schema {version}. This one "
        f"(schema {NEWEST}) still works with it.",
        "Update this program, too.",
    )


def _differences(settings: Settings) -> list[str]:
    with closing(open_catalogue(settings)) as catalogue:
        store = SnapshotStore(
            settings.data_dir / "index", catalogue, copies=copies_of(settings, catalogue)
        )
        return [
            f"{spec.name}: {difference.message}."
            for spec in collection_specs(settings)
            for difference in verify_index(store, spec.name)
        ]
