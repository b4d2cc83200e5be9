"""Programs of two versions over one database: the older one goes on until the newer ends that."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, UniqueConstraint, func, select, text

from bot.tasks.databases import migrate_database
from bot.terminal.console import Terminal
from core.domain.errors import CatalogueError
from core.search.moderation import Criterion
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import FILE, open_database
from index.catalogue.job_rows import JobTable
from index.catalogue.migrations import NEWEST, OLDEST, STEPS, SchemaVersions, version_of
from index.catalogue.schema import metadata, uploads
from index.library.revisions import SharedRevisions
from tests.galleries import Gallery

_OLDEST = Path(__file__).with_name("oldest_schema.json")
"""The tables of version :data:`OLDEST`: what its programs read and write."""


def _tables() -> dict[str, object]:
    return {
        table.name: {
            "columns": {
                each.name: [str(each.type), bool(each.nullable), each.primary_key]
                for each in table.columns
            },
            "unique": sorted(
                [column.name for column in each.columns]
                for each in table.constraints
                if isinstance(each, UniqueConstraint)
            ),
        }
        for table in metadata.sorted_tables
    }


def test_the_oldest_program_finds_what_it_needs() -> None:
    """Each of its tables and columns is there, and what it leaves out of a row has a default.

    Where a version takes any of it away, OLDEST becomes that of the first program that does
    without, and the file is written anew: ``python -m tests.index.catalogue.test_older_programs``.
    """
    oldest = json.loads(_OLDEST.read_text(encoding="utf-8"))
    assert oldest["version"] == OLDEST, "write the file anew"
    for name, before in oldest["tables"].items():
        table = metadata.tables[name]
        now = _tables()[name]
        assert isinstance(now, dict)
        assert now["unique"] == before["unique"], name
        for column in table.columns:
            if column.name in before["columns"]:
                assert now["columns"][column.name] == before["columns"][column.name], column
            else:
                assert column.nullable or column.server_default is not None, column
        assert not set(before["columns"]) - set(now["columns"]), name


def _expand(connection: Connection) -> None:
    """A step that only adds: what the older program writes gets the default."""
    connection.execute(text("ALTER TABLE uploads ADD COLUMN mood TEXT DEFAULT 'calm' NOT NULL"))
    connection.execute(text("CREATE TABLE moods (mood TEXT PRIMARY KEY)"))
    connection.execute(text("CREATE INDEX ix_uploads_mood ON uploads (mood)"))


def _contract(connection: Connection) -> None:
    """A step that takes away what the older program reads."""
    connection.execute(text("ALTER TABLE uploads RENAME COLUMN caption TO title"))


EXPANDED = SchemaVersions(NEWEST + 1, {**STEPS, NEWEST + 1: _expand}, OLDEST)
CONTRACTED = SchemaVersions(
    NEWEST + 2, {**EXPANDED.steps, NEWEST + 2: _contract}, oldest=NEWEST + 1
)


def _node(home: Path, name: str, database: str, schema: SchemaVersions | None = None) -> Gallery:
    """A program of this version, or of ours, with the same database and files as the others."""
    versions = {} if schema is None else {"schema": schema}
    if database == "postgresql":
        return Gallery(home, data=home / name, shared=SharedRevisions, **versions)  # type: ignore[arg-type]
    return Gallery(home, **versions)  # type: ignore[arg-type]


def _moods(node: Gallery) -> set[str]:
    with node.catalogue.database.read() as connection:
        return set(connection.scalars(text("SELECT mood FROM uploads")))


async def test_an_older_program_goes_on(own_database: str, tmp_path: Path) -> None:
    """Beside the newer one, and started anew: it answers, writes, indexes and forgets."""
    old = _node(tmp_path, "old", own_database)
    old.add("red.png", "red", 1, caption="a red thing")
    await old.reindex()
    sun = await old.post("yellow", 2, "a sun")
    assert await old.seen() == {"red.png", "a sun"}
    new = _node(tmp_path, "new", own_database, EXPANDED)
    again = _node(tmp_path, "again", own_database)
    for number, node in enumerate((old, again), start=3):
        # The older program's own statements, and the newer one's, on what the other wrote.
        sea = await node.post("blue", number, f"a sea {number}", uploader="web:2", anyway=True)
        await node.contributions.remove(sun.id, community="web", remover="web:1")
        await node.contributions.restore(sun.id, community="web")
        await node.moderation.add(Criterion("red"), community="web")
        await node.moderation.drop("red", community="web")
        node.add(f"green{number}.png", "green", number)
        await node.reindex()
        await new.contributions.remove(sea.id, community="web", remover="web:2")
        await new.contributions.restore(sea.id, community="web")
    await again.contributions.forget("web:2")
    wanted = {"red.png", "green3.png", "green4.png", "a sun"}
    for node in (old, new, again):
        with node.catalogue.database.read() as connection:
            assert version_of(connection) == NEWEST + 1
        if isinstance(node.revisions, SharedRevisions):
            node.revisions.look()
        assert await node.seen() == wanted
        assert node.verify() == []
        assert _moods(node) == {"calm"}
        node.close()


async def test_a_program_that_is_too_old_is_refused(own_database: str, tmp_path: Path) -> None:
    """At its start, and where it runs at what it writes next, before anything is changed."""
    old, before = (
        _node(tmp_path, "old", own_database),
        _node(tmp_path, "before", own_database, EXPANDED),
    )
    await old.post("yellow", 2, "a sun")
    new = _node(tmp_path, "new", own_database, CONTRACTED)
    with pytest.raises(CatalogueError, match="newer version of this program"):
        await old.post("blue", 3, "a sea")
    with pytest.raises(CatalogueError, match=r"newer version.*\n?.*") as refused:
        _node(tmp_path, "again", own_database)
    assert "Update the program" in str(refused.value.remedy)
    if own_database == "postgresql":
        # What was taken away may be what hides a picture: nothing is shown any more.
        assert isinstance(old.revisions, SharedRevisions)
        with pytest.raises(CatalogueError, match="newer version of this program"):
            old.revisions.look()
        with pytest.raises(CatalogueError, match="newer"):
            JobTable(old.catalogue.database).unfinished()
    with before.catalogue.database.write() as connection:
        assert connection.scalar(select(func.count()).select_from(uploads)) == 1
    for node in (old, before, new):
        node.close()


@pytest.mark.process
def test_a_migration_waits_behind_readers(blank_url: str) -> None:
    """Who reads for long is not cut off, others read meanwhile, and neither is failed for it."""
    reading, read = threading.Event(), threading.Event()

    def read_on() -> None:
        with (
            closing(Catalogue.open(blank_url)) as catalogue,
            catalogue.database.read() as connection,
        ):
            connection.execute(select(uploads.c.id)).all()
            reading.set()
            read.wait(60)
            connection.execute(select(uploads.c.caption)).all()

    def migrate() -> None:
        open_database(blank_url, schema=EXPANDED).close()

    reader = threading.Thread(target=read_on)
    reader.start()
    assert reading.wait(60)
    migration = threading.Thread(target=migrate)
    migration.start()
    with closing(open_database(blank_url)) as other:
        for _ in range(20):
            with other.read() as connection:
                connection.execute(select(uploads.c.id)).all()
                assert version_of(connection) == NEWEST
    assert migration.is_alive()
    read.set()
    reader.join()
    migration.join()
    with closing(open_database(blank_url)) as other, other.read() as connection:
        assert version_of(connection) == NEWEST + 1


def test_an_older_program_copies_no_newer_database(tmp_path: Path) -> None:
    """It would leave behind what it does not know."""
    (tmp_path / "new").mkdir()
    open_database(tmp_path / "new" / FILE, schema=EXPANDED).close()
    copying = migrate_database(Terminal(), str(tmp_path / "new"), str(tmp_path / "to"), json=False)
    with pytest.raises(CatalogueError, match="newer version of this program"):
        asyncio.run(copying)
    assert not (tmp_path / "to" / FILE).exists()


if __name__ == "__main__":
    frozen = {"version": NEWEST, "tables": _tables()}
    _OLDEST.write_text(json.dumps(frozen, indent=1, sort_keys=True) + "\n", encoding="utf-8")
