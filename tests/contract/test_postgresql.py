"""What holds on a server alone: its errors, its order of texts, and writers on many machines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text

from core.domain.errors import CatalogueError
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import FILE, Database, open_database
from index.catalogue.migrations import NEWEST, STEPS, SchemaVersions, migrate, version_of
from index.library.overlay import Overlays
from index.library.overlay_revisions import last_revision
from index.library.upload_files import UploadFiles
from tests.servers.postgresql import PASSWORD, PostgresqlServer

pytestmark = pytest.mark.process


@pytest.fixture
def server(postgresql_url: str) -> Iterator[Database]:
    """An empty catalogue."""
    with closing(open_database(postgresql_url)) as database:
        yield database


def _fails(url: str) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        open_database(url)
    error: BaseException | None = caught.value
    while error is not None:  # a log shows every cause
        assert PASSWORD not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__
    assert PASSWORD not in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def test_what_is_wrong_with_the_address_is_told(postgresql_url: str) -> None:
    """By its cause, with what to look at, and never with the password."""
    url = make_url(postgresql_url)
    for wrong, words in (
        (url.set(database="nowhere"), 'database "nowhere" does not exist'),
        (url.set(password=f"{PASSWORD}!"), "password authentication failed"),
        (url.set(port=1), "cannot be reached"),
    ):
        error = _fails(wrong.render_as_string(hide_password=False))
        assert words in error.message
        assert "TANGERINE_DATABASE_URL" in (error.remedy or "")
    assert "address of the database is none" in _fails(f"://{PASSWORD}").message


def test_its_name_has_no_password(server: Database) -> None:
    """The name of a database is shown to people, its address is not."""
    assert server.name.startswith("PostgreSQL, ")
    assert PASSWORD not in server.name


def test_texts_are_ordered_by_code_point(server: Database) -> None:
    """In every table, as Python and SQLite do, whatever language the database is set to."""
    query = text(
        "SELECT count(*), count(*) FILTER (WHERE collation_name = 'C') "
        "FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type IN ('text', 'character varying')"
    )
    with server.read() as connection:
        texts, by_code_point = connection.execute(query).one()
    assert texts == by_code_point > 50


def test_a_reader_sees_one_state(server: Database) -> None:
    """What is committed meanwhile is not seen, and a reader cannot write."""
    count = text("SELECT count(*) FROM opted_out")
    with server.read() as connection:
        before = connection.execute(count).scalar()
        with server.write() as other:
            other.execute(text("INSERT INTO opted_out VALUES ('discord:1')"))
        assert connection.execute(count).scalar() == before
    with pytest.raises(CatalogueError), server.read() as connection:
        connection.execute(text("INSERT INTO opted_out VALUES ('discord:2')"))


def test_a_writer_that_waits_in_vain_says_so(server: Database, postgresql_url: str) -> None:
    """Another machine holds the catalogue: readers go on, and the writer is told."""
    with (
        closing(open_database(postgresql_url, busy_seconds=0.05)) as other,
        server.write(),
    ):
        with pytest.raises(CatalogueError, match="Another program holds"), other.write():
            pass
        assert other.has_schema()


_WRITER = """
import sys
from contextlib import closing
from pathlib import Path
from index.catalogue.database import open_database
from index.library.overlay import Overlays
from index.library.upload_files import UploadFiles

with closing(open_database(sys.argv[1])) as database:
    overlays = Overlays(database, UploadFiles(Path(sys.argv[2])))
    for _ in range(25):
        with overlays.change() as change:
            change.touched.add(("c", "web"))
"""


def test_two_processes_and_many_threads_write_at_once(
    server: Database, postgresql_url: str, tmp_path: Path
) -> None:
    """Each change counts once, and none fails or has to begin again."""
    command = [sys.executable, "-c", _WRITER, postgresql_url, str(tmp_path / "theirs")]
    overlays = Overlays(server, UploadFiles(tmp_path / "mine"))

    def write(_: int) -> None:
        with overlays.change() as change:
            change.touched.add(("c", ""))

    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root) as process, ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(25)))
        assert process.wait(60) == 0
    with server.read() as connection:
        assert last_revision(connection, "c") == 50


def test_two_that_start_at_once_migrate_once(blank_url: str) -> None:
    """The second waits and finds everything there."""
    with ThreadPoolExecutor(4) as threads:
        for opened in threads.map(lambda _: Catalogue.open(blank_url), range(4)):
            assert opened.generation("c") == 0
            opened.close()


def test_a_failed_step_leaves_the_version_before(server: Database) -> None:
    """A migration is all of its steps, or none, here as in SQLite."""
    later = NEWEST + 1
    half = text("CREATE TABLE half (x INTEGER)")

    def broken(connection: Connection) -> None:
        connection.execute(half)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), server.write() as connection:
        migrate(connection, SchemaVersions(later, {**STEPS, later: broken}))
    with server.read() as connection:
        assert version_of(connection) == NEWEST
        assert connection.execute(text("SELECT to_regclass('half')")).scalar() is None


def test_an_empty_database_is_not_taken_for_a_lost_one(blank_url: str, tmp_path: Path) -> None:
    """Beside a catalogue in a file, an index or uploads, it is refused, and left empty."""
    (tmp_path / "uploads" / "c").mkdir(parents=True)
    (tmp_path / "uploads" / "c" / "a.jpg").touch()
    with pytest.raises(CatalogueError, match=r"empty.*indexes or uploads"):
        Catalogue.open(blank_url, beside=tmp_path)
    (tmp_path / FILE).touch()
    with pytest.raises(CatalogueError, match="tangerine migrate-database"):
        Catalogue.open(blank_url, beside=tmp_path)
    Catalogue.open(blank_url).close()
    Catalogue.open(blank_url, beside=tmp_path).close()


def test_a_server_that_comes_back_is_used_on(
    server: Database, postgresql: PostgresqlServer
) -> None:
    """Connections that were cut are made anew; meanwhile the error says what is the matter."""
    assert server.has_schema()
    postgresql.administer(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'tangerine'"
    )
    assert server.has_schema()
    with pytest.raises(CatalogueError, match="cannot be reached"), server.read() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert server.has_schema()


def test_text_with_a_null_character_is_an_error_of_its_own(server: Database) -> None:
    """PostgreSQL keeps no such text; the error names no value."""
    statement = text("INSERT INTO opted_out VALUES (:person)").bindparams(person="secret\0")
    with pytest.raises(CatalogueError) as caught, server.write() as connection:
        connection.execute(statement)
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"
