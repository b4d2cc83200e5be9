"""A catalogue that is lost or damaged is told with its remedy, never taken for a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import inspect

from core.domain.errors import CatalogueError
from index.catalogue.catalogue import Catalogue
from index.catalogue.write_ahead import log_of, refuse_torn_log
from tests.galleries import Gallery


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """The catalogue of a closed gallery with three pictures and one upload."""
    gallery = Gallery(tmp_path)
    for number, colour in enumerate(("red", "green", "blue")):
        gallery.add(f"{colour}.png", colour, number, caption=f"a {colour} thing")
    await gallery.reindex()
    await gallery.post("yellow", 9, "a sun")
    gallery.close()
    return gallery.data / "catalogue.sqlite"


def _cut(size: int) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(file.read_bytes()[:size])


def _without_tables(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def _rubbish_inside(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096 * 3 : 4096 * 5] = b"\xaa" * 8192
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "is missing"),
        (_cut(0), "is empty"),
        (_without_tables, "is empty"),
        (_cut(50), "is damaged"),
        (_cut(4096 * 4), "is damaged"),
        (_rubbish_inside, "is damaged"),
        (lambda file: file.write_bytes(b"a text that is no database" * 400), "is damaged"),
    ],
)
def test_damage_is_told_at_the_start(
    file: Path, damage: Callable[[Path], object], words: str
) -> None:
    """However it was damaged: which file, what to move away, which command; nothing is written."""
    damage(file)
    before = {each: each.read_bytes() for each in file.parent.rglob("*") if each.is_file()}
    with pytest.raises(CatalogueError, match=words) as refused:
        Catalogue.open(file)
    told = str(refused.value)
    assert str(file) in told
    those = f"{file}* " if file.exists() else ""
    assert f"mv {those}{file.parent}/index {file.parent}/uploads" in told
    assert "tangerine reindex" in told
    assert ".jpg files" in told
    after = {each: each.read_bytes() for each in file.parent.rglob("*") if each.is_file()}
    assert {each: after[each] for each in before} == before


def test_text_that_is_none_is_damage(file: Path, tmp_path: Path) -> None:
    """Bytes that are no UTF-8, in a value or in the schema, are told like any other damage."""
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE captions SET text = CAST(x'61ff62' AS TEXT)")
    connection.close()
    gallery = Gallery(tmp_path)
    with pytest.raises(CatalogueError, match="is damaged") as refused:
        gallery.verify()
    assert "put a backup in its place" in refused.value.remedy
    gallery.close()
    file.write_bytes(file.read_bytes().replace(b"ix_pictures_sha256", b"ix_pictures_sh\xff256", 1))
    with pytest.raises(CatalogueError, match="is damaged"):
        Catalogue.open(file)


@pytest.mark.parametrize("place", ["catalogue.sqlite.bak", "backup/catalogue.sqlite"])
def test_a_copy_is_named(file: Path, place: str) -> None:
    """Where a copy lies near it, the remedy says so; what is no database is none."""
    copy = file.parent / place
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(file.read_bytes())
    (file.parent / "catalogue.txt").write_text("no database")
    file.write_bytes(b"")
    with pytest.raises(CatalogueError, match=f"such as {copy}"):
        Catalogue.open(file)


def test_the_remedy_works(file: Path, tmp_path: Path) -> None:
    """Moving away what the remedy names is enough to begin anew."""
    file.write_bytes(b"")
    away = tmp_path / "away"
    away.mkdir()
    for each in (
        *file.parent.glob(f"{file.name}*"),
        file.parent / "index",
        file.parent / "uploads",
    ):
        each.rename(away / each.name)
    Catalogue.open(file).close()


def test_a_first_start_that_was_killed_is_new(tmp_path: Path) -> None:
    """A file of no bytes, and one without tables, are new where nothing lies beside them."""
    file = tmp_path / "catalogue.sqlite"
    file.touch()
    (tmp_path / "index" / "default").mkdir(parents=True)
    Catalogue.open(file).close()
    _without_tables(file)
    Catalogue.open(file).close()


def test_a_log_without_its_database_is_not_thrown_away(tmp_path: Path) -> None:
    """SQLite deletes the log of a database without bytes; it is refused before that."""
    file = tmp_path / "catalogue.sqlite"
    catalogue = Catalogue.open(file)
    catalogue.begin_run("gallery", "f", full=False)
    log = log_of(file).read_bytes()
    assert log
    other = tmp_path / "other" / "catalogue.sqlite"
    other.parent.mkdir()
    other.touch()
    log_of(other).write_bytes(log)
    with pytest.raises(CatalogueError, match="is empty"):
        Catalogue.open(other)
    assert log_of(other).read_bytes() == log
    catalogue.close()


class TestLog:
    """SQLite's log, as a killed process leaves it."""

    @pytest.fixture
    def left(self, tmp_path: Path) -> Path:
        """A database with three commits in its log, as they were when its process died."""
        alive = tmp_path / "alive" / "catalogue.sqlite"
        catalogue = Catalogue.open(alive)
        catalogue.database.erase()  # the schema leaves the log
        for number in range(3):
            catalogue.begin_run(f"c{number}", "f", full=False)
        dead = tmp_path / "dead" / "catalogue.sqlite"
        dead.parent.mkdir()
        for source in (alive, log_of(alive)):
            (dead.parent / source.name).write_bytes(source.read_bytes())
        catalogue.close()
        return dead

    def test_whole(self, left: Path) -> None:
        """What was committed is there."""
        catalogue = Catalogue.open(left)
        assert catalogue.unfinished_run("c2") is not None
        catalogue.close()

    @pytest.mark.parametrize("place", [3, 10, 20, 28, 40, 50, 60, 1000, 4150])
    def test_flipped(self, left: Path, place: int) -> None:
        """A flipped bit before a commit is told, and nothing is thrown away; a repair goes on."""
        log = log_of(left)
        data = bytearray(log.read_bytes())
        data[place] ^= 4
        log.write_bytes(data)
        with pytest.raises(CatalogueError, match="log of the catalogue is damaged") as refused:
            Catalogue.open(left)
        assert "tangerine verify --repair" in refused.value.remedy
        assert log.read_bytes() == data
        catalogue = Catalogue.open(left, take_torn_log=True)
        assert catalogue.unfinished_run("c2") is None
        catalogue.close()
        Catalogue.open(left).close()

    def test_cut_off(self, left: Path) -> None:
        """An end that a kill tore off is no damage: what it had was never acknowledged."""
        log = log_of(left)
        log.write_bytes(log.read_bytes()[:-700])
        refuse_torn_log(left)
        log.write_bytes(log.read_bytes() + b"\0" * 700)
        catalogue = Catalogue.open(left)
        assert catalogue.unfinished_run("c1") is not None
        assert catalogue.unfinished_run("c2") is None
        catalogue.close()

    def test_a_commit_that_no_index_knows(self, tmp_path: Path) -> None:
        """Killed between its commit and the word of it, a process leaves no damage behind.

        Others go on before its commit, and the end of it stays in the log. What they committed
        is still looked after.
        """
        file = tmp_path / "catalogue.sqlite"
        catalogue = Catalogue.open(file)
        catalogue.begin_run("mine", "f", full=False)
        index = file.with_name(f"{file.name}-shm")
        before = index.read_bytes()
        with sqlite3.connect(file) as killed:
            killed.execute("CREATE TABLE large AS SELECT zeroblob(100000) AS data")
        with index.open("r+b") as shared:
            shared.write(before[:96])  # both copies of its head
        catalogue.begin_run("later", "f", full=False)
        refuse_torn_log(file)
        dead = tmp_path / "dead" / file.name
        dead.parent.mkdir()
        for name in (file.name, log_of(file).name, index.name):
            (dead.parent / name).write_bytes((tmp_path / name).read_bytes())
        killed.close()
        catalogue.close()
        went_on = Catalogue.open(dead)
        assert went_on.unfinished_run("later") is not None
        with went_on.database.read() as connection:
            assert not inspect(connection).has_table("large")
        went_on.close()

    @pytest.mark.parametrize("with_index", [True, False])
    def test_damaged_where_an_index_was_left(self, tmp_path: Path, *, with_index: bool) -> None:
        """An index beside the log clears it of no damage in what was committed."""
        file = tmp_path / "alive" / "catalogue.sqlite"
        catalogue = Catalogue.open(file)
        catalogue.database.erase()
        for number in range(3):
            catalogue.begin_run(f"c{number}", "f", full=False)
        dead = tmp_path / "dead" / file.name
        dead.parent.mkdir()
        for each in file.parent.glob(f"{file.name}*"):
            if with_index or not each.name.endswith("-shm"):
                (dead.parent / each.name).write_bytes(each.read_bytes())
        catalogue.close()
        data = bytearray(log_of(dead).read_bytes())
        data[1000] ^= 4
        log_of(dead).write_bytes(data)
        with pytest.raises(CatalogueError, match="log of the catalogue is damaged"):
            refuse_torn_log(dead)

    def test_begun_anew(self, tmp_path: Path) -> None:
        """Frames of the log before, behind those of the present one, are no damage."""
        catalogue = Catalogue.open(tmp_path / "catalogue.sqlite")
        for number in range(40):
            catalogue.begin_run(f"c{number}", "f", full=False)
        with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.close()
        catalogue.begin_run("last", "f", full=False)
        refuse_torn_log(tmp_path / "catalogue.sqlite")
        catalogue.close()

    def test_in_use(self, tmp_path: Path) -> None:
        """Another process that writes meanwhile, and begins the log anew, is no damage."""
        file = tmp_path / "catalogue.sqlite"
        catalogue = Catalogue.open(file)
        with sqlite3.connect(file) as other:
            other.execute("PRAGMA wal_autocheckpoint = 10")
            for number in range(60):
                other.execute("PRAGMA wal_checkpoint(RESTART)")
                catalogue.begin_run(f"c{number}", "f", full=False)
                refuse_torn_log(file)
        other.close()
        catalogue.close()
