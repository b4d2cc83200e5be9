"""What the bot remembers on disk: bounded, apart for each bot, and never in the way."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from telegram.error import NetworkError

from bot.telegram_http import TooLongError, bounded_request
from bot.telegram_limits import GroupBudget
from bot.telegram_memory import Asked, TelegramMemory
from tests.fakes import FakeClock
from tests.servers.telegram import TOKEN, TelegramServer


async def _known(memory: TelegramMemory, hashes: Sequence[str], bot: int = 1) -> dict[str, str]:
    return await memory.file_ids(bot, hashes)


async def test_it_remembers_over_restarts_and_apart_for_each_bot(tmp_path: Path) -> None:
    """File ids are of one bot only; another token starts with none."""
    memory = TelegramMemory(tmp_path / "memory.sqlite")
    await memory.open()
    await memory.keep_file_id(1, "aa", "file-1")
    await memory.keep_asked(1, -5, 7, Asked(11, ("photo",)))
    await memory.close()
    await memory.open()
    assert await _known(memory, ["aa", "bb"]) == {"aa": "file-1"}
    assert await _known(memory, ["aa"], bot=2) == {}
    assert await memory.asked(1, -5, 7) == Asked(11, ("photo",))
    assert await memory.asked(2, -5, 7) is None
    assert await memory.asked(1, -6, 7) is None
    await memory.forget_file_ids(1, ["aa"])
    assert await _known(memory, ["aa"]) == {}
    await memory.close()


async def test_it_is_bounded(tmp_path: Path) -> None:
    """The oldest are forgotten first."""
    ticks = itertools.count()
    memory = TelegramMemory(tmp_path / "memory.sqlite", keep=10, now=lambda: float(next(ticks)))
    await memory.open()
    for number in range(1000):
        await memory.keep_file_id(1, f"{number:03}", "file")
    known = await _known(memory, [f"{number:03}" for number in range(1000)])
    assert sorted(known) == [f"{number:03}" for number in range(990, 1000)]
    await memory.close()


async def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    """It holds nothing worth a bot that does not start."""
    path = tmp_path / "memory.sqlite"
    path.write_bytes(b"this is no database" * 1000)
    memory = TelegramMemory(path)
    await memory.open()
    await memory.keep_file_id(1, "aa", "file-1")
    assert await _known(memory, ["aa"]) == {"aa": "file-1"}
    await memory.close()


async def test_after_closing_it_knows_nothing_and_breaks_nothing() -> None:
    """An answer that is late by a moment still finishes."""
    memory = TelegramMemory()
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
