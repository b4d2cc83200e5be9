"""What the bot remembers on disk: bounded, apart for each bot, and never in the way."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from telegram.error import NetworkError

from bot.engine.telegram_memory import StoredMemory
from bot.telegram.http import TooLongError, bounded_request
from bot.telegram.memory import AnsweredMessage, TelegramMemory
from bot.telegram.rate_limiter import GroupBudget
from index.catalogue.database import Database, open_database
from tests.fakes import FakeClock
from tests.servers.telegram import TOKEN, TelegramServer


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.process)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | Database]:
    """Where a bot remembers: in a file, or in the database of the catalogue."""
    if request.param == "sqlite":
        yield tmp_path / "memory.sqlite"
        return
    database = open_database(request.getfixturevalue("postgresql_url"))
    yield database
    database.close()


async def _known(memory: TelegramMemory, hashes: Sequence[str], bot: int = 1) -> dict[str, str]:
    return await memory.file_ids(bot, hashes)


def _all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_it_remembers_over_restarts_and_apart_for_each_bot(place: Path | Database) -> None:
    """File ids are of one bot only; another token starts with none."""
    memory = StoredMemory(place)
    await memory.open()
    await memory.keep_file_id(1, "aa", "file-1")
    await memory.keep_asked(1, -5, 7, AnsweredMessage(11, ("photo",)))
    await memory.close()
    await memory.open()
    assert await _known(memory, ["aa", "bb"]) == {"aa": "file-1"}
    assert await _known(memory, ["aa"], bot=2) == {}
    assert await memory.asked(1, -5, 7) == AnsweredMessage(11, ("photo",))
    assert await memory.asked(2, -5, 7) is None
    assert await memory.asked(1, -6, 7) is None
    await memory.forget_file_ids(1, ["aa"])
    assert await _known(memory, ["aa"]) == {}
    await memory.close()


async def test_it_is_bounded(tmp_path: Path) -> None:
    """The oldest are forgotten first."""
    ticks = itertools.count()
    memory = StoredMemory(tmp_path / "memory.sqlite", keep=10, now=lambda: float(next(ticks)))
    await memory.open()
    for number in range(1000):
        await memory.keep_file_id(1, f"{number:03}", "file")
    known = await _known(memory, [f"{number:03}" for number in range(1000)])
    assert sorted(known) == [f"{number:03}" for number in range(990, 1000)]
    await memory.close()


async def test_what_nobody_uses_is_forgotten(place: Path | Database) -> None:
    """After thirty days, also from the file; a picture that is still shown stays known."""
    now = 1_000_000.0
    memory = StoredMemory(place, now=lambda: now)
    await memory.open()
    for sha256 in ("old", "shown"):
        await memory.keep_file_id(1, sha256, "file")
    await memory.keep_asked(1, 5, 7, AnsweredMessage(11))
    await memory.keep_shown(1, 5, {8: "picture", 9: "other"})
    now += 20 * 86_400
    assert await _known(memory, ["shown"]) == {"shown": "file"}
    assert await memory.asked(1, 5, 7) == AnsweredMessage(11)
    assert await memory.shown(1, 5, 9) == "other"
    now += 11 * 86_400
    assert await memory.asked(1, 5, 7) is None
    assert await memory.shown(1, 5, 8) is None
    assert len(await memory.describe("telegram:11")) == 1
    await memory.prune()
    assert await memory.describe("telegram:11") == []
    assert await _known(memory, ["old", "shown"]) == {"shown": "file"}
    await memory.close()


async def test_a_person_is_described_and_forgotten(tmp_path: Path) -> None:
    """Theirs alone, over all bots, for good: not even the bytes of the file hold it."""
    path = tmp_path / "memory.sqlite"
    memory = StoredMemory(path, now=lambda: 5.5)
    await memory.open()
    await memory.keep_asked(1, -5, 7, AnsweredMessage(11, ("AgAC-the-picture-of-eleven",)))
    await memory.keep_asked(2, 11, 8, AnsweredMessage(11, home=-5))
    await memory.keep_asked(1, -5, 9, AnsweredMessage(12))
    await memory.keep_asked(1, -5, 10, AnsweredMessage(-5))
    assert b"of-eleven" in _all_bytes(tmp_path)
    assert await memory.describe("telegram:11") == [
        {
            "chat": chat,
            "message": n,
            "asked_pictures": p,
            "kept_since": 5,
        }
        for chat, n, p in ((-5, 7, 1), (11, 8, 0))
    ]
    for other in ("discord:11", "web", "telegram:-5", "telegram:x"):
        assert await memory.forget(other) == 0
    assert (memory.name, memory.kept_days) == ("telegram", 30)
    assert await memory.forget("telegram:11") == 2
    assert await memory.describe("telegram:11") == []
    assert await memory.asked(1, -5, 7) is None
    assert await memory.asked(1, -5, 9) == AnsweredMessage(12)
    assert await memory.asked(1, -5, 10) == AnsweredMessage(-5)
    assert b"of-eleven" not in _all_bytes(tmp_path)
    await memory.close()


async def test_the_file_of_an_earlier_version_is_used_on(tmp_path: Path) -> None:
    """Its file ids and its buttons work, and new ones may act for another chat."""
    path = tmp_path / "memory.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE files (bot INTEGER, sha256 TEXT, file_id TEXT NOT NULL, "
            "used REAL NOT NULL, PRIMARY KEY (bot, sha256)) WITHOUT ROWID"
        )
        db.execute(
            "CREATE TABLE asked (bot INTEGER, chat INTEGER, message INTEGER, "
            "caller INTEGER NOT NULL, pictures TEXT NOT NULL, used REAL NOT NULL, "
            "PRIMARY KEY (bot, chat, message)) WITHOUT ROWID"
        )
        db.execute("INSERT INTO files VALUES (1, 'aa', 'file-1', ?)", (time.time(),))
        db.execute("INSERT INTO asked VALUES (1, 5, 7, 11, '[\"photo\"]', ?)", (time.time(),))
    memory = StoredMemory(path)
    for number in range(2):
        await memory.open()
        assert await _known(memory, ["aa"]) == {"aa": "file-1"}
        assert await memory.asked(1, 5, 7) == AnsweredMessage(11, ("photo",))
        await memory.keep_asked(1, 5, 8 + number, AnsweredMessage(11, home=-5))
        assert await memory.asked(1, 5, 8 + number) == AnsweredMessage(11, home=-5)
        await memory.close()


async def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    """It holds nothing worth a bot that does not start."""
    path = tmp_path / "memory.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    memory = StoredMemory(path)
    await memory.open()
    await memory.keep_file_id(1, "aa", "file-1")
    assert await _known(memory, ["aa"]) == {"aa": "file-1"}
    await memory.close()


async def test_after_closing_it_knows_nothing_and_breaks_nothing() -> None:
    """An answer that is late by a moment still finishes."""
    memory = StoredMemory()
    await memory.open()
    await memory.close()
    await memory.keep_file_id(1, "aa", "file-1")
    assert await _known(memory, ["aa"]) == {}


def test_the_budget_of_a_group_counts_a_minute() -> None:
    """Twenty messages a minute in each group, any number in private."""
    clock = FakeClock()
    budget = GroupBudget(clock)
    budget.spend(-1, 15)
    assert budget.has_room(-1, 5)
    assert not budget.has_room(-1, 6)
    assert budget.has_room(-2, 20)
    budget.spend(7, 1000)
    assert budget.has_room(7, 1000)
    clock.advance(61)
    assert budget.has_room(-1, 20)


@pytest.mark.parametrize("chunked", [True, False])
async def test_answers_are_read_up_to_their_bound_only(*, chunked: bool) -> None:
    """Whether the length is told beforehand or not."""
    server = TelegramServer()
    async with server.running():
        file = server.world.files[server.world.store(bytes(300_000))]
        request = bounded_request(200_000 if chunked else 100)
        await request.initialize()
        path = f"/file/bot{TOKEN}/photos/{file.unique}.bin" if chunked else f"/bot{TOKEN}/getMe"
        with pytest.raises(NetworkError) as caught:
            await request.retrieve(server.url + path)
        assert isinstance(caught.value.__cause__, TooLongError)
        await request.shutdown()
