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
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
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
def closed(tmp_path_factory: pytest.TempPathFactory, exported: Path) -> list[Program]:
    """A program with the three collections and the open one, indexed."""
    folder = tmp_path_factory.mktemp("isolation")
    return _indexed([_program(folder, write_galleries(folder), exported)])


@pytest.fixture
def nodes(tmp_path: Path, exported: Path, blank_url: str) -> list[Program]:
    """Two with one database and the same files of uploads, the first of which indexes."""
    settings = write_galleries(tmp_path)
    (tmp_path / "uploads").mkdir()
    made = []
    for name in ("first", "second"):
        made.append(_program(tmp_path / name, settings, exported, TANGERINE_DATABASE_URL=blank_url))
        (tmp_path / name / "data" / "uploads").symlink_to(tmp_path / "uploads")
    return _indexed(made)


def _program(folder: Path, settings: Path, exported: Path, **environment: str) -> Program:
    shutil.copytree(exported, folder / "data", copy_function=os.link)
    return small_program(folder, TANGERINE_CONFIG=str(settings), HF_HUB_OFFLINE="1", **environment)


def _indexed(programs: list[Program]) -> list[Program]:
    for name in (*COLLECTIONS, OPEN):
        assert programs[0]("reindex", "--collection", name, "--json").json["failed"] == []
    return programs


@pytest.fixture(params=["one", pytest.param("two", marks=pytest.mark.long)])
def programs(request: pytest.FixtureRequest) -> list[Program]:
    """One process, or two nodes of which one at a time speaks to a platform."""
    found: list[Program] = request.getfixturevalue("closed" if request.param == "one" else "nodes")
    return found


@asynccontextmanager
async def _answering(
    programs: list[Program], platform: str, environment: Mapping[str, str]
) -> AsyncIterator[AsyncIterator[None]]:
    """Start them all; then each in turn is the one that answers, until it is killed."""
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(running(programs[0], **environment))]
        await started[0].wait_until_said("Ready:", f"{platform}: connected")
        for each in programs[1:]:
            started.append(await stack.enter_async_context(running(each, **environment)))
            await started[-1].wait_until_said("Ready:", f"{platform}: another")

        async def turns() -> AsyncIterator[None]:
            for number, each in enumerate(started):
                if number:
                    started[number - 1].process.kill()
                    await each.wait_until_said(f"{platform}: connected")
                yield

        yield turns()


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
async def test_discord_shows_nobody_what_belongs_to_others(
    times: int, programs: list[Program]
) -> None:
    """Messages, buttons, choices and pictures of each server are its own; nothing is changed."""
    ids, before = await _seen(programs[0])
    async with (
        discord_with(*(Server(c.discord, owner=1) for c in COMMUNITIES)) as discord,
        _answering(programs, "Discord", discord.environment) as turns,
    ):
        asking = OnDiscord(discord, ids)
        async for _ in turns:
            await asking.add()
            asked = await _ask(asking.routes, times, _AT_ONCE)
            assert asked.total() >= 3 * times
    assert asking.check() > times
    assert await _seen(programs[-1]) == (ids, before)


# aiohttp's own reader of forms, in the loopback server, calls what aiohttp has deprecated
# wherever a boundary falls between two chunks.
@pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")
@pytest.mark.parametrize("times", _TIMES)
async def test_telegram_shows_nobody_what_belongs_to_others(
    times: int, programs: list[Program]
) -> None:
    """Albums, sheets, keyboards, inline results of each chat are its own; nothing is changed."""
    ids, before = await _seen(programs[0])
    telegram = TelegramServer()
    asking = OnTelegram(telegram, ids)
    async with (
        telegram.running(),
        _answering(programs, "Telegram", telegram.environment) as turns,
    ):
        async for _ in turns:
            await asking.add()
            asked = await _ask(asking.routes, times, _AT_ONCE)
            assert asked.total() >= 3 * times
    assert asking.check() > times
    assert await _seen(programs[-1]) == (ids, before)


def test_the_checks_find_what_is_foreign() -> None:
    """A foreign caption, collection or picture would be seen."""
    north, south, _ = COMMUNITIES
    assert foreign_words("a lamp quillon-3", north, "d") == ["quillon-3"]
    assert foreign_words("a lamp zorvex-3 zorvex-d1", north, "d") == []
    assert foreign_words("a lamp zorvex-t1", north, "d") == ["zorvex-t1"]
    assert foreign_pixels(south.picture(3), north) > 0.1
    assert foreign_pixels(north.picture(3), north) < TOLERANCE
    assert foreign_collections(["north", "south", OPEN], north) == {"south"}
