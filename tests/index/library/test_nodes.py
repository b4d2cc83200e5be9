"""Two nodes on one database, each with a data folder of its own: what one changes, both show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from core.domain.errors import CatalogueError, ReindexRunning
from core.search.moderation import Criterion
from index.catalogue.database import Database
from index.library.revisions import SharedRevisions
from tests.fakes import FakeClock
from tests.galleries import Gallery
from tests.nodes import two_nodes
from tests.servers.postgresql import PostgresqlServer

pytestmark = [
    pytest.mark.process,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]

WITHIN_S = 1.0
LONG = 20.0
"""Seconds after which a change is given up, on a machine that has much else to do."""


@pytest.fixture
def nodes(database: str, tmp_path: Path) -> Iterator[tuple[Gallery, Gallery]]:
    """See :func:`~tests.nodes.two_nodes`."""
    del database
    with two_nodes(tmp_path) as made:
        yield made


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
