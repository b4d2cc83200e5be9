"""Whatever people do, by whatever route: nothing of it is in what the program writes down."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes import picture_bytes
from tests.program import Program
from tests.running import Running, running
from tests.servers.discord_gateway import until
from tests.servers.discord_people import TOKEN as DISCORD_TOKEN
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_store import Exchange
from tests.servers.discord_world import APPLICATION, MANAGE_GUILD, MEMBER_RIGHTS, Person, Server
from tests.servers.telegram import TOKEN as TELEGRAM_TOKEN
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.process

WEB_TOKEN = "web-token-that-nobody-may-read-anywhere"
MARK = "quetzalwort"
"""In every word that anybody types, and in every name of a person or of a posted file."""

LONG = f"{MARK} " * 40
ADMIN = Person(12, f"{MARK}-admin", rights=MEMBER_RIGHTS | MANAGE_GUILD)
GUEST = Person(13, f"{MARK}-guest", locale="de")
ADA, GROUP = 11, -1001
BROKEN = picture_bytes("red")[:60]
FORBIDDEN = (
    MARK,
    DISCORD_TOKEN,
    DISCORD_TOKEN.split(".")[-1],
    TELEGRAM_TOKEN,
    TELEGRAM_TOKEN.split(":")[1],
    WEB_TOKEN,
    "token-",
    "/cdn/",
    "/file/bot",
    "attachments/",
)
"""Words of users, tokens of bots, of the web chat and of interactions, links to attachments."""


class OnDiscord:
    """Somebody who tries everything on Discord."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._server = discord.gateway.servers[0]

    async def everything(self) -> None:
        """Each route, with what works and what does not."""
        picture, broken = (f"{MARK}.png", picture_bytes("green", 5)), (f"{MARK}.png", BROKEN)
        asked: list[tuple[str, dict[str, Any], tuple[str, bytes] | None]] = [
            ("find", {"query": f"{MARK} fruit", "count": 2}, None),
            ("find", {"query": f"{MARK} fruit", "exclude": f"{MARK} red"}, None),
            ("find", {"query": MARK, "collection": f"{MARK}-nowhere"}, None),
            ("similar", {"text": f"{MARK} at night"}, picture),
            ("similar", {}, broken),
            ("describe", {}, picture),
            ("classify", {"labels": f"{MARK} one, {MARK} two"}, picture),
            ("classify", {"labels": MARK}, picture),
            ("add", {"caption": f"{MARK} caption"}, picture),
            ("add", {"caption": f"{MARK} caption"}, picture),
            ("add", {"caption": MARK}, broken),
            ("remove", {"id": f"{MARK} nothing"}, None),
            ("status", {}, None),
            ("settings", {"count": 3}, None),
            ("reindex", {}, None),
            ("help", {}, None),
        ]
        for name, options, given in asked:
            forbidden = name in {"remove", "status", "settings", "reindex"}
            for person in (ADMIN, GUEST) if forbidden else (GUEST,):
                exchange = await self._discord.slash(
                    person, self._server, name, options, picture=given
                )
                await self._seen(exchange)
                await self._press(person, exchange)
        await self._discord.complete(ADMIN, self._server, "remove", "id", MARK)
        for text in (f"<@{APPLICATION}> {MARK} fruit", f"<@{APPLICATION}> /find {LONG}"):
            said = len(self._discord.written(self._server.channel))
            await self._discord.say(GUEST, self._server, text, picture)
            await self._discord.replied(self._server.channel, said + 1)
        for action in ("export", "delete"):
            exchange = await self._discord.slash(GUEST, self._server, "privacy", {"action": action})
            await self._seen(exchange)

    async def _seen(self, exchange: Exchange) -> None:
        await until(lambda: self._discord.visible(exchange), seconds=60)

    async def _press(self, person: Person, exchange: Exchange) -> None:
        for shown in self._discord.visible(exchange)[:1]:
            forged = [f"{each.partition(':')[0]}:f5|{MARK}||" for each in shown.buttons.values()]
            for custom_id in [*list(shown.buttons.values())[:1], *forged[:1]]:
                pressed = await self._discord.press(person, self._server, shown, custom_id)
                await _acknowledged(pressed)


async def _acknowledged(exchange: Exchange) -> None:
    await until(lambda: exchange.acknowledged_s is not None, seconds=60)


class OnTelegram:
    """Somebody who tries everything on Telegram."""

    def __init__(self, server: TelegramServer) -> None:
        self._server = server
        world = server.world
        world.user(ADA)
        world.users[ADA] |= {"first_name": f"{MARK} Ada", "username": f"{MARK}_ada"}
        world.group(GROUP, {ADA: "creator"})

    async def everything(self) -> None:
        """Each route, with what works and what does not."""
        picture = picture_bytes("purple", 6)
        for text, photo in (
            (f"{MARK} fruit", None),
            (f"/find {MARK} fruit --count 2 --exclude {MARK}", None),
            (f"/find {MARK} --collection {MARK}", None),
            (f"/find {LONG}", None),
            (f"/similar {MARK}", picture),
            ("/describe", picture),
            (f"/classify {MARK} one, {MARK} two", picture),
            (f"/classify {MARK}", picture),
            (f"/{MARK}", None),
            ("/privacy export", None),
        ):
            await self._say(ADA, text, photo)
        for text, photo in (
            (f"/add {MARK} caption", picture),
            (f"/add {MARK} caption", picture),
            (f"/remove {MARK}", None),
            ("/settings count 4", None),
            ("/status", None),
            ("/privacy delete", None),
        ):
            await self._say(GROUP, text, photo)
        for message in [each for each in self._server.world.sent if "reply_markup" in each][:4]:
            for row in message["reply_markup"].get("inline_keyboard", [])[:1]:
                for data in (row[0].get("callback_data", ""), f"f5|{MARK}||"):
                    query = await self._server.press(message, data, ADA)
                    await self._answered(query)
        query = await self._server.type_inline(ADA, f"{MARK} fruit")
        await self._server.until(lambda: self._server.methods.inline[query], 60)

    async def _answered(self, query: str) -> None:
        await self._server.until(lambda: self._server.methods.answers[query], 60)

    async def _say(self, chat: int, text: str, photo: bytes | None) -> None:
        before = len(self._server.world.sent)
        await self._server.say(chat, ADA, text, photo=photo)
        await self._server.until(lambda: len(self._server.world.sent) > before, 60)


async def _on_the_web(server: Running) -> None:
    """Each route of the page and of the API, with what works and what does not."""
    signed = {"Authorization": f"Bearer {WEB_TOKEN}"}
    url, picture = server.url, picture_bytes("blue", 7)

    async def get(path: str, headers: dict[str, str] = signed, **query: Any) -> int:
        async with server.client.get(url + path, params=query, headers=headers) as response:
            await response.read()
            return response.status

    async def post(path: str, image: bytes, **fields: str) -> int:
        form = aiohttp.FormData(fields, default_to_multipart=True)
        if image:
            form.add_field("image", image, filename=f"{MARK}.png", content_type="image/png")
        async with server.client.post(url + path, data=form, headers=signed) as response:
            await response.read()
            return response.status

    assert await get("/api/find", q=f"{MARK} fruit", exclude=MARK) == 200
    assert await get("/api/find", q=LONG) == 400
    assert await get("/api/find", q=MARK, k=MARK) == 400
    assert await get("/api/find", q=MARK, collection=MARK) == 404
    assert await get(f"/pictures/{MARK}") == 404
    assert await get(f"/{MARK}", q=MARK) == 404
    assert await get("/api/find", {"Authorization": f"Bearer {MARK}"}, q=MARK) == 403
    assert await get("/", q=MARK) == 200
    assert await get("/metrics") == 200
    for path, fields in (
        ("/api/similar", {"text": MARK}),
        ("/api/describe", {}),
        ("/api/classify", {"labels": f"{MARK} one, {MARK} two"}),
    ):
        assert await post(path, picture, **fields) == 200, path
        assert await post(path, BROKEN, **fields) == 400, path
    for text in (MARK, f"/find {LONG}", f"/remove {MARK}", "/settings count 2", "/privacy delete"):
        assert await post("/api/chat", b"", text=text) == 200
    for image in (picture, picture, BROKEN):
        assert await post("/api/chat", image, text=f"/add {MARK} caption") == 200
    for action in (f"f5|{MARK}||", MARK):
        await post("/api/chat", b"", action=action)


def _found(text: str) -> list[str]:
    """The lines that hold what they must not."""
    return [line for line in text.splitlines() if any(word in line for word in FORBIDDEN)]


async def test_nothing_of_users_and_no_secret_is_written_down(
    new_program: Callable[[], Program], tmp_path: Path
) -> None:
    """At DEBUG: not on either stream, not in metrics, and no question in any file."""
    program = new_program()
    for picture in sorted(program.gallery.glob("*.png"))[12:]:
        picture.unlink()
    telegram = TelegramServer()
    with (tmp_path / "stdout").open("wb") as stdout:
        async with (
            discord_with(Server(5, owner=1)) as discord,
            telegram.running(),
            running(
                program,
                stdout=stdout,
                TANGERINE_LOGS__LEVEL="debug",
                TANGERINE_WEB_TOKEN=WEB_TOKEN,
                TANGERINE_WATCH__MODE="events",
                TANGERINE_WATCH__SETTLE_S="0.1",
                TANGERINE_WATCH__PAUSE_S="0",
                TANGERINE_DISCORD__ADDERS=f"[{GUEST.id}]",
                **discord.environment,
                **telegram.environment,
            ) as server,
        ):
            await server.wait_until_said("Ready:", "Discord: connected", "Telegram: connected")
            await asyncio.gather(
                OnDiscord(discord).everything(),
                OnTelegram(telegram).everything(),
                _on_the_web(server),
            )
            # The folder is followed, and what is wrong with it is told without its words.
            (program.gallery / "new.png").write_bytes(picture_bytes("cyan", 8))
            await server.wait_until_said("indexed a changed folder")
            program.gallery.rename(program.gallery.with_name("away"))
            await server.wait_until_said("a changed folder was not indexed")
            async with server.client.get(f"{server.url}/metrics") as response:
                metrics = await response.text()
            server.process.terminate()
            async with asyncio.timeout(30):
                assert await server.process.wait() == 0
            lines = "".join(server.lines)
    assert len(server.lines) > 50, "it has said a lot"
    assert re.search(r'"level": ?"debug"', lines) or "[debug" in lines
    assert _found(lines) == []
    assert _found((tmp_path / "stdout").read_text()) == []
    assert _found(metrics) == []
    questions = f"{MARK} fruit".encode()
    for file in (program.folder / "data").rglob("*"):
        if file.is_file() and "models" not in file.parts:
            data = file.read_bytes()
            assert questions not in data, file
            for secret in (DISCORD_TOKEN, TELEGRAM_TOKEN, WEB_TOKEN):
                assert secret.encode() not in data, file


def test_the_scan_finds_what_it_looks_for() -> None:
    """A line with a user's word, a token or a link is found."""
    for word in FORBIDDEN:
        assert len(_found(f"fine\n2026 [debug] event text={word!r}\nfine")) == 1
    assert _found("fine") == []
