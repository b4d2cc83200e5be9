"""Numbered migrations: every version leads to the newest one, a newer one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, inspect, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from core.domain.errors import CatalogueError
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import open_database
from index.catalogue.migrations import MIGRATIONS, migrate, version_of
from index.catalogue.schema import grants, metadata


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
    """The numbered steps build exactly what the queries are written for."""
    stepped, direct = _engine(tmp_path / "a.sqlite"), _engine(tmp_path / "b.sqlite")
    migrate(stepped)
    metadata.create_all(direct)
    assert _layout(stepped) == _layout(direct)
    stepped.dispose()
    direct.dispose()


def test_version_1_keeps_everything(tmp_path: Path) -> None:
    """A catalogue from before uploads has what it had, and can take uploads."""
    file = tmp_path / "catalogue.sqlite"
    old = open_database(file, migrations=MIGRATIONS[:1])
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
    with old.write() as connection:
        assert version_of(connection) == 1
        for table, row in rows.items():
            marks = ", ".join("?" * len(row))
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", row)
    old.close()
    catalogue = Catalogue.open(file)
    with catalogue.database.read() as connection:
        assert version_of(connection) == len(MIGRATIONS)
        for table, row in rows.items():
            added = {
                **dict.fromkeys(("picture_vectors", "caption_vectors"), ("",)),  # by nobody
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
    old = open_database(file, migrations=MIGRATIONS[:9])
    paths = ("a.png", "b.JPG", "c.gif", "d/e.jpeg")
    with old.write() as connection:
        for number, path in enumerate(paths):
            content = f"{number}" * 64
            picture = (f"{number:08}", "c", path, content, 3, 2)
            connection.exec_driver_sql("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?)", picture)
            vector = (content, "f" * 64, 5, 3, 2, b"", "")
            connection.exec_driver_sql(
                "INSERT INTO picture_vectors VALUES (?, ?, ?, ?, ?, ?, ?)", vector
            )
    old.close()
    catalogue = Catalogue.open(file)
    counting = catalogue.encoded_pictures("f" * 64)
    assert set(counting) == {"1" * 64, "3" * 64}
    catalogue.close()


def test_runs_are_numbered_for_ever(tmp_path: Path) -> None:
    """The number of a deleted run is not given again, in either way of building the table."""
    engine = _engine(tmp_path / "a.sqlite")
    migrate(engine)
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
        connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(CatalogueError, match=r"newer version.*99.*Update the program"):
        Catalogue.open(file)
    with engine.connect() as connection:
        assert version_of(connection) == 99
    engine.dispose()


def test_a_failed_step_leaves_the_version_before(tmp_path: Path) -> None:
    """Steps that are done stay done; the one that failed has left nothing behind."""

    def second(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE extra (x INTEGER)"))

    def broken(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (x INTEGER)"))
        raise ZeroDivisionError

    database = open_database(tmp_path / "catalogue.sqlite")
    with pytest.raises(ZeroDivisionError):
        migrate(database._writing, [*MIGRATIONS, second, broken])
    with database.read() as connection:
        tables = set(inspect(connection).get_table_names())
        assert version_of(connection) == len(MIGRATIONS) + 1
    assert "extra" in tables
    assert "half" not in tables
    database.close()


def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    """A catalogue that is up to date is left as it is."""
    file = tmp_path / "catalogue.sqlite"
    Catalogue.open(file).close()
    before = file.read_bytes()
    Catalogue.open(file).close()
    assert file.read_bytes() == before
