"""Collections that no node can hold: vectors in a real Milvus, the truth in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import inspect, text

from core.domain.errors import NotFound, VectorsUnreachable
from core.search.moderation import Criterion
from core.search.query import SearchQuery
from core.search.service import Search
from index.catalogue.database import Database
from index.library.candidates import EngineCandidates
from index.library.revisions import SharedRevisions
from index.snapshots.engine_copies import EngineCopies
from index.vectors.milvus import MilvusEngine
from tests.galleries import Gallery
from tests.servers.milvus import MilvusProcess

pytestmark = [
    pytest.mark.process,
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]

SAMPLE = 8
FOLDER = 40
"""Pictures: five times as many as a node has in memory."""


class Node:
    """A gallery with a search over it."""

    def __init__(self, home: Path, name: str, url: str, timeout_s: float = 30) -> None:
        def copies(database: Database) -> EngineCopies:
            engine = MilvusEngine(url, timeout_s=timeout_s)
            return EngineCopies(database, engine, ["gallery"], sample=SAMPLE)

        self.gallery = Gallery(
            home, data=home / name, shared=SharedRevisions, duplicate_cosine=2, copies=copies
        )
        assert self.gallery.copies is not None
        self.copies = self.gallery.copies
        self.search = Search(
            self.gallery.library,
            self.gallery.embedder,
            self.gallery.decoder,
            candidates=EngineCandidates(self.gallery.library, self.copies),
        )

    async def found(self, text: str, k: int = 5, community: str = "web") -> list[str]:
        """The paths of what is found."""
        result = await self.search.find(text, community=community, k=k)
        return [hit.picture.path for hit in result.hits]


@pytest.fixture
def nodes(database: str, tmp_path: Path, milvus: MilvusProcess) -> Iterator[tuple[Node, Node]]:
    """Two that follow each other, over a folder of red, green and blue pictures."""
    del database
    made = Node(tmp_path, "first", milvus.url), Node(tmp_path, "second", milvus.url)
    threads = []
    for node in made:
        assert isinstance(node.gallery.revisions, SharedRevisions)
        threads.append(Thread(target=node.gallery.revisions.follow))
        threads[-1].start()
    _fill(made[0].gallery)
    yield made
    made[0].copies.forget("gallery")
    for node in made:
        assert isinstance(node.gallery.revisions, SharedRevisions)
        node.gallery.revisions.stop()
        node.copies.engine.close()
    for thread in threads:
        thread.join()
    for node in made:
        node.gallery.close()


def _fill(gallery: Gallery) -> None:
    for number in range(FOLDER):
        gallery.add(f"{number:02}.png", ("red", "green", "blue", "yellow")[number % 4], number)
    gallery.add("zebra.png", "green", 99, "zebra crossing in Łódź")


async def _seen(node: Node, path: str, text: str) -> None:
    """Wait for the engine, which is some seconds behind."""
    async with asyncio.timeout(30):
        while path not in await node.found(text, k=FOLDER):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)


async def test_what_no_node_holds_is_found(nodes: tuple[Node, Node]) -> None:
    """All of it, at both nodes, by picture, by caption, by another one like it, and exactly."""
    one, two = nodes
    await one.gallery.reindex()
    assert len(one.gallery.snapshot().pictures) == SAMPLE
    for node in nodes:
        for number in range(FOLDER):
            await _seen(node, f"{number:02}.png", ("red", "green", "blue", "yellow")[number % 4])
        red = await node.search.find("red", community="web", k=10)
        assert [int(hit.picture.path[:2]) % 4 for hit in red.hits] == [0] * 10
        assert red.has_more
        asked = await node.gallery.embedder.embed_text("red")
        for hit in red.hits:
            data = (node.gallery.pictures / hit.picture.path).read_bytes()
            decoded = await node.gallery.decoder.decode(data, node.gallery.embedder.pixel_spec)
            own = await node.gallery.embedder.embed_pixels(decoded.pixels)
            assert hit.score == pytest.approx(float(own @ asked), abs=1e-6)
        second = await node.search.find("red", community="web", k=10, offset=5)
        assert [h.picture.id for h in second.hits[:5]] == [h.picture.id for h in red.hits[5:]]
    # Words of captions are looked up in the database, as they are compared elsewhere.
    hit = (await two.search.find("zebras lodz", community="web", k=1)).hits[0]
    assert hit.picture.path == "zebra.png"
    like = await two.search.more_like(hit.picture.id, community="web", k=3)
    assert all(int(each.picture.path[:2]) % 4 == 1 for each in like.hits)
    picture = one.gallery.pictures / "02.png"
    nearest = await two.search.similar(picture, community="web", k=3)
    assert nearest.hits[0].picture.path == "02.png"
    told = await two.search.describe(one.gallery.pictures / "zebra.png", community="web")
    assert told.hits[0].caption == "zebra crossing in Łódź"
    apart = await two.search.find(SearchQuery("red", exclude="blue"), community="web", k=FOLDER)
    assert apart.hits[0].picture.path[:2] in {f"{n:02}" for n in range(0, FOLDER, 4)}
    [status] = await two.gallery.library.status("web")
    assert (status.pictures, status.index) == (FOLDER + 1, two.copies.engine.name)
    assert one.gallery.verify() == two.gallery.verify() == []


async def test_what_is_not_for_the_asker_is_no_candidate(nodes: tuple[Node, Node]) -> None:
    """Removed, held and forgotten: gone at both nodes at once, whatever the engine still has."""
    one, two = nodes
    await one.gallery.reindex()
    await _seen(two, "36.png", "red")
    best = (await two.search.find("red", community="web", k=1)).hits[0].picture
    await one.gallery.contributions.remove(best.id, community="web", remover="web:1")
    async with asyncio.timeout(20):
        while best.path in await two.found("red", k=9):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    for node in nodes:
        found = await node.found("red", k=9)
        assert best.path not in found
        assert len(found) == 9
        with pytest.raises(NotFound):
            await node.gallery.library.picture_file(best.id, "web")
    await two.gallery.contributions.restore(best.id, community="web")
    assert best.path in await two.found("red", k=10)
    # A criterion is compared with what the engine gives, before it is shown.
    await one.gallery.moderation.add(Criterion("red"), community="web")
    held = await one.found("red", k=FOLDER)
    assert not any(int(path[:2]) % 4 == 0 for path in held if path[0] != "z")
    assert await one.gallery.moderation.hides(best.id, community="web")
    await one.gallery.moderation.drop("red", community="web")
    assert best.path in await one.found("red", k=10)
    # What the folder has no more is not shown before the engine has heard of it.
    (one.gallery.pictures / best.path).unlink()
    await one.gallery.reindex()
    assert best.path not in await one.found("red", k=FOLDER)
    assert one.gallery.verify() == []


@pytest.mark.long
async def test_copies_are_made_again(nodes: tuple[Node, Node]) -> None:
    """Of what the engine has lost, and of all of it; another model has a set of its own."""
    one, _ = nodes
    await one.gallery.reindex()
    state = one.copies.state("gallery")
    assert state is not None
    name = state.of("picture")
    engine = one.copies.engine
    assert engine.count(name) == FOLDER + 1
    engine.delete(name, engine.between(name, 0, 2**40)[:3].tolist())
    [difference] = one.gallery.verify()
    assert "3 vectors of pictures are missing" in difference
    one.copies.mend("gallery")
    assert one.copies.behind("gallery") is False
    one.copies.catch_up("gallery")
    assert one.gallery.verify() == []
    engine.drop(name)
    assert one.copies.behind("gallery")
    with pytest.raises(VectorsUnreachable):
        await one.search.find("red", community="web")
    one.copies.catch_up("gallery")
    assert one.gallery.verify() == []
    assert one.copies.state("gallery") != state
    await _seen(one, "36.png", "red")


@pytest.mark.long
async def test_milvus_away_and_back(
    database: str, tmp_path: Path, own_milvus: MilvusProcess
) -> None:
    """Whoever asks is told; what is indexed meanwhile is copied afterwards; answers go on."""
    del database
    node = Node(tmp_path, "first", own_milvus.url, timeout_s=5)
    _fill(node.gallery)
    await node.gallery.reindex()
    await _seen(node, "36.png", "red")
    own_milvus.stop()
    with pytest.raises(VectorsUnreachable):
        await node.search.find("red", community="web")
    node.gallery.add("late.png", "red", 200)
    await node.gallery.reindex()
    own_milvus.start()
    async with asyncio.timeout(120):
        while True:
            with contextlib.suppress(VectorsUnreachable):
                if await asyncio.to_thread(node.copies.catch_up, "gallery"):
                    await _seen(node, "late.png", "red")
                    break
            await asyncio.sleep(0.2)
    assert node.gallery.verify() == []
    node.copies.engine.close()
    node.gallery.close()


@pytest.mark.parametrize("is_away", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_what_is_gone_stays_nowhere(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, *, is_away: bool
) -> None:
    """Its words are in no table, also while Milvus is away, which then has no vector of it."""
    del database
    server: MilvusProcess = request.getfixturevalue("own_milvus" if is_away else "milvus")
    node = Node(tmp_path, "first", server.url, timeout_s=5 if is_away else 30)
    gallery, copies = node.gallery, node.copies
    _fill(gallery)
    gallery.add("secret.png", "green", 300, "an unspeakable thing")
    await gallery.reindex()
    state = copies.state("gallery")
    assert state is not None
    sets = [state.of("picture"), state.of("caption")]
    before = [set(copies.engine.between(each, 0, 2**40).tolist()) for each in sets]
    assert "engine_vectors" in _tables_with(gallery.catalogue.database, "unspeakable")
    cleaned = _cleaned(gallery.catalogue.database)
    if is_away:
        server.stop()
    for each in gallery.pictures.glob("secret.*"):
        each.unlink()
    await gallery.reindex()
    assert _tables_with(gallery.catalogue.database, "unspeakable") == []
    assert _cleaned(gallery.catalogue.database) > cleaned
    if is_away:
        server.start()
        async with asyncio.timeout(120):
            while True:
                with contextlib.suppress(VectorsUnreachable):
                    # It has its vectors in memory a while after it answers.
                    copies.engine.between(sets[0], 0, 1)
                    copies.engine.between(sets[1], 0, 1)
                    if await asyncio.to_thread(copies.catch_up, "gallery"):
                        break
                await asyncio.sleep(0.2)
    after = [set(copies.engine.between(each, 0, 2**40).tolist()) for each in sets]
    assert [len(was - now) for was, now in zip(before, after, strict=True)] == [1, 1]
    # What comes back is found by its words as before.
    gallery.add("secret.png", "green", 300, "an unspeakable thing")
    await gallery.reindex()
    await asyncio.to_thread(copies.catch_up, "gallery")
    assert (await node.found("unspeakable thing", k=1)) == ["secret.png"]
    assert gallery.verify() == []
    copies.forget("gallery")
    copies.engine.close()
    gallery.close()


def _tables_with(database: Database, word: str) -> list[str]:
    """Tables in any column of which this stands."""
    with database.read() as connection:
        names = inspect(connection).get_table_names()
        query = 'SELECT count(*) FROM "{}" AS t WHERE t::text LIKE :like'
        return [
            name
            for name in names
            if connection.execute(text(query.format(name)), {"like": f"%{word}%"}).scalar()
        ]


def _cleaned(database: Database) -> int:
    """How often the rows that were deleted from the table of copies were overwritten."""
    query = "SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'engine_vectors'"
    with database.read() as connection:
        return int(connection.execute(text(query)).scalar() or 0)
