"""No route of either chat shows one community what belongs to another.

``tangerine run`` with three closed collections and an open one, real clients, the real
model. Every message, button, choice and inline result that comes back is read, and every
picture decoded. The sample asks a little; ``make test-all`` asks 1,000 times in each of the
three communities on each platform.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.isolation import (
    COLLECTIONS,
    COMMUNITIES,
    OPEN,
    TOLERANCE,
    Community,
    Route,
    foreign_collections,
    foreign_pixels,
    foreign_words,
    write_galleries,
)
from tests.isolation_discord import OnDiscord
from tests.isolation_telegram import OnTelegram
from tests.program import Program, small_program
from tests.running import running
from tests.servers.discord_people import discord_with
from tests.servers.discord_world import Server
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.process

SEED = 20_261_121
_AT_ONCE = 8
_TIMES = [
    pytest.param(15, id="sample"),
    pytest.param(1000, id="full", marks=[pytest.mark.long, pytest.mark.timeout(2400)]),
]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> Program:
    """A program with the three collections and the open one, indexed."""
    folder = tmp_path_factory.mktemp("isolation")
    settings = write_galleries(folder)
    shutil.copytree(exported, folder / "data", copy_function=os.link)
    program = small_program(
        folder,
        TANGERINE_CONFIG=str(settings),
        TANGERINE_ENCODER__THREADS="1",
        HF_HUB_OFFLINE="1",
    )
    for name in (*COLLECTIONS, OPEN):
        assert program("reindex", "--collection", name, "--json").json["failed"] == []
    return program


async def _seen(program: Program) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Of each closed collection: the ids of some pictures, and how many there are."""

    def ask(*arguments: str) -> Any:
        return program(*arguments, "--json").json

    # In a thread, since the command line runs an event loop of its own.
    status = await asyncio.to_thread(ask, "status")
    counts = {each["name"]: each["pictures"] for each in status["collections"]}
    ids = {}
    for name in COLLECTIONS:
        found = await asyncio.to_thread(ask, "find", "a lamp", "--collection", name, "-k", "10")
        ids[name] = [hit["id"] for hit in found["hits"]]
    return ids, {name: counts[name] for name in COLLECTIONS}


async def _ask(routes: Mapping[str, Route], times: int, at_once: int) -> Counter[str]:
    """So many questions of each community, a few at once, by ways that chance chooses."""
    chance = random.Random(SEED)
    print(f"isolation: {times} questions of each community, seed {SEED}")
    # Each way once at least: a sample must not leave one out.
    ways = [*routes, *chance.choices(list(routes), k=max(0, times - len(routes)))]
    plan = [(c, way, chance.random()) for way in ways for c in COMMUNITIES]
    waiting = asyncio.Semaphore(at_once)
    asked: Counter[str] = Counter()

    async def one(community: Community, way: str, seed: float) -> None:
        async with waiting:
            await routes[way](community, random.Random(seed))
            asked[way] += 1

    await asyncio.gather(*(one(*each) for each in plan))
    return asked


@pytest.mark.parametrize("times", _TIMES)
async def test_discord_shows_nobody_what_belongs_to_others(times: int, closed: Program) -> None:
    """Messages, buttons, choices and pictures of each server are its own; nothing is changed."""
    ids, before = await _seen(closed)
    async with (
        discord_with(*(Server(c.discord, owner=1) for c in COMMUNITIES)) as discord,
        running(closed, **discord.environment) as started,
    ):
        await started.wait_until_said("Ready:", "Discord: connected")
        asking = OnDiscord(discord, ids)
        await asking.add()
        asked = await _ask(asking.routes, times, _AT_ONCE)
    assert asking.check() > times
    assert asked.total() >= 3 * times
    assert await _seen(closed) == (ids, before)


# aiohttp's own reader of forms, in the loopback server, calls what aiohttp has deprecated
# wherever a boundary falls between two chunks.
@pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")
@pytest.mark.parametrize("times", _TIMES)
async def test_telegram_shows_nobody_what_belongs_to_others(times: int, closed: Program) -> None:
    """Albums, sheets, keyboards, inline results of each chat are its own; nothing is changed."""
    ids, before = await _seen(closed)
    telegram = TelegramServer()
    asking = OnTelegram(telegram, ids)
    async with (
        telegram.running(),
        running(closed, **telegram.environment) as started,
    ):
        await started.wait_until_said("Ready:", "Telegram: connected")
        await asking.add()
        asked = await _ask(asking.routes, times, _AT_ONCE)
    assert asking.check() > times
    assert asked.total() >= 3 * times
    assert await _seen(closed) == (ids, before)


def test_the_checks_find_what_is_foreign() -> None:
    """A foreign caption, collection or picture would be seen."""
    north, south, _ = COMMUNITIES
    assert foreign_words("a lamp quillon-3", north, "d") == ["quillon-3"]
    assert foreign_words("a lamp zorvex-3 zorvex-d1", north, "d") == []
    assert foreign_words("a lamp zorvex-t1", north, "d") == ["zorvex-t1"]
    assert foreign_pixels(south.picture(3), north) > 0.1
    assert foreign_pixels(north.picture(3), north) < TOLERANCE
    assert foreign_collections(["north", "south", OPEN], north) == {"south"}
