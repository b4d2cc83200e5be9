"""Two real bots with the same tokens on one PostgreSQL: one answers, the other follows it."""

from __future__ import annotations

import random
import shutil
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.fakes import picture_bytes
from tests.program import Program, small_program
from tests.running import Running, running
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import Person, Server
from tests.servers.telegram import TelegramServer

pytestmark = [pytest.mark.process, pytest.mark.timeout(1800)]

ANA = Person(11, "ana")
ADA = 11
_TAKEN_OVER_S = 5.0
"""What is promised from a kill to the moment at which another node is connected."""


def _node(folder: Path, exported: Path, url: str) -> Program:
    shutil.copytree(exported, folder / "data", copy_function=shutil.copy2)
    return small_program(
        folder,
        TANGERINE_GALLERY=str(folder.parent / "gallery"),
        TANGERINE_DATABASE_URL=url,
        HF_HUB_OFFLINE="1",
    )


async def _asked(discord: Discord, telegram: TelegramServer) -> None:
    """A question in each chat has one answer."""
    [server] = discord.gateway.servers
    exchange = await discord.slash(ANA, server, "find", {"query": "red", "count": 1})
    assert len((await discord.answer(exchange)).pictures) == 1

    def photos() -> int:
        return sum("photo" in message for message in telegram.world.sent)

    before = photos()
    await telegram.say(ADA, ADA, "/find red --count 1")
    await telegram.until(lambda: photos() > before)
    await telegram.say(ADA, ADA, "/help")
    helps = _helps(telegram)
    await telegram.until(lambda: _helps(telegram) > helps)
    assert photos() == before + 1


def _helps(telegram: TelegramServer) -> int:
    return sum("/help" in message.get("text", "") for message in telegram.world.sent)


def _told(telegram: TelegramServer) -> int:
    return sum("What I keep about you" in each.get("text", "") for each in telegram.world.sent)


def _connected(node: Running) -> bool:
    return node.said("Discord: connected") and node.said("Telegram: connected")


@pytest.mark.parametrize("kills", [pytest.param(10, marks=pytest.mark.long), 1])
async def test_a_killed_bots_chats_are_answered_by_another(
    exported: Path, tmp_path: Path, blank_url: str, kills: int
) -> None:
    """``kill -9`` of the one that answers: what was in hand or asked meanwhile is answered."""
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "red.png").write_bytes(picture_bytes("red", 1))
    telegram = TelegramServer()
    telegram.world.user(ADA)
    chance = random.Random(7)
    took = []
    async with (
        discord_with(Server(5, owner=1)) as discord,
        telegram.running(),
        AsyncExitStack() as stack,
    ):

        async def started(name: str) -> Running:
            node = _node(tmp_path / name, exported, blank_url)
            environment = {**discord.environment, **telegram.environment}
            return await stack.enter_async_context(running(node, **environment))

        answering = await started("first")
        await answering.wait_until_said("Ready:", "Discord: connected", "Telegram: connected")
        for kill in range(kills):
            waiting = await started(f"node-{kill}")
            await waiting.wait_until_said("Ready:", "Discord: another", "Telegram: another")
            assert await waiting.get("/readyz") == (200, {"ready": True})
            assert not _connected(waiting)
            await _asked(discord, telegram)
            told = _told(telegram)
            await telegram.say(ADA, ADA, "/privacy")
            await telegram.until(lambda: not telegram.world.updates)  # it is in hand
            answering.process.kill()
            killed = time.monotonic()
            if chance.random() < 0.5:
                await answering.process.wait()
            await _asked_meanwhile(telegram)
            await waiting.wait_for(lambda node=waiting: _connected(node))  # type: ignore[misc]
            took.append(time.monotonic() - killed)
            await telegram.until(lambda told=told: _told(telegram) > told)  # type: ignore[misc]
            await _asked(discord, telegram)
            answering = waiting
    print(f"another one was connected after {[round(each, 1) for each in sorted(took)]} s")
    assert sorted(took)[len(took) // 2] < _TAKEN_OVER_S


async def _asked_meanwhile(telegram: TelegramServer) -> None:
    """Telegram keeps what nobody takes: it is answered by whoever comes next."""
    await telegram.say(ADA, ADA, "/help")
