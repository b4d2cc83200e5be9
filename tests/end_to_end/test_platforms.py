"""The chats through the program itself: real clients, loopback platforms, the real model."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
from PIL import Image

from tests.program import Program
from tests.running import ENDED_S, Running, running
from tests.servers.discord_people import TOKEN as DISCORD_TOKEN
from tests.servers.discord_people import discord_with
from tests.servers.discord_world import Person, Server
from tests.servers.telegram import TOKEN as TELEGRAM_TOKEN
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.process

ANA = Person(11, "ana")
ADA = 11


def _picture(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA")


def _same(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures show the same: their 16 x 16 pixels hardly differ."""
    shown = []
    for image in (one.convert("RGBA"), other.convert("RGBA")):
        flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        shown.append(np.asarray(flat.convert("RGB").resize((16, 16)), dtype=np.int16))
    return float(np.abs(shown[0] - shown[1]).mean()) < 12


async def _best(started: Running, query: str) -> tuple[Image.Image, str]:
    """File and caption of the best hit, by the web API."""
    _, answer = await started.get("/api/find", q=query, k=1)
    hit = answer["hits"][0]
    return _picture((started.program.gallery / hit["path"]).read_bytes()), hit["caption"]


async def test_both_chats_answer_with_the_right_picture(indexed: Program) -> None:
    """One process serves Discord, Telegram and the web; each gets the same best hit."""
    telegram = TelegramServer()
    telegram.world.user(ADA)
    async with (
        discord_with(Server(5, owner=1)) as discord,
        telegram.running(),
        running(
            indexed,
            **discord.environment,
            **telegram.environment,
        ) as started,
    ):
        await started.wait_until_said("Ready:", "Discord: connected", "Telegram: connected")
        assert await started.get("/readyz") == (200, {"ready": True})
        picture, caption = await _best(started, "orange fruits")

        [server] = discord.gateway.servers
        exchange = await discord.slash(ANA, server, "find", {"query": "orange fruits", "count": 2})
        shown = await discord.answer(exchange)
        assert len(shown.pictures) == 2
        assert _same(_picture(shown.pictures[0]), picture)
        assert caption.rstrip(".") in shown.text

        await telegram.say(ADA, ADA, "/find orange fruits --count 2")
        await telegram.until(lambda: len(telegram.world.sent) >= 2, 30)
        album = [message for message in telegram.world.sent if "photo" in message]
        assert len(album) == 2
        assert _same(telegram.world.picture(album[0]), picture)
        assert caption.rstrip(".") in album[0]["caption"]

        # A stop is as clean while a platform is down for a reason that nobody foresaw.
        discord.gateway.lacking = frozenset({"user"})
        await discord.gateway.dispatch("GUILD_CREATE", {"name": "no id"})
        await started.wait_until_said("Discord ended unexpectedly")
        started.process.terminate()
        async with asyncio.timeout(ENDED_S):
            assert await started.process.wait() == 0
        log = "".join(started.lines)
    assert "Traceback (most recent call last)" not in log
    for secret in (DISCORD_TOKEN, TELEGRAM_TOKEN, "orange fruits"):
        assert secret not in log


@pytest.mark.parametrize("platform", ["discord", "telegram"])
async def test_a_wrong_token_stops_only_its_own_platform(platform: str, indexed: Program) -> None:
    """It is told with its remedy, /readyz names it, and the web chat answers all the same."""
    telegram = TelegramServer()
    async with discord_with(Server(5, owner=1)) as discord, telegram.running():
        environment = {
            "discord": {
                "DISCORD_TOKEN": "OTAw.wrong.token-that-nobody-ever-gave-out-at-all",
                "DISCORD_API_URL": discord.api_url,
                "DISCORD_GATEWAY_URL": discord.gateway.url,
            },
            "telegram": {
                "TELEGRAM_TOKEN": "123456789:AAwrong_wrong_wrong_wrong_wrong_wr",
                "TELEGRAM_API_URL": telegram.url,
            },
        }[platform]
        async with running(indexed, **environment) as started:
            await started.wait_for(lambda: started.said("Ready:") and started.said("TOKEN"))
            status, answer = await started.get("/readyz")
            assert status == 503
            assert platform in answer["error"]["message"].lower()
            assert (await started.get("/api/find", q="orange fruits"))[0] == 200
            log = "".join(started.lines)
    assert environment[f"{platform.upper()}_TOKEN"] not in log
