"""Two nodes on one database, each with a data folder of its own: what one changes, both show."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import make_url

from core.domain.errors import CatalogueError, ReindexRunning
from core.search.moderation import Criterion
from index.catalogue.database import Database
from index.library.revisions import SharedRevisions
from tests.fakes import FakeClock
from tests.galleries import Gallery
from tests.servers.postgresql import PostgresqlServer

pytestmark = [
    pytest.mark.process,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]

COLOURS = ("red", "green", "blue", "yellow")
PEOPLE = ("web:1", "web:2", "web:3")
WITHIN_S = 1.0
LONG = 20.0
"""Seconds after which a change is given up, on a machine that has much else to do."""


@pytest.fixture
def nodes(database: str, tmp_path: Path) -> Iterator[tuple[Gallery, Gallery]]:
    """Two that follow each other; the files of uploads and the folder of pictures are shared."""
    del database
    made = [
        Gallery(
            tmp_path,
            data=tmp_path / name,
            shared=SharedRevisions,
            duplicate_cosine=2,
            max_uploads=10_000,
        )
        for name in ("first", "second")
    ]
    followed = [node.revisions for node in made if isinstance(node.revisions, SharedRevisions)]
    threads = [Thread(target=each.follow) for each in followed]
    for thread in threads:
        thread.start()
    yield made[0], made[1]
    for each in followed:
        each.stop()
    for thread in threads:
        thread.join()
    for node in made:
        node.close()


async def _until_shown(node: Gallery, wanted: set[str]) -> float:
    """How long it takes until a node shows exactly these: seconds."""
    begun = time.monotonic()
    seen = await node.seen()
    while seen != wanted and time.monotonic() - begun < LONG:
        await asyncio.sleep(0.005)
        seen = await node.seen()
    assert seen == wanted
    return time.monotonic() - begun


async def test_what_one_node_changes_the_other_shows(nodes: tuple[Gallery, Gallery]) -> None:
    """Added, removed, restored, held, let go and forgotten; and a folder that is indexed."""
    one, two = nodes
    one.add("red.png", "red", 1)
    await one.reindex()
    await _until_shown(two, {"red.png"})
    sun = await two.post("yellow", 2, "a sun", uploader="web:7")
    await _until_shown(one, {"red.png", "a sun"})
    await one.contributions.remove(sun.id, community="web", remover="web:7")
    await _until_shown(two, {"red.png"})
    await two.contributions.restore(sun.id, community="web")
    await _until_shown(one, {"red.png", "a sun"})
    await one.moderation.add(Criterion("red"), community="web")
    await _until_shown(two, {"a sun"})
    await two.moderation.drop("red", community="web")
    await _until_shown(one, {"red.png", "a sun"})
    await two.contributions.forget("web:7")
    await _until_shown(one, {"red.png"})
    two.add("blue.png", "blue", 3)
    (two.pictures / "red.png").unlink()
    await two.reindex()
    await _until_shown(one, {"blue.png"})
    assert one.verify() == two.verify() == []


async def test_a_node_that_was_away_catches_up(
    nodes: tuple[Gallery, Gallery], tmp_path: Path
) -> None:
    """What happened meanwhile is there from its first answer on."""
    one, two = nodes
    one.add("red.png", "red", 1)
    await one.reindex()
    await one.post("green", 2, "grass")
    await _until_shown(two, {"red.png", "grass"})
    two.close()
    await one.post("blue", 3, "the sea")
    one.add("yellow.png", "yellow", 4)
    await one.reindex()
    again = Gallery(tmp_path, data=two.data, shared=SharedRevisions)
    assert await again.seen() == {"red.png", "yellow.png", "grass", "the sea"}
    again.close()


async def test_who_hears_nothing_looks(nodes: tuple[Gallery, Gallery], tmp_path: Path) -> None:
    """Without a word from anybody, no answer is older than a look is held to be fresh."""
    clock = FakeClock()

    def deaf(database: Database) -> SharedRevisions:
        return SharedRevisions(database, fresh_s=0.5, monotonic=clock.monotonic)

    one, _ = nodes
    one.add("red.png", "red", 1)
    await one.reindex()
    third = Gallery(tmp_path, data=tmp_path / "third", shared=deaf)
    assert await third.seen() == {"red.png"}
    await one.post("green", 2, "grass")
    assert await third.seen() == {"red.png"}
    clock.advance(WITHIN_S + 0.001)
    assert await third.seen() == {"red.png", "grass"}
    third.close()


async def test_who_cannot_look_shows_nothing(
    nodes: tuple[Gallery, Gallery],
    tmp_path: Path,
    postgresql: PostgresqlServer,
    postgresql_url: str,
) -> None:
    """What may be forgotten elsewhere is not shown while nobody can ask; afterwards it is."""
    one, _ = nodes
    one.add("red.png", "red", 1)
    await one.reindex()
    clock = FakeClock()
    third = Gallery(
        tmp_path,
        data=tmp_path / "third",
        shared=lambda database: SharedRevisions(database, monotonic=clock.monotonic),
    )
    assert await third.seen() == {"red.png"}
    name = make_url(postgresql_url).database
    postgresql.administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        postgresql.administer(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        assert await third.seen() == {"red.png"}, "it was asked a moment ago"
        clock.advance(WITHIN_S + 0.001)
        for _ in range(2):
            with pytest.raises(CatalogueError, match="cannot be reached"):
                await third.seen()
    finally:
        postgresql.administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    clock.advance(WITHIN_S)
    assert await third.seen() == {"red.png"}
    third.close()


async def test_one_node_indexes_a_collection_at_a_time(nodes: tuple[Gallery, Gallery]) -> None:
    """The other is told that it goes on; a node that dies lets go."""
    one, two = nodes
    one.add("red.png", "red", 1)
    held = one.catalogue.database.hold(f"reindex {one.name}")
    assert held is not None
    with pytest.raises(ReindexRunning):
        await two.reindex()
    held.let_go()
    assert (await two.reindex()).added == 1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("changes", [100, pytest.param(1000, marks=pytest.mark.long)])
async def test_random_changes_at_either_node(nodes: tuple[Gallery, Gallery], changes: int) -> None:
    """After each, both show what a model of them says: nothing less, and nothing forgotten."""
    chance = random.Random(22)
    shown: dict[str, tuple[str, str]] = {}  # the id and who added it, by caption
    removed: dict[str, tuple[str, str]] = {}
    one, two = nodes
    one.add("base.png", "black", 0)
    await one.reindex()
    took = []
    for number in range(changes):
        node, other = chance.sample(nodes, 2)
        step = chance.choices(("add", "remove", "restore", "forget"), (8, 4, 3, 1))[0]
        if step == "add" or not shown:
            name, person = f"picture {number}", chance.choice(PEOPLE)
            new = await node.post(chance.choice(COLOURS), number + 1, name, uploader=person)
            shown[name] = new.id, person
        elif step == "remove":
            name = chance.choice(sorted(shown))
            picture, person = removed[name] = shown.pop(name)
            await node.contributions.remove(picture, community="web", remover=person)
        elif step == "restore" and removed:
            name = chance.choice(sorted(removed))
            picture, _ = shown[name] = removed.pop(name)
            await node.contributions.restore(picture, community="web")
        else:
            gone = chance.choice(PEOPLE)
            await node.contributions.forget(gone)
            shown = {name: each for name, each in shown.items() if each[1] != gone}
            removed = {name: each for name, each in removed.items() if each[1] != gone}
        wanted = {"base.png", *shown}
        assert await node.seen() == wanted, "a node sees what it did itself at once"
        took.append(await _until_shown(other, wanted))
    took.sort()
    print(
        f"{changes} changes, seen at the other node after {took[len(took) // 2]:.3f} s, "
        f"99 of 100 within {took[-max(1, len(took) // 100)]:.3f} s"
    )
    assert one.verify() == two.verify() == []
