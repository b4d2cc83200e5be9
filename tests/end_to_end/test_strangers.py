"""A program with tokens and nothing else set: what strangers can do with it is nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.program import Program
from tests.running import Running, running
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import MANAGE_GUILD, MEMBER_RIGHTS, Person, Server
from tests.servers.telegram import TelegramServer
from tests.servers.telegram_world import Json

pytestmark = pytest.mark.process

# Eve has made a group and a server of her own, where she administers everything.
EVE, GROUP, HOME = 13, -1001, 5
ADA = Person(EVE, "eve", rights=MEMBER_RIGHTS | MANAGE_GUILD)
QUESTION = "/find orange fruits"


class OnTelegram:
    """Eve in her group and alone with the bot."""

    def __init__(self, server: TelegramServer) -> None:
        self.server = server

    async def say(self, text: str, chat: int = GROUP, **content: Any) -> list[Json]:
        """Write something; the messages that answer it."""
        sent = self.server.world.sent
        before = len(sent)
        await self.server.say(chat, EVE, text, **content)
        await self.server.until(lambda: len(sent) > before, 60)
        return sent[before:]

    async def inline(self, text: str, offset: str = "") -> Json:
        """Type an inline query; the one answer."""
        query = await self.server.type_inline(EVE, text, offset)
        answers = self.server.methods.inline[query]
        await self.server.until(lambda: answers, 60)
        return answers[0]

    async def press(self, message: Json, data: str) -> Json:
        """Press a button that a message of the bot is made to have; the alert."""
        query = await self.server.press(message, data, EVE)
        answers = self.server.methods.answers[query]
        await self.server.until(lambda: answers, 60)
        return answers[0]

    @property
    def photos(self) -> list[Json]:
        """Every picture that the bot has sent."""
        return [m for m in self.server.world.sent if "photo" in m or "document" in m]


async def _attack_telegram(telegram: OnTelegram, picture: bytes, ids: list[str]) -> None:
    for text in (QUESTION, "/status", "/reindex --full"):
        [answer] = await telegram.say(text)
        assert f"tangerine allow telegram:{GROUP}" in answer["text"], text
    [answer] = await telegram.say("/add mine", photo=picture)
    assert f"tangerine allow telegram:{GROUP}" in answer["text"]
    for data in (f"m5|{ids[0]}", f"r5|{ids[0]}"):
        alert = await telegram.press(answer, data)
        assert "may not search" in alert["text"], data
    for content in ({"text": QUESTION}, {"text": "", "photo": picture}):
        [answer] = await telegram.say(chat=EVE, **content)
        assert f"tangerine allow telegram:{EVE}" in answer["text"]
    [answer] = await telegram.say("/allow")
    assert "Only the operator" in answer["text"]
    [answer] = await telegram.say("/claim 2222-2222-2222")
    assert "code is wrong" in answer["text"]
    for offset in ("", f"m5|{ids[0]}"):
        assert (await telegram.inline("orange fruits", offset))["results"] == []
    assert telegram.photos == []


async def _ask_discord(
    discord: Discord,
    server: Server | None,
    name: str,
    options: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Shown:
    return await discord.answer(await discord.slash(ADA, server, name, options, **rest))


async def _attack_discord(discord: Discord, server: Server, picture: bytes) -> None:
    for name, options in (
        ("find", {"query": "orange fruits"}),
        ("status", {}),
        ("reindex", {"full": True}),
    ):
        shown = await _ask_discord(discord, server, name, options)
        assert f"tangerine allow discord:{HOME}" in shown.text, name
        assert not shown.pictures
    shown = await _ask_discord(discord, server, "add", picture=("a.jpg", picture))
    assert f"discord:{HOME}" in shown.text
    alone = await _ask_discord(discord, None, "find", {"query": "orange fruits"})
    assert f"tangerine allow discord:dm:{EVE}" in alone.text
    for command, option in (("find", "collection"), ("remove", "id")):
        assert await discord.complete(ADA, server, command, option, "") == []


def _code(started: Running, platform: str) -> str:
    said = "".join(started.lines)
    return re.findall(rf"Nobody on {platform}.*?/claim ([\w-]+)", said, re.DOTALL)[0]


@pytest.mark.timeout(240)
async def test_strangers_get_nothing_until_they_are_let_in(indexed: Program) -> None:
    """No route shows a picture or changes anything; a code, or one command, opens a chat.

    The code works once and is in no log but on the terminal; what the command line grants and
    takes away holds in the running program a second later.
    """
    picture = next(indexed.gallery.glob("*.png")).read_bytes()
    # This Discord is a new one, whatever the data folder remembers of others.
    data = Path(indexed.environment["TANGERINE_DATA_DIR"])
    (data / "discord-commands").unlink(missing_ok=True)
    telegram = OnTelegram(TelegramServer())
    telegram.server.world.user(EVE)
    telegram.server.world.group(GROUP, {EVE: "creator"})
    async with (
        discord_with(Server(HOME, owner=1)) as discord,
        telegram.server.running(),
        running(
            indexed,
            on_terminal=True,
            TANGERINE_COMMUNITIES="",
            TANGERINE_LOGS__FORMAT="json",
            **discord.environment,
            **telegram.server.environment,
        ) as started,
    ):
        await started.wait_until_said("Ready:", "Discord: connected", "Telegram: connected")
        _, answer = await started.get("/api/find", q="orange fruits", k=3)
        ids = [hit["id"] for hit in answer["hits"]]
        assert len(ids) == 3, "the web chat is the operator's own"
        [server] = discord.gateway.servers
        before = await _status(started)
        await _attack_telegram(telegram, picture, ids)
        await _attack_discord(discord, server, picture)
        assert await _status(started) == before

        code = _code(started, "Telegram")
        assert "may now search" in (await telegram.say(f"/claim {code}"))[0]["text"]
        await telegram.say(QUESTION)
        await telegram.server.until(lambda: telegram.photos, 60)
        assert "code is wrong" in (await telegram.say(f"/claim {code}", EVE))[0]["text"]
        assert (
            "code is wrong" in (await _ask_discord(discord, server, "claim", {"code": code})).text
        )
        [line] = [line for line in started.lines if code in line]
        assert not line.startswith("{"), "it is no line of the log"

        await _on_the_command_line(indexed, f"discord:{HOME}")
        await _until_found(discord, server, found=True)
        await _on_the_command_line(indexed, f"discord:{HOME}", "--off")
        await _until_found(discord, server, found=False)
        await _on_the_command_line(indexed, f"telegram:{GROUP}", "--off")


async def _on_the_command_line(program: Program, *arguments: str) -> None:
    """``tangerine allow`` beside the running program, with its settings; it says what holds now."""
    work = partial(program, "allow", *arguments, TANGERINE_COMMUNITIES="")
    done = await asyncio.to_thread(work)
    assert done.code == 0, done.err
    assert ("may not search" in done.err) is ("--off" in arguments)
    assert arguments[0] in done.err


async def _status(started: Running) -> Any:
    """Model and collections, as the operator's own chat tells them."""
    form = {"text": "/status"}
    async with started.client.post(f"{started.url}/api/chat", data=form) as response:
        return await response.json()


async def _until_found(discord: Discord, server: Server, *, found: bool) -> None:
    async with asyncio.timeout(30):
        while True:
            shown = await _ask_discord(discord, server, "find", {"query": "orange fruits"})
            if bool(shown.pictures) is found:
                return
