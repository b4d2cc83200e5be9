"""The database under the catalogue: transactions, and errors in the user's words.

What SQLite and PostgreSQL do in their own ways is behind :class:`Backend`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, MetaData, Table, inspect, make_url
from sqlalchemy.exc import ArgumentError

from core.domain.errors import CatalogueError
from index.catalogue.integrity import INDEX, UPLOADS, made_here, refuse_blank, refuse_lost
from index.catalogue.migrations import (
    OURS,
    SchemaVersions,
    migrate,
    refuse_newer,
    version_of,
)
from index.catalogue.sqlite import Sqlite, refuse_damaged

FILE = "catalogue.sqlite"
"""The catalogue's file in a data folder, where no other database is set."""

BUSY_SECONDS = 30.0
"""How long a writer waits for another one: a reindex commits within a second, so half a
minute of waiting means that somebody holds the lock and has forgotten it."""


class Hold(Protocol):
    """What goes by a name, held by this process."""

    def lasts(self) -> bool:
        """Whether it is held still: a server that was stopped has let go of it. Blocking."""

    def let_go(self) -> None: ...


class Backend(Protocol):
    """A kind of database.

    Transactions of ``reading`` are consistent views. Of those of ``writing`` one at a time goes
    on, in all processes together. ``errors`` are what both raise, and ``name`` says to the user
    which database it is, without a password. Those of ``beside`` wait for none of them.
    """

    reading: Engine
    writing: Engine
    beside: Engine
    name: str
    errors: tuple[type[Exception], ...]

    def explain(self, error: Exception) -> CatalogueError:
        """The same error with cause and remedy."""

    def lacks(self, error: Exception) -> bool:
        """Whether the error says that a table or a column is missing."""

    def alter(self, change: Callable[[Connection], None]) -> None:
        """Do this in one transaction of ``writing``, while others go on; it may alter tables.

        It may be done several times, each but the last one in vain.
        """

    def check(self) -> None:
        """See :meth:`Database.check`."""

    def mend(self) -> bool:
        """See :meth:`Database.mend`."""

    def erase(self) -> None:
        """See :meth:`Database.erase`."""

    def tell(self, connection: Connection, words: str) -> None:
        """Let :meth:`heard` of other processes give these words, once this is committed."""

    def heard(
        self, silence_s: float, stopping: threading.Event
    ) -> Generator[str | None, None, None]:
        """What others told, until it is stopping; None at first and after so many seconds.

        Raises CatalogueError.
        """

    def hold(self, name: str) -> Hold | None:
        """See :meth:`Database.hold`."""

    def last_number(self, connection: Connection, table: Table) -> int:
        """The highest number that a numbered table ever gave, as far as it is known."""

    def go_on_behind(self, connection: Connection, table: Table, number: int) -> None:
        """Let a numbered table give only higher numbers."""


class Database:
    """Transactions on one database; every failure becomes a CatalogueError.

    Thread-safe: each transaction takes a connection of its own from the pool. ``schema`` is
    what this program knows of it.
    """

    def __init__(self, backend: Backend, schema: SchemaVersions = OURS) -> None:
        self.backend = backend
        self._schema = schema

    @property
    def name(self) -> str:
        """Which database it is, for the user; without a password."""
        return self.backend.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the database, independent of concurrent commits."""
        with self._explained(), self.backend.reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing where it raises.

        Raises CatalogueError where a newer program has ended what this one may do.
        """
        with self._explained(), self.backend.writing.begin() as connection:
            self.refuse_newer(connection)
            yield connection

    @contextmanager
    def beside(self) -> Iterator[Connection]:
        """One transaction on the tables of :mod:`index.catalogue.remembered`: it waits for nobody.

        Only of a database on a server: beside a file they have another file.
        """
        with self._explained(), self.backend.beside.begin() as connection:
            yield connection

    def has_schema(self) -> bool:
        """Whether it was ever migrated: a new database has no tables."""
        with self.read() as connection:
            return version_of(connection) > 0

    def migrate(self) -> None:
        with self._explained():
            self.backend.alter(lambda connection: migrate(connection, self._schema))

    def refuse_newer(self, connection: Connection, *, alone: bool = False) -> None:
        """See :func:`~index.catalogue.migrations.refuse_newer`."""
        refuse_newer(connection, self._schema.newest, alone=alone)

    def make(self, tables: MetaData) -> None:
        """Make what is missing of tables that belong to no version of the schema."""
        with self.read() as connection:
            there = inspect(connection).get_table_names()
        if not set(there).issuperset(tables.tables):
            with self.write() as connection:
                tables.create_all(connection)

    def check(self) -> None:
        """Read the whole database and see that it is one. Raises CatalogueError."""
        with self._explained():
            self.backend.check()

    def mend(self) -> bool:
        """Rebuild the database's own indexes where they disagree with the tables; whether they did.

        Raises CatalogueError where anything else is damaged.
        """
        with self._explained():
            return self.backend.mend()

    def erase(self) -> None:
        """Make what was deleted unreadable, as far as the database can."""
        with self._explained():
            self.backend.erase()

    def hold(self, name: str) -> Hold | None:
        """Hold what goes by this name, in all processes together.

        None where another one holds it. A process that dies lets go. Blocking, without a wait.
        Where the database is a file, processes share its folder, and locks there do the same.
        """
        with self._explained():
            return self.backend.hold(name)

    def close(self) -> None:
        self.backend.reading.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self.backend.errors as error:
            if self.backend.lacks(error):
                # Most likely a newer program took it away while this one ran.
                with suppress(*self.backend.errors), self.backend.reading.begin() as connection:
                    self.refuse_newer(connection)
            raise self.backend.explain(error) from error


def open_database(
    location: Path | str,
    *,
    busy_seconds: float = BUSY_SECONDS,
    beside: Path | None = None,
    schema: SchemaVersions = OURS,
) -> Database:
    """Open the database at a path (SQLite) or an SQLAlchemy URL and migrate it.

    The folder of a path is made where it is missing, and so is the database, unless what is
    beside it tells that there was one; ``beside`` is the data folder of one that a URL names.
    Raises CatalogueError.
    """
    database = Database(backend_at(location, busy_seconds=busy_seconds), schema)
    try:
        if isinstance(location, Path):
            refuse_blank(location, has_schema=database.has_schema())
        elif beside is not None:
            _refuse_new(database, beside)
        database.migrate()
    except BaseException:
        database.close()
        raise
    return database


def look_at(location: Path | str) -> Database:
    """The database to be read as it is, of whatever version. Raises CatalogueDamaged."""
    if isinstance(location, Path):
        refuse_lost(location)
        refuse_damaged(location, whole=True)
        return Database(Sqlite.to_read(location))
    return Database(backend_at(location))


def backend_at(location: Path | str, *, busy_seconds: float = BUSY_SECONDS) -> Backend:
    """The kind of database that a path or a URL names. Raises CatalogueError."""
    if isinstance(location, Path):
        return Sqlite.at(location, busy_seconds=busy_seconds)
    try:
        url = make_url(location)
    except ArgumentError:
        # Without its cause, which might repeat a password.
        raise CatalogueError(
            "The address of the database is none.",
            remedy="Write it as postgresql://USER@HOST/DATABASE.",
        ) from None
    if url.get_backend_name() == "sqlite":
        return Sqlite(url, busy_seconds=busy_seconds)
    # Imported here: who keeps the catalogue in a file needs no driver.
    from index.catalogue.postgresql import Postgresql  # noqa: PLC0415

    return Postgresql(url, busy_seconds=busy_seconds)


def _refuse_new(database: Database, beside: Path) -> None:
    """Refuse an empty database for a data folder that belongs to another one."""
    if database.has_schema():
        return
    file = beside / FILE
    if file.exists():
        raise CatalogueError(
            f"The database is empty ({database.name}), but there is a catalogue in {file}.",
            remedy=f"Copy it: tangerine migrate-database {beside} URL. Or move it away to begin "
            "anew.",
        )
    if made_here(file):
        raise CatalogueError(
            f"The database is empty ({database.name}), though there are indexes or uploads in "
            f"{beside}.",
            remedy="Check TANGERINE_DATABASE_URL, or restore the database from a backup. To begin "
            f"anew, move {beside / INDEX} and {beside / UPLOADS} away.",
        )
