"""The Revisions port: by files that processes share, and by the database that nodes share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.catalogue.catalogue import Catalogue
from index.library.overlay import Overlays
from index.library.overlay_revisions import last_revision
from index.library.revisions import FileRevisions, SharedRevisions
from index.library.upload_files import UploadFiles
from tests.databases import database_at
from tests.fakes import FakeClock

NAME, OTHER = "gärten & co", ".settings"

FRESH_S = 0.5


class Process:
    """What one process has, which shares a folder or a database with another one."""

    def __init__(self, home: Path, clock: FakeClock, *, shared: bool) -> None:
        files = UploadFiles(home / "uploads")
        self.catalogue = Catalogue(database_at(home))
        self.revisions = (
            SharedRevisions(self.catalogue.database, fresh_s=FRESH_S, monotonic=clock.monotonic)
            if shared
            else FileRevisions(files)
        )
        self.overlays = Overlays(self.catalogue.database, files, revisions=self.revisions)

    def change(self, name: str = NAME, scope: str = "", *, fails: bool = False) -> None:
        """Something of this name."""
        with self.overlays.change() as change:
            change.touched.add((name, scope))
            if fails:
                raise ZeroDivisionError

    def rows(self, name: str = NAME) -> int:
        """The revision of what the database has."""
        with self.overlays.read() as connection:
            return last_revision(connection, name)


Start = Callable[[], Process]


@pytest.fixture
def clock() -> FakeClock:
    """By which it is told how old a look is."""
    return FakeClock()


@pytest.fixture
def start(database: str, tmp_path: Path, clock: FakeClock) -> Iterator[Start]:
    """One process more."""
    started: list[Process] = []

    def another() -> Process:
        started.append(Process(tmp_path, clock, shared=database == "postgresql"))
        return started[-1]

    yield another
    for each in started:
        each.catalogue.close()


def test_a_change_counts_up_and_is_known_everywhere(start: Start, clock: FakeClock) -> None:
    """At once where it was made, at others as soon as their look is no longer fresh."""
    one, two = start(), start()
    assert one.revisions.revision(NAME) == two.revisions.revision(NAME) == 0
    for number in (1, 2):
        one.change()
        assert one.revisions.revision(NAME) == one.revisions.known(NAME) == number
        clock.advance(2 * FRESH_S + 0.001)
        assert two.revisions.revision(NAME) == two.revisions.known(NAME) == number
    two.change()
    clock.advance(2 * FRESH_S + 0.001)
    assert one.revisions.revision(NAME) == 3


def test_names_are_counted_apart(start: Start) -> None:
    """Scopes of one name together."""
    one = start()
    one.change(NAME, "web")
    one.change(NAME, "discord:1")
    one.change(OTHER)
    assert (one.revisions.revision(NAME), one.revisions.revision(OTHER)) == (2, 1)


def test_whoever_comes_later_knows_what_was(start: Start) -> None:
    """From the first question on."""
    start().change()
    assert start().revisions.revision(NAME) == 1


def test_no_answer_is_older_than_the_rows(start: Start, clock: FakeClock) -> None:
    """What was announced and then failed is told apart, or was never told."""
    one, two = start(), start()
    one.change()
    with pytest.raises(ZeroDivisionError):
        one.change(NAME, fails=True)
    clock.advance(2 * FRESH_S + 0.001)
    for each in (one, two):
        rows = {NAME: each.rows()}
        told = each.revisions.revision(NAME)
        assert rows[NAME] == 1
        assert told == each.revisions.differing(rows).get(NAME, rows[NAME]) >= rows[NAME]
    two.change()
    clock.advance(2 * FRESH_S + 0.001)
    assert one.revisions.revision(NAME) >= one.rows() > 1
    assert one.revisions.differing({NAME: one.rows()}) == {}


def test_generations_are_told_where_no_file_tells(start: Start, database: str) -> None:
    """Nodes have indexes of their own, and learn from the database that another is newer."""
    told = start().revisions.generation(NAME)
    assert told == (0 if database == "postgresql" else None)
