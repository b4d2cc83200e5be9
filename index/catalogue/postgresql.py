"""What PostgreSQL does in its own way: connections, locks, errors. Nothing else knows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    inspect,
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from core.domain.errors import CatalogueDamaged, CatalogueError
from index.catalogue.engine_rows import engine_tables
from index.catalogue.node_tables import node_tables
from index.catalogue.remembered import remembered
from index.catalogue.schema import metadata

_ALL = (metadata, remembered, node_tables, engine_tables)
"""Tables in which anything of a person may stand: what is deleted there is overwritten at once."""

WRITERS = 0x74616E67
"""The advisory lock of whoever writes the catalogue: "tang" in ASCII."""

_CHANNEL = "tangerine_changes"

_WRITE = "tangerine_write"

_CONNECT = {
    "application_name": "tangerine",
    # Seconds to reach the server.
    "connect_timeout": "10",
    # A server that is gone without a word is noticed: seconds without a packet, then
    # milliseconds without an answer.
    "keepalives_idle": "30",
    "tcp_user_timeout": "15000",
}

_NOTICED = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
"""Whoever holds a lock and is gone without a word is noticed by the server, after 25 seconds; its
own choice is two hours."""

_CONNECTIONS = 5
_MORE_CONNECTIONS = 15
"""Beside those that are kept: as many as threads may ask at once."""

_WAIT_S = 10.0
"""How long a thread waits for one of them."""
_LOCKED_S = 10
"""How long one waits for a row that another process holds; writers wait for their turn, longer."""

_ALTERING_S = 0.5
"""How long whoever alters a table waits for those who read it. All who want to read it then
queue behind; and it is less than what the server takes to find two that wait for each other
(``deadlock_timeout``), of whom it would fail either."""

_LOCKED = "55P03"
_EACH_OTHER = "40P01"
_MISSING = ("42P01", "42703")
"""A table, a column."""

_HELD = (
    "Another program holds the catalogue.",
    "Wait until it has finished, or stop it, and try again.",
)
_BUSY = "All connections to the database are in use."
_AWAY = (
    "The database cannot be reached.",
    "Start it, and check TANGERINE_DATABASE_URL; what is asked is answered once it is back.",
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html, whole or by their class
_REMEDIES = {
    "08": _AWAY,
    "57P": _AWAY,
    _LOCKED: _HELD,
    "40": _HELD,
    "53100": ("The disk of the database is full.", "Free some space there and try again."),
    "53300": (
        "The database takes no more connections.",
        "Raise max_connections in postgresql.conf, or stop other programs that use it.",
    ),
    "28": ("The database refuses this user or password.", "Check TANGERINE_DATABASE_URL."),
    "3D000": ("There is no such database.", "Create it, or check TANGERINE_DATABASE_URL."),
    "42501": (
        "This user may not do that in the database.",
        "Make it the owner of the database, or check TANGERINE_DATABASE_URL.",
    ),
    "25006": (
        "The database may only be read.",
        "Name the primary in TANGERINE_DATABASE_URL, not a standby.",
    ),
}
_DAMAGED = ("XX001", "XX002", "58030")
"""A damaged table, a damaged index, a disk that fails."""

_RESTORE = "Restore it from a backup (docs/cluster.md), on another disk where this one fails."


class Postgresql:
    """The :class:`~index.catalogue.database.Backend` on a server, by psycopg 3.

    Reading is repeatable, as it is in SQLite. Whoever writes holds an advisory lock until the end
    of the transaction and then sees all that was committed before: it is alone with the
    catalogue, as in SQLite, without ever having to begin again.
    """

    errors: tuple[type[Exception], ...] = (SQLAlchemyError,)

    def __init__(self, url: URL, *, busy_seconds: float) -> None:
        url = url.set(drivername="postgresql+psycopg")
        self.name = f"PostgreSQL, {_place_of(url)}"
        try:
            engine = create_engine(
                url.update_query_dict({**_CONNECT, **url.query}),
                isolation_level="REPEATABLE READ",
                hide_parameters=True,
                # A connection that the server closed meanwhile is replaced, not an error.
                pool_pre_ping=True,
                pool_size=_CONNECTIONS,
                max_overflow=_MORE_CONNECTIONS,
                pool_timeout=_WAIT_S,
            )
        except ModuleNotFoundError as error:
            raise CatalogueError(
                f"TANGERINE_DATABASE_URL needs the package {error.name}.",
                remedy="Install the extra: .venv/bin/pip install -c constraints.txt -e "
                "'.[cluster]'",
            ) from error
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self.reading: Engine = engine.execution_options(postgresql_readonly=True)
        self.writing: Engine = engine.execution_options(
            isolation_level="READ COMMITTED", **{_WRITE: True}
        )
        self.beside: Engine = engine.execution_options(isolation_level="READ COMMITTED")
        self._busy_seconds = busy_seconds
        self._outside = engine.execution_options(isolation_level="AUTOCOMMIT")
        patience = f"{round(1000 * busy_seconds)}ms"

        @event.listens_for(engine, "connect")
        def _connected(driver: Any, _: object) -> None:
            # Whoever was frozen with a row in its hands holds nobody up for good.
            driver.execute(f"SET lock_timeout = '{_LOCKED_S}s'")
            driver.commit()

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            if connection.get_execution_options().get(_WRITE):
                connection.execute(
                    select(
                        func.set_config("lock_timeout", patience, literal(value=True)),
                        func.pg_advisory_xact_lock(WRITERS),
                    )
                )

    def explain(self, error: Exception) -> CatalogueError:
        original = error.orig if isinstance(error, DBAPIError) else None
        code = _code_of(error)
        if code in _DAMAGED:
            return CatalogueDamaged(f"The catalogue is damaged ({self.name}).", remedy=_RESTORE)
        if isinstance(error, NoConnectionError):
            return CatalogueError(f"{_BUSY} ({self.name})", remedy="Try again in a moment.")
        told = ""
        if isinstance(error, OperationalError) and not code:
            # It was not reached, or has refused to talk.
            code, told = "08000", _first_line(original or error)
        for key in (code, code[:3], code[:2]):
            if key in _REMEDIES:
                cause, what_to_do = _REMEDIES[key]
                return CatalogueError(f"{cause} ({self.name}{told})", remedy=what_to_do)
        # The server's own sentence without its details, which repeat values.
        said = getattr(getattr(original, "diag", None), "message_primary", None)
        reason = said or type(original or error).__name__
        return CatalogueError(
            f"The catalogue failed ({reason}).", remedy=f"Check the database ({self.name})."
        )

    def lacks(self, error: Exception) -> bool:
        return _code_of(error) in _MISSING

    def alter(self, change: Callable[[Connection], None]) -> None:
        patience = f"{round(1000 * _ALTERING_S)}ms"
        until = time.monotonic() + self._busy_seconds
        while not self._altered(change, patience, until):
            time.sleep(_ALTERING_S)

    def _altered(self, change: Callable[[Connection], None], patience: str, until: float) -> bool:
        altering = False
        try:
            with self.writing.begin() as connection:
                connection.execute(
                    select(func.set_config("lock_timeout", patience, literal(value=True)))
                )
                altering = True
                change(connection)
        except OperationalError as error:
            is_busy = altering and _code_of(error) in {_LOCKED, _EACH_OTHER}
            if not is_busy or time.monotonic() > until:
                raise
            return False
        return True

    def check(self) -> None:
        """Nothing: it checks its pages whenever it reads them, where checksums are on."""

    def mend(self) -> bool:
        return False

    def erase(self) -> None:
        """Overwrite rows that were deleted; where a reader still sees them, a later run does it.

        What its own log and backups hold is for whoever runs the server.
        """
        tables = {table for each in _ALL for table in each.tables}
        with self._outside.connect() as connection:
            names = ", ".join(sorted(tables.intersection(inspect(connection).get_table_names())))
            connection.exec_driver_sql(f"VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON) {names}")

    def tell(self, connection: Connection, words: str) -> None:
        connection.execute(select(func.pg_notify(_CHANNEL, words)))

    def heard(
        self, silence_s: float, stopping: threading.Event
    ) -> Generator[str | None, None, None]:
        try:
            # For as long as it lasts: a connection of the pool hears nothing while it is lent.
            with self._outside.connect() as connection:
                connection.exec_driver_sql(f"LISTEN {_CHANNEL}")
                driver: Any = connection.connection.driver_connection
                connection.detach()
                while not stopping.is_set():
                    yield None
                    for notice in driver.notifies(timeout=silence_s):
                        yield notice.payload
        except SQLAlchemyError as error:
            raise self.explain(error) from error
        except self._driver_error as error:
            raise self.explain(OperationalError("", {}, error)) from error

    def hold(self, name: str) -> _Lock | None:
        connection = self._outside.connect()
        try:
            for setting, value in _NOTICED.items():
                connection.execute(select(func.set_config(setting, value, literal(value=False))))
            query = select(func.pg_try_advisory_lock(WRITERS, func.hashtext(name)))
            if not connection.execute(query).scalar():
                connection.close()
                return None
            # Its own from now on: the server frees the lock with the connection.
            connection.detach()
        except BaseException:
            connection.close()
            raise
        return _Lock(connection)

    def last_number(self, connection: Connection, table: Table) -> int:
        query = text("SELECT pg_sequence_last_value(CAST(:name AS regclass))")
        return int(connection.execute(query, {"name": _sequence(table)}).scalar() or 0)

    def go_on_behind(self, connection: Connection, table: Table, number: int) -> None:
        name = _sequence(table)
        connection.execute(select(func.setval(name, max(number, 1), number > 0)))


class _Lock:
    """The advisory lock of a connection that does nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lasts = True

    def lasts(self) -> bool:
        # Once lost it stays so: SQLAlchemy may connect anew, which brings no lock back.
        if self._lasts:
            try:
                self._connection.exec_driver_sql("SELECT 1")
            except SQLAlchemyError:
                self._lasts = False
        return self._lasts

    def let_go(self) -> None:
        self._connection.close()


def _code_of(error: Exception) -> str:
    """The server's code of what went wrong; empty where it gave none."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return str(getattr(original, "sqlstate", None) or "")


def _sequence(table: Table) -> str:
    [column] = table.primary_key.columns
    return f"{table.name}_{column.name}_seq"


def _place_of(url: URL) -> str:
    """Where it is, without user, password and whatever else stands in the address."""
    hosts = [url.host, url.query.get("host")]
    host = next((str(each) for each in hosts if each), "this machine")
    return f"{url.database or 'the default database'} at {host}{f':{url.port}' if url.port else ''}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f": {lines[0].strip()}" if lines else ""
