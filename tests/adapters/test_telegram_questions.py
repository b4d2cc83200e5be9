"""Questions in hand when a node goes: Telegram has forgotten them, and the next one answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.telegram.adapter import TelegramAdapter
from bot.telegram.questions import QuestionsInHand
from index.catalogue.database import Database, open_database
from index.catalogue.node_tables import node_tables
from index.catalogue.shared_questions import SharedQuestions
from tests.adapters.telegram_parts import ADA, BEN, GROUP, SMALL, adapter_of
from tests.fakes import picture_bytes
from tests.servers.telegram import TelegramServer
from tests.web.parts import Parts


class Kept:
    """What the nodes know."""

    def __init__(self) -> None:
        self.bodies: dict[int, str] = {}

    async def put(self, bot: int, number: int, body: str) -> None:
        """Keep it."""
        assert bot
        self.bodies[number] = body

    async def drop(self, bot: int, number: int) -> None:
        """It is answered."""
        assert bot
        del self.bodies[number]

    async def left(self, bot: int, *, tries: int) -> Sequence[str]:
        """All of them."""
        assert bot
        assert tries
        return list(self.bodies.values())


def _node(
    parts: Parts, server: TelegramServer, folder: Path, questions: QuestionsInHand
) -> TelegramAdapter:
    return adapter_of(parts, server, folder, questions=questions, drain_s=0.05)


async def test_a_question_in_hand_is_answered_by_the_next_node(tmp_path: Path) -> None:
    """Once, though Telegram was told that it was taken; what was answered is not."""
    kept, server = Kept(), TelegramServer()
    server.world.user(ADA)
    parts = Parts(tmp_path, SMALL)
    async with server.running():
        first = _node(parts, server, tmp_path, kept)
        await first.start()
        await server.say(ADA, ADA, "/find blue --count 1")
        await server.until(lambda: len(server.world.sent) == 1 and not kept.bodies)
        parts.embedder.gate.clear()
        await server.say(ADA, ADA, "/find red --count 1")
        await server.say(ADA, ADA, "", photo=picture_bytes("green", 5))
        await server.until(lambda: len(kept.bodies) == 2 and not server.world.updates)
        await first.stop()  # it gives up what is under way, as a kill does
        assert len(server.world.sent) == 1
        parts.embedder.gate.set()
        second = _node(parts, server, tmp_path, kept)
        await second.start()
        await server.until(lambda: not kept.bodies)
        sent = len(server.world.sent)
        assert sent >= 3
        await second.stop()
        third = _node(parts, server, tmp_path, kept)
        await third.start()
        await server.say(ADA, ADA, "/find red --count 1")
        await server.until(lambda: len(server.world.sent) > sent)
        await third.stop()
        assert len(server.world.sent) == sent + 1
    await parts.close()


@pytest.mark.parametrize(("chat", "speaks"), [(ADA, 0), (GROUP, 3)])
async def test_an_album_is_answered_whole_by_the_next_node(
    tmp_path: Path, chat: int, speaks: int
) -> None:
    """With all of its pictures, wherever its words stand."""
    kept, server = Kept(), TelegramServer(privacy=False)
    server.world.user(ADA)
    server.world.group(GROUP, {ADA: "creator"})
    parts = Parts(tmp_path, SMALL)
    async with server.running():
        first = _node(parts, server, tmp_path, kept)
        await first.start()
        parts.embedder.gate.clear()
        for number, colour in enumerate(("red", "blue", "green", "black")):
            words = "/similar" if number == speaks else None
            photo = picture_bytes(colour, edge=64)
            await server.say(chat, ADA, words, photo=photo, media_group_id="7")
        await server.until(lambda: len(kept.bodies) == 4 and not server.world.updates)
        await first.stop()
        assert not server.world.sent
        parts.embedder.gate.set()
        second = _node(parts, server, tmp_path, kept)
        await second.start()
        await server.until(lambda: bool(server.world.sent) and not kept.bodies)
        await second.stop()
        told = " ".join(f"{m.get('caption')} {m.get('text')}" for m in server.world.sent)
        assert "You sent 4 pictures" in told
    await parts.close()


async def test_only_what_asks_the_bot_is_kept(tmp_path: Path) -> None:
    """What people say to each other in a group is nobody's to keep."""
    kept, server = Kept(), TelegramServer(privacy=False)
    for person in (ADA, BEN):
        server.world.user(person)
    server.world.group(GROUP, {ADA: "creator", BEN: "member"})
    parts = Parts(tmp_path, SMALL)
    async with server.running():
        node = _node(parts, server, tmp_path, kept)
        await node.start()
        parts.embedder.gate.clear()
        await server.say(GROUP, BEN, "nobody asks anything here")
        await server.say(GROUP, BEN, "", photo=picture_bytes("green", 5))
        await server.say(GROUP, ADA, "/find red --count 1")
        await server.until(lambda: kept.bodies and not server.world.updates)
        assert len(kept.bodies) == 1
        assert "/find red" in next(iter(kept.bodies.values()))
        parts.embedder.gate.set()
        await server.until(lambda: not kept.bodies)
        await node.stop()
    await parts.close()


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    """One that nodes share."""
    with closing(open_database(postgresql_url)) as opened:
        opened.make(node_tables)
        yield opened


@pytest.mark.process
async def test_questions_are_kept_for_their_bot_until_they_are_answered(
    database: Database,
) -> None:
    """In their order; one is begun so often at most, and one that is old is not answered."""
    one, two = SharedQuestions(database), SharedQuestions(database)
    for number in (3, 1, 2):
        await one.put(7, number, f"question {number}")
    await one.put(8, 1, "of another bot")
    await two.drop(7, 2)
    assert await two.left(7, tries=3) == ["question 1", "question 3"]
    await one.put(7, 3, "question 3")  # Telegram hands it out again
    assert await two.left(7, tries=3) == ["question 1", "question 3"]
    assert await two.left(7, tries=3) == []
    await one.put(7, 9, "question 9")
    with database.write() as connection:
        connection.execute(text("UPDATE telegram_questions SET used = used - 121"))
    assert await two.left(7, tries=3) == []
    assert await two.left(8, tries=3) == []
    await one.put(7, 10, "question 10")
    with database.write() as connection:
        connection.execute(text("UPDATE telegram_questions SET used = used - 121"))
    await one.put(8, 1, "of another bot")
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM telegram_questions")).scalar() == 1
