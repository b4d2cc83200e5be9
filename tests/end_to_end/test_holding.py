"""Moderation through the program itself: no route of it shows members what is held."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.program import Program
from tests.running import Running, running
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import MANAGE_GUILD, MEMBER_RIGHTS, Person, Server
from tests.servers.telegram import TelegramServer

pytestmark = pytest.mark.process

CRITERION = "bird"
HOLD = f"/moderation add {CRITERION} --strictness high"
ANA, EVE = Person(11, "ana"), 12
ADMIN = Person(13, "ada", rights=MEMBER_RIGHTS | MANAGE_GUILD)
GROUP = -1001


@dataclass
class Held:
    """What is held: the ids, a picture of it, and words that belong to it alone."""

    ids: set[str]
    picture: bytes
    words: set[str]

    def check(self, route: str, said: str) -> None:
        """Nothing of it was said, though something was."""
        assert said, route
        shown = {each for each in self.ids | self.words if each in said}
        assert not shown, f"{route} shows {shown}"


async def _chat(started: Running, text: str, image: bytes | None = None) -> Any:
    form = aiohttp.FormData({"text": text}, default_to_multipart=True)
    if image is not None:
        form.add_field("image", image, filename="a.png", content_type="image/png")
    async with started.client.post(started.url + "/api/chat", data=form) as response:
        assert response.status == 200
        return await response.json()


async def _ids(started: Running) -> set[str]:
    status, chart = await started.get("/api/map")
    assert status == 200
    return set(chart["ids"])


async def _ask_web(started: Running, held: Held) -> None:
    for q in (CRITERION, *sorted(held.words)):
        held.check("find", json.dumps((await started.get("/api/find", q=q, k=10))[1]["hits"]))
    for route in ("/api/similar", "/api/describe"):
        held.check(route, json.dumps((await started.post(route, held.picture))[1]["hits"]))
    held.check("map", json.dumps((await started.get("/api/map", groups=4))[1]))
    for text, image in ((f"/find {CRITERION}", None), ("", held.picture), ("/map", None)):
        reply = await _chat(started, text, image)
        asked = json.dumps(reply).replace(text, "")
        held.check(f"chat {text}", asked)
    for each in held.ids:
        for path in (f"/pictures/{each}", f"/pictures/{each}/thumbnail", f"/api/map/{each}"):
            assert (await started.get(path))[0] == 404, path


async def _ask_discord(discord: Discord, held: Held) -> None:
    [server] = discord.gateway.servers
    photo = ("a.png", held.picture)
    for name, options, picture in (
        ("find", {"query": CRITERION, "count": 10}, None),
        ("similar", {"count": 10}, photo),
        ("describe", {"count": 10}, photo),
        ("map", {}, None),
    ):
        exchange = await discord.slash(ANA, server, name, options, picture=picture)
        shown = await discord.answer(exchange)
        held.check(name, shown.text + " ".join(shown.descriptions) + " ".join(shown.buttons))
    offered = await discord.completion(ADMIN, server, "remove", "id", "")
    held.check("remove", str(offered.choices))


def _asked(message: Any) -> str | None:
    """What a message of the bot answers."""
    asked = message.get("reply_to_message") or {}
    return asked.get("text") or asked.get("caption")


async def _ask_telegram(telegram: TelegramServer, held: Held) -> None:
    start = len(telegram.world.sent)
    for text, photo in (
        # In one minute a group is sent no more than twenty messages, and the last of them are for
        # who has had few answers: this one person may have to wait for the next minute.
        (f"/find {CRITERION}", None),
        ("/similar --count 10", held.picture),
        ("/describe --count 10", held.picture),
        ("/map", None),
        # The last: by its answer, what follows an album has long been sent, too.
        ("/help", None),
    ):
        await telegram.say(GROUP, EVE, text, photo=photo)
        await telegram.until(lambda: text in map(_asked, telegram.world.sent[start:]), 75)  # noqa: B023 - awaited here
    said = [each for each in telegram.world.sent[start:] if _asked(each) != "/help"]
    held.check("telegram", json.dumps(said, default=str))
    # What it has sent before, it could offer inline.
    query = await telegram.type_inline(EVE, CRITERION)
    answers = telegram.methods.inline[query]
    await telegram.until(lambda: answers, 30)
    held.check("inline", json.dumps(answers, default=str))


@pytest.mark.timeout(300)  # it may wait for a group's next minute
async def test_no_route_shows_members_what_is_held(indexed: Program, tmp_path: Path) -> None:
    """Words, photos, captions, maps, addresses, completion and inline mode, on every platform."""
    # In a thread, since the command line runs an event loop of its own.
    found = await asyncio.to_thread(indexed, "find", CRITERION, "-k", "100", "--json")
    listed = found.json["hits"]
    shutil.copytree(
        indexed.environment["TANGERINE_DATA_DIR"],
        tmp_path / "data",
        ignore=shutil.ignore_patterns(".commands"),
    )
    telegram = TelegramServer()
    for person in (ADMIN.id, EVE):
        telegram.world.user(person)
    telegram.world.group(GROUP, {ADMIN.id: "creator", EVE: "member"})
    async with (
        discord_with(Server(5, owner=1)) as discord,
        telegram.running(),
        running(
            indexed,
            TANGERINE_DATA_DIR=str(tmp_path / "data"),
            **discord.environment,
            **telegram.environment,
        ) as started,
    ):
        await started.wait_until_said("Ready:", "Discord: connected", "Telegram: connected")
        await telegram.say(GROUP, EVE, f"/find {CRITERION}")  # so that inline mode has something
        await telegram.until(lambda: any("photo" in each for each in telegram.world.sent), 30)
        before = await _ids(started)
        await _chat(started, HOLD)
        [server] = discord.gateway.servers
        hold = {"action": "add", "criterion": CRITERION, "strictness": "high"}
        await discord.answer(await discord.slash(ADMIN, server, "moderation", hold))
        sent = len(telegram.world.sent)
        await telegram.say(GROUP, ADMIN.id, HOLD)
        await telegram.until(lambda: len(telegram.world.sent) > sent, 30)

        left = await _ids(started)
        hidden = [hit for hit in listed if hit["id"] in before - left]
        others = {hit["caption"] for hit in listed if hit["id"] in left}
        held = Held(
            before - left,
            (indexed.gallery / hidden[0]["path"]).read_bytes(),
            {hit["caption"] for hit in hidden} - others,
        )
        assert len(held.words) >= 3
        assert len(left) >= 10
        await _ask_web(started, held)
        await _ask_discord(discord, held)
        await _ask_telegram(telegram, held)
