"""Numbered migrations: every version leads to the newest one, a newer one is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, inspect, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from core.domain.errors import CatalogueError
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import open_database
from index.catalogue.migrations import (
    NEWEST,
    STEPS,
    SchemaVersions,
    migrate,
    version_of,
)
from index.catalogue.schema import grants, metadata

_VERSION_1 = """
CREATE TABLE collections (
    name VARCHAR(64) NOT NULL,
    generation INTEGER NOT NULL,
    model_name TEXT,
    model_fingerprint VARCHAR(64),
    model_dimension INTEGER,
    PRIMARY KEY (name)
);
CREATE TABLE runs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    collection VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    "full" BOOLEAN NOT NULL,
    started_at FLOAT NOT NULL,
    finished_at FLOAT,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL
);
CREATE INDEX ix_runs_collection ON runs (collection);
CREATE TABLE pictures (
    id VARCHAR(8) NOT NULL,
    collection VARCHAR(64) NOT NULL,
    path TEXT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT uq_pictures_collection_path UNIQUE (collection, path)
);
CREATE INDEX ix_pictures_sha256 ON pictures (sha256);
CREATE TABLE tombstones (
    id VARCHAR(8) NOT NULL,
    removed_at FLOAT NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE captions (
    picture_id VARCHAR(8) NOT NULL,
    position INTEGER NOT NULL,
    text TEXT NOT NULL,
    text_hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (picture_id, position)
);
CREATE INDEX ix_captions_text_hash ON captions (text_hash);
CREATE TABLE picture_vectors (
    sha256 VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    run INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (sha256, fingerprint)
);
CREATE TABLE caption_vectors (
    text_hash VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    run INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (text_hash, fingerprint)
);
CREATE TABLE files (
    collection VARCHAR(64) NOT NULL,
    path TEXT NOT NULL,
    size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    PRIMARY KEY (collection, path)
);
CREATE TABLE failures (
    id INTEGER NOT NULL,
    collection VARCHAR(64) NOT NULL,
    path TEXT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    code VARCHAR(64) NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_failures_collection_path ON failures (collection, path);
CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    PRIMARY KEY (version)
);
INSERT INTO schema_version VALUES (1);
"""


def _engine(file: Path) -> Engine:
    return create_engine(f"sqlite:///{file}")


def _layout(engine: Engine) -> dict[str, object]:
    found = inspect(engine)
    return {
        table: (
            [
                (c["name"], str(c["type"]), c["nullable"], c["primary_key"])
                for c in found.get_columns(table)
            ],
            sorted((i["name"], tuple(i["column_names"])) for i in found.get_indexes(table)),
            sorted(str(u["name"]) for u in found.get_unique_constraints(table)),
        )
        for table in sorted(found.get_table_names())
        if not table.startswith("sqlite_")
    }


def test_migrations_lead_to_the_schema(tmp_path: Path) -> None:
    """From nothing and from version 1 comes exactly what the queries are written for."""
    engines = [_engine(tmp_path / f"{name}.sqlite") for name in ("new", "old", "direct")]
    new, old, direct = engines
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as connection:
        connection.executescript(_VERSION_1)
    for engine in (new, old):
        with engine.begin() as connection:
            migrate(connection)
    metadata.create_all(direct)
    assert _layout(new) == _layout(old) == _layout(direct)
    for engine in engines:
        engine.dispose()


def test_version_1_keeps_everything(tmp_path: Path) -> None:
    """A catalogue from before uploads has what it had, and can take uploads."""
    file = tmp_path / "catalogue.sqlite"
    rows = {
        "collections": ("c", 3, "one", "f" * 64, 2),
        "pictures": ("aaaaaaaa", "c", "a.jpg", "1" * 64, 30, 20),
        "captions": ("aaaaaaaa", 0, "words", "2" * 64),
        "tombstones": ("bbbbbbbb", 1.5),
        "picture_vectors": ("1" * 64, "f" * 64, 1, 30, 20, b"\0\0\x80?\0\0\0\0"),
        "caption_vectors": ("2" * 64, "f" * 64, 1, b"\0\0\0\0\0\0\x80?"),
        "files": ("c", "a.png", 5, 6, "1" * 64),
        "failures": (1, "c", "bad.png", "3" * 64, 7, 8, "damaged_picture", "torn"),
        "runs": (4, "c", "f" * 64, 0, 1.0, 2.0, 1, 1),
    }
    with closing(sqlite3.connect(file)) as old, old:
        old.executescript(_VERSION_1)
        for table, row in rows.items():
            marks = ", ".join("?" * len(row))
            old.execute(f"INSERT INTO {table} VALUES ({marks})", row)
    catalogue = Catalogue.open(file)
    with catalogue.database.read() as connection:
        assert version_of(connection) == NEWEST
        for table, row in rows.items():
            added = {
                "picture_vectors": ("", None),  # by nobody, and none of frames
                "caption_vectors": ("",),
                "failures": ("", 0.0, 1),  # tried nobody knows when
            }.get(table, ())
            assert connection.execute(text(f"SELECT * FROM {table}")).all() == [row + added]
        # It was open to everybody where the settings did not say otherwise: that is kept.
        assert connection.execute(select(grants)).all() == [("c", "*", "kept", 0.0)]
        for table in metadata.sorted_tables:
            if table.name not in {*rows, "schema_version", "grants"}:
                assert connection.execute(select(table)).all() == []
    with catalogue.contents("c") as contents:
        assert [picture.caption for picture in contents.pictures] == ["words"]
        assert [block.tolist() for block in contents.picture_vectors()] == [[[1.0, 0.0]]]
    catalogue.close()


def test_version_10_looks_again_at_what_is_read_otherwise(tmp_path: Path) -> None:
    """Vectors of files but JPEGs count no more."""
    file = tmp_path / "catalogue.sqlite"
    old = open_database(file)
    paths = ("a.png", "b.JPG", "c.gif", "d/e.jpeg")
    with old.write() as connection:
        for number, path in enumerate(paths):
            content = f"{number}" * 64
            picture = (f"{number:08}", "c", path, content, 3, 2)
            connection.exec_driver_sql("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?)", picture)
            vector = (content, "f" * 64, 5, 3, 2, b"", "", None)
            connection.exec_driver_sql(
                "INSERT INTO picture_vectors VALUES (?, ?, ?, ?, ?, ?, ?, ?)", vector
            )
        connection.execute(text("UPDATE schema_version SET version = 9"))
    old.close()
    catalogue = Catalogue.open(file)
    counting = catalogue.encoded_pictures("f" * 64)
    assert set(counting) == {"1" * 64, "3" * 64}
    catalogue.close()


def test_version_14_looks_again_at_what_may_move(tmp_path: Path) -> None:
    """Vectors of animations get frames beside them: those that may be some count no more."""
    file = tmp_path / "catalogue.sqlite"
    old = open_database(file)
    with old.write() as connection:
        connection.execute(text("DROP INDEX ix_picture_vectors_moving"))
        connection.execute(text("ALTER TABLE picture_vectors DROP COLUMN frames"))
        for number, path in enumerate(("a.PNG", "b.jpg", "c.gif", "d.heic", "e.webp")):
            content = f"{number}" * 64
            picture = (f"{number:08}", "c", path, content, 3, 2)
            connection.exec_driver_sql("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?)", picture)
            vector = (content, "f" * 64, -1 if path == "e.webp" else 5, 3, 2, b"", "")
            connection.exec_driver_sql(
                "INSERT INTO picture_vectors VALUES (?, ?, ?, ?, ?, ?, ?)", vector
            )
        connection.execute(text("UPDATE schema_version SET version = 13"))
    old.close()
    catalogue = Catalogue.open(file)
    assert set(catalogue.encoded_pictures("f" * 64)) == {"1" * 64, "3" * 64}
    # What version 10 had marked stays so marked.
    since_10 = catalogue.encoded_pictures("f" * 64, since_run=-1)
    assert set(since_10) == {"1" * 64, "3" * 64, "4" * 64}
    catalogue.close()


def test_runs_are_numbered_for_ever(tmp_path: Path) -> None:
    """The number of a deleted run is not given again, in either way of building the table."""
    engine = _engine(tmp_path / "a.sqlite")
    with engine.begin() as connection:
        migrate(connection)
    with engine.connect() as connection:
        sql = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'runs'")).scalar()
    engine.dispose()
    assert "AUTOINCREMENT" in str(sql)
    assert "AUTOINCREMENT" in str(CreateTable(metadata.tables["runs"]).compile(engine))


def test_statements_are_understood_elsewhere() -> None:
    """Every table and index can be made on another database than SQLite, too."""
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert "CREATE INDEX" in str(CreateIndex(index).compile(dialect=dialect))


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A catalogue of a newer program is not touched, and the words say what to do."""
    file = tmp_path / "catalogue.sqlite"
    Catalogue.open(file).close()
    engine = _engine(file)
    with engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99, oldest = 98"))
    with pytest.raises(CatalogueError, match=r"newer version.*99.*Update the program"):
        Catalogue.open(file)
    with engine.connect() as connection:
        assert version_of(connection) == 99
    engine.dispose()


def test_a_failed_step_leaves_the_version_before(tmp_path: Path) -> None:
    """A step that fails leaves nothing behind, nor do those before it."""

    def broken(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (x INTEGER)"))
        raise ZeroDivisionError

    database = open_database(tmp_path / "catalogue.sqlite")
    later = {NEWEST + 1: lambda c: c.execute(text("CREATE TABLE extra (x INTEGER)"))}
    too_far = SchemaVersions(NEWEST + 2, {**STEPS, **later, NEWEST + 2: broken})
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        migrate(connection, too_far)
    with database.read() as connection:
        tables = set(inspect(connection).get_table_names())
        assert version_of(connection) == NEWEST
    assert not tables & {"extra", "half"}
    with database.write() as connection:
        migrate(connection, SchemaVersions(NEWEST + 1, {**STEPS, **later}))
    with database.read() as connection:
        assert inspect(connection).has_table("extra")
        assert version_of(connection) == NEWEST + 1
    database.close()


def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    """A catalogue that is up to date is left as it is."""
    file = tmp_path / "catalogue.sqlite"
    Catalogue.open(file).close()
    before = file.read_bytes()
    Catalogue.open(file).close()
    assert file.read_bytes() == before
