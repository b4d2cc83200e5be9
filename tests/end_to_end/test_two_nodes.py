"""The chats with two nodes on one PostgreSQL, as with one process: each message at either by turns.

Discord speaks to the first, Telegram to the second, and the web chat to both.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.end_to_end.test_contributing import action, chat, part
from tests.fakes import picture_bytes
from tests.program import Program, small_program
from tests.running import Running, running
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import Person, Server
from tests.servers.telegram import TelegramServer

pytestmark = [pytest.mark.process, pytest.mark.timeout(1200)]

ANA = Person(11, "ana")
ADA = 11
_SEEN_S = 20.0
"""What is promised is one second; a busy machine may take longer."""

_ROUNDS = [pytest.param(1, id="sample"), pytest.param(30, id="full", marks=pytest.mark.long)]


@pytest.fixture(params=["one", "two"])
def programs(
    request: pytest.FixtureRequest, tmp_path: Path, exported: Path
) -> tuple[Program, Program]:
    """One process for both platforms, or a node for each with the same files of uploads."""
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "red.png").write_bytes(picture_bytes("red", 1))
    if request.param == "one":
        program = _program(tmp_path / "only", exported)
        return program, program
    (tmp_path / "uploads").mkdir()
    url = request.getfixturevalue("blank_url")
    first, second = (
        _program(tmp_path / name, exported, TANGERINE_DATABASE_URL=url)
        for name in ("first", "second")
    )
    for each in (first, second):
        (each.folder / "data" / "uploads").symlink_to(tmp_path / "uploads")
    return first, second


def _program(folder: Path, exported: Path, **environment: str) -> Program:
    shutil.copytree(exported, folder / "data", copy_function=os.link)
    gallery = str(folder.parent / "gallery")
    return small_program(folder, TANGERINE_GALLERY=gallery, HF_HUB_OFFLINE="1", **environment)


@asynccontextmanager
async def _chats(
    programs: tuple[Program, Program],
) -> AsyncIterator[tuple[Discord, TelegramServer, list[Running]]]:
    telegram = TelegramServer()
    telegram.world.user(ADA)
    async with (
        discord_with(Server(5, owner=1)) as discord,
        telegram.running(),
        AsyncExitStack() as stack,
    ):
        first, second = programs
        environment = dict(discord.environment)
        if first is second:
            environment |= telegram.environment
        nodes = [await stack.enter_async_context(running(first, **environment))]
        await nodes[0].wait_until_said("Ready:", "Discord: connected")
        if first is not second:
            nodes.append(await stack.enter_async_context(running(second, **telegram.environment)))
        await nodes[-1].wait_until_said("Ready:", "Telegram: connected")
        yield discord, telegram, nodes


async def _until(asked: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_SEEN_S):
        while not await asked():  # noqa: ASYNC110 - another process, which tells nobody
            await asyncio.sleep(0.05)


async def _on_discord(discord: Discord, query: str) -> str:
    [server] = discord.gateway.servers
    exchange = await discord.slash(ANA, server, "find", {"query": query, "count": 3})
    return (await discord.answer(exchange)).text


async def _on_telegram(telegram: TelegramServer, query: str) -> str:
    before = len(telegram.world.sent)
    await telegram.say(ADA, ADA, f"/find {query} --count 3")
    await telegram.say(ADA, ADA, "/help")
    await telegram.until(
        lambda: any("/help" in m.get("text", "") for m in telegram.world.sent[before:])
    )
    await telegram.until(lambda: any("photo" in m for m in telegram.world.sent[before:]))
    return " ".join(f"{m.get('caption')} {m.get('text')}" for m in telegram.world.sent[before:])


@pytest.mark.parametrize("rounds", _ROUNDS)
async def test_a_conversation_goes_on_at_either_node(
    programs: tuple[Program, Program], rounds: int
) -> None:
    """What is added, removed, restored, set and deleted at one is so at the other, in all chats."""
    chance = random.Random(7)
    async with _chats(programs) as (discord, telegram, nodes):
        turn = itertools.cycle(nodes)

        async def say(text: str = "", image: bytes = b"", press: str = "") -> Any:
            return await chat(next(turn), text, image, press)

        def everywhere(picture: str, *, there: bool) -> Callable[[], Awaitable[bool]]:
            async def seen() -> bool:
                found = [await node.get("/api/find", q="a thing", k=10) for node in nodes]
                return all(
                    (picture in {hit["id"] for hit in answer["hits"]}) is there
                    for _, answer in found
                )

            return seen

        for number in range(rounds):
            added = await say(f"/add thing {number}", _noise(chance))
            [card] = part(added, "pictures")["cards"]
            await _until(everywhere(card["id"], there=True))
            removed = await say(f"/remove {card['id']}")
            await _until(everywhere(card["id"], there=False))
            await say(press=action(removed, "restore"))  # at the other node than it was shown
            await _until(everywhere(card["id"], there=True))
            settings = await say(f"/settings count {2 + number % 2}")
            await say(press=action(settings, "set"))
            document = part(await say("/privacy export"), "document")
            assert document["url"]
            assert "red" in await _on_discord(discord, "red")
            assert "red" in await _on_telegram(telegram, "red")
            await say("/privacy delete")
            await _until(everywhere(card["id"], there=False))
        log = "".join(line for node in nodes for line in node.lines)
    assert "Traceback (most recent call last)" not in log
    for program in {each.folder: each for each in programs}.values():
        verified = await asyncio.to_thread(program, "verify")
        assert verified.code == 0, verified.err


def _noise(chance: random.Random) -> bytes:
    """A picture like no other."""
    image = Image.frombytes("RGB", (16, 16), chance.randbytes(768)).resize((128, 128))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
