"""A catalogue that is lost or damaged is told with its remedy, never taken for a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError
from index.catalogue.catalogue import Catalogue
from index.catalogue.integrity import log_of
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

    def test_cut_off(self, left: Path) -> None:
        """An end that a kill tore off is no damage: what it had was never acknowledged."""
        log = log_of(left)
        log.write_bytes(log.read_bytes()[:-700])
        log.write_bytes(log.read_bytes() + b"\0" * 700)
        catalogue = Catalogue.open(left)
        assert catalogue.unfinished_run("c1") is not None
        assert catalogue.unfinished_run("c2") is None
        catalogue.close()
