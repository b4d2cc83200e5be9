"""Everything that one database holds, copied into an empty one and compared."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select

from core.domain.errors import CatalogueError
from index.catalogue.database import Backend
from index.catalogue.rows import count
from index.catalogue.schema import metadata, schema_version

ROWS = 1000
"""Rows in memory at once: 2 MiB of vectors at 512 dimensions."""

CATALOGUE: Sequence[Table] = [each for each in metadata.sorted_tables if each is not schema_version]

Tell = Callable[[str, int, int], object]
"""Told of the table, the rows that are done, and all of them."""


@dataclass(frozen=True, slots=True)
class Side:
    """A database within a transaction."""

    backend: Backend
    connection: Connection


def refuse_full(side: Side, tables: Sequence[Table]) -> None:
    """Raises CatalogueError where one of the tables has rows."""
    for table in tables:
        if side.connection.execute(select(table).limit(1)).first() is not None:
            raise CatalogueError(
                f"{side.backend.name} is not empty: it has {table.name}.",
                remedy="Name an empty database. Nothing was changed.",
            )


def copy_tables(source: Side, target: Side, tables: Sequence[Table], tell: Tell) -> dict[str, int]:
    """Copy all rows, read them back and compare every value; the rows of each table.

    ``target`` has the tables, without rows; its transaction is the caller's to end: nothing is
    kept of it where this raises. Raises CatalogueError where what is read back differs.
    """
    rows = {table.name: count(source.connection, table) for table in tables}
    done, total = 0, 2 * sum(rows.values())
    for table in tables:
        seen, names = _Digest(), [each.name for each in table.columns]
        for block in _blocks(source.connection, table):
            seen.add(block)
            target.connection.execute(
                insert(table), [dict(zip(names, row, strict=True)) for row in block]
            )
            done += len(block)
            tell(table.name, done, total)
        found = _Digest()
        for block in _blocks(target.connection, table):
            found.add(block)
            done += len(block)
            tell(table.name, done, total)
        if found != seen:
            raise CatalogueError(
                f"The copy of the table {table.name} differs ({seen.rows} rows, {found.rows} "
                "read back).",
                remedy="Nothing was kept. Check both databases and their disks, then try again.",
            )
        if table.autoincrement_column is not None:
            _number_on(source, target, table)
    return rows


def _number_on(source: Side, target: Side, table: Table) -> None:
    """Let the copy give numbers behind those that the source ever gave."""
    column = table.autoincrement_column
    assert column is not None
    there = source.connection.execute(select(column).order_by(column.desc()).limit(1)).scalar()
    last = source.backend.last_number(source.connection, table)
    target.backend.go_on_behind(target.connection, table, max(last, int(there or 0)))


def _blocks(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """All rows, by their key."""
    query = select(table).order_by(*table.primary_key.columns)
    # A statement's own option: on a connection it would outlive it.
    found = connection.execute(query.execution_options(yield_per=ROWS))
    yield from found.partitions()


class _Digest:
    """What rows hold: how many they are, and the SHA-256 of all their values in order."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    def add(self, rows: Sequence[Row[Any]]) -> None:
        self.rows += len(rows)
        for row in rows:
            # As version 0 writes it, what is equal has equal bytes: nothing refers back.
            self._hash.update(marshal.dumps(tuple(row), 0))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Digest)
            and self.rows == other.rows
            and self._hash.digest() == other._hash.digest()
        )

    __hash__ = None  # type: ignore[assignment]
