"""``tangerine migrate-database``: all of it, equal to the row, or nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    insert,
    make_url,
    select,
)

from index.catalogue.database import FILE, Database, open_database
from index.catalogue.remembered import remembered, telegram_files
from index.catalogue.schema import metadata, runs, schema_version
from tests.galleries import Gallery
from tests.program import Program
from tests.servers.postgresql import PASSWORD

pytestmark = pytest.mark.process

TABLES = [each for each in metadata.sorted_tables if each is not schema_version]
TEXTS = ("", "a", "É", "é", "z", "Z", "日本語", "💎", "a\nb", "'; --", "%_\\", "\x7f", "ﬁ")
NUMBERS = (0, 1, -1, 2**31 - 1)
FLOATS = (0.0, 0.1, -1.5, 1e300, 5e-324, 1_800_000_000.123456)

Rows = Mapping[str, Sequence[Sequence[Any]]]


def _value(column: Column[Any], chance: random.Random, number: int) -> Any:
    if column.nullable and chance.random() < 0.3:
        return None
    kind = column.type
    if isinstance(kind, String):
        text = chance.choice(TEXTS)
        return (f"{number}{text}" if _tells_rows_apart(column) else text)[: kind.length]
    if isinstance(kind, Integer):
        return number + 1 if column.primary_key else chance.choice(NUMBERS)
    return {
        Boolean: lambda: chance.random() < 0.5,
        LargeBinary: lambda: chance.randbytes(chance.choice((0, 1, 2048))),
        Float: lambda: chance.choice(FLOATS),
    }[type(kind)]()


def _tells_rows_apart(column: Column[Any]) -> bool:
    together = (each for each in column.table.constraints if isinstance(each, UniqueConstraint))
    return (
        column.primary_key or column.unique or any(column.name in each.columns for each in together)
    )


def _fill(connection: Any, tables: Sequence[Table], rows: int) -> None:
    chance = random.Random(4)
    for table in tables:
        values = [
            {column.name: _value(column, chance, number) for column in table.columns}
            | ({"path": f"{number}é"} if table.name == "pictures" else {})
            for number in range(rows)
        ]
        connection.execute(insert(table), values)


def _held(database: Database, tables: Sequence[Table]) -> Rows:
    with database.read() as connection:
        return {
            each.name: connection.execute(select(each).order_by(*each.primary_key)).all()
            for each in tables
        }


def _remembered(folder: Path) -> Rows:
    engine = create_engine(f"sqlite:///{folder / 'telegram.sqlite'}")
    with engine.begin() as connection:
        found = {
            each.name: connection.execute(select(each).order_by(*each.primary_key)).all()
            for each in remembered.sorted_tables
        }
    engine.dispose()
    return found


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program on ``tmp_path``, which need not know of any database."""
    return Program(tmp_path, {"TANGERINE_DATA_DIR": str(tmp_path / "none")})


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A data folder with rows in every table, of every kind of value."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_database(folder / FILE)
    with database.write() as connection:
        _fill(connection, TABLES, 40)
        # The highest number is gone: it must not come again.
        connection.execute(insert(runs).values(**_run(), id=4000))
        connection.execute(runs.delete().where(runs.c.id == 4000))
    database.close()
    engine = create_engine(f"sqlite:///{folder / 'telegram.sqlite'}")
    remembered.create_all(engine)
    with engine.begin() as connection:
        _fill(connection, remembered.sorted_tables, 40)
    engine.dispose()
    return folder


def _run() -> dict[str, Any]:
    names = {"collection": "c", "fingerprint": "f", "full": False}
    return {**names, "started_at": 1.0, "done": 0, "total": 0}


def test_there_and_back_every_row_is_equal(
    program: Program, filled: Path, blank_url: str, tmp_path: Path
) -> None:
    """Of every table and kind of value, in both directions, and no number is given twice."""
    done = program("migrate-database", filled, blank_url, "--json").json
    assert done["tables"].keys() == {each.name for each in (*TABLES, *remembered.sorted_tables)}
    assert set(done["tables"].values()) == {40}
    source, server = open_database(filled / FILE), open_database(blank_url)
    assert _held(source, TABLES) == _held(server, TABLES)
    assert _remembered(filled) == _held(server, remembered.sorted_tables)
    back = tmp_path / "back"
    done = program("migrate-database", blank_url, back, "--json").json
    assert (done["from"], PASSWORD in str(done)) == (server.name, False)
    again = open_database(back / FILE)
    assert _held(source, TABLES) == _held(again, TABLES)
    assert _remembered(filled) == _remembered(back)
    for database in (server, again):
        with database.write() as connection:
            number = connection.execute(insert(runs).values(**_run())).inserted_primary_key
        assert number is not None
        assert number[0] == 4001
        database.close()
    source.close()


def test_what_is_there_is_never_overwritten(
    program: Program, filled: Path, postgresql_url: str, tmp_path: Path
) -> None:
    """A target with any row is refused, the other as it is, and nothing of it is shown."""
    server = open_database(postgresql_url)
    with server.beside() as connection:
        row = {"bot": 1, "sha256": "a", "file_id": "b", "used": 1.0}
        connection.execute(insert(telegram_files).values(**row))
    refused = program("migrate-database", filled, postgresql_url)
    assert refused.code == 1
    assert "is not empty: it has telegram_files" in refused.err
    assert PASSWORD not in refused.err + refused.out
    assert not any(_held(server, TABLES).values())
    refused = program("migrate-database", postgresql_url, filled)
    assert (refused.code, "is not empty" in refused.err) == (1, True)
    assert program("migrate-database", tmp_path / "nothing", postgresql_url).code == 1
    server.close()


def test_a_copy_that_differs_is_not_kept(program: Program, filled: Path, blank_url: str) -> None:
    """A database that changes what it is given is found out, and left empty."""
    server = open_database(blank_url)
    with server.write() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.text = NEW.text || '!'; RETURN NEW; END $$;"
            "CREATE TRIGGER spoil BEFORE INSERT ON captions"
            " FOR EACH ROW EXECUTE FUNCTION spoil()"
        )
    refused = program("migrate-database", filled, blank_url)
    assert (refused.code, "The copy of the table captions differs" in refused.err) == (1, True)
    assert not any(_held(server, [*TABLES, *remembered.sorted_tables]).values())
    server.close()


async def _indexed(home: Path) -> Gallery:
    gallery = Gallery(home)
    for number, colour in enumerate(("red", "green")):
        gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")
    await gallery.reindex()
    await gallery.post("yellow", 9, "a sun")
    gallery.close()
    return gallery


def test_a_bot_goes_on_where_it_was(
    tmp_path: Path, blank_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Index, uploads and catalogue agree after a move, and the old catalogue is not asked."""
    gallery = asyncio.run(_indexed(tmp_path))
    settings = {
        "TANGERINE_DATA_DIR": str(gallery.data),
        "TANGERINE_GALLERY": str(gallery.pictures),
        "TANGERINE_MODEL": "mini",
    }
    monkeypatch.chdir(tmp_path)
    program = Program(tmp_path, settings)
    on_server = {**settings, "TANGERINE_DATABASE_URL": blank_url}
    refused = Program(tmp_path, on_server)("status")
    assert "tangerine migrate-database" in refused.err
    assert program("migrate-database", gallery.data, blank_url).code == 0
    (gallery.data / FILE).unlink()
    moved = Program(tmp_path, on_server)
    status = moved("status", "--json").json
    place = make_url(blank_url)
    assert status["database"] == (f"PostgreSQL, {place.database} at {place.host}:{place.port}")
    assert program("status").code == 1, "the folder has lost its catalogue"
