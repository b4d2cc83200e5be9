"""Posts that are deleted in every way, while the bot hears it and while it is away."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.adapters.discord_posts import OPEN, Posting, posting, running
from tests.servers.discord_people import until
from tests.servers.discord_world import Json

_KINDS = ("delete", "bulk", "edit", "away", "shown")


async def _delete(talk: Posting, post: Json, kind: str) -> None:
    """Let a post go; ``away`` and ``shown`` are told to nobody."""
    number, send = int(post["id"]), talk.discord.gateway.dispatch
    where = {"channel_id": str(OPEN), "guild_id": "5"}
    if kind == "edit":
        message = talk.discord.rest.history.posted[OPEN][number]
        message |= {"attachments": [], "edited_timestamp": "2099-01-01T00:00:00+00:00"}
        await send("MESSAGE_UPDATE", message)
        return
    talk.discord.rest.history.forget(OPEN, number)
    if kind == "delete":
        await send("MESSAGE_DELETE", {"id": post["id"], **where})
    elif kind == "bulk":
        await send("MESSAGE_DELETE_BULK", {"ids": [post["id"]], **where})


async def _deleted(folder: Path, count: int) -> None:
    chance = random.Random(11)
    async with posting(folder) as talk:
        await talk.on()
        posts = [await talk.post("red", f"kite {n}", seed=n) for n in range(count * 2)]

        async def left() -> set[int]:
            known = await talk.gallery.channels.known(
                f"discord:{OPEN}", [int(each["id"]) for each in posts]
            )
            return {int(post.caption.removeprefix("kite ")) for post in known}

        async with asyncio.timeout(600):
            while len(await left()) < len(posts):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.02)
        doomed = chance.sample(range(count * 2), count)
        kinds = {n: chance.choice(_KINDS) for n in doomed}
        for n in doomed:
            if kinds[n] != "away":
                await _delete(talk, posts[n], kinds[n])
        heard = [n for n in doomed if kinds[n] not in {"away", "shown"}]

        async with asyncio.timeout(600):
            while set(heard) & await left():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.02)
        await talk.adapter.stop()
        for n in (n for n in doomed if kinds[n] == "away"):
            await _delete(talk, posts[n], "away")
        async with running(talk.discord, talk.server, talk.gallery, folder) as after:
            await until(lambda: after.adapter.posts.follows(OPEN))
            for n in doomed:
                shown = await after.find(f"kite {n}")
                assert posts[n]["id"] not in shown.text, (n, kinds[n], shown.text)
            await after.adapter.posts.sweep(after.adapter._client, pause_s=0.0)
            assert await left() == set(range(count * 2)) - set(doomed)
            known = await talk.gallery.channels.known(
                f"discord:{OPEN}", [int(each["id"]) for each in posts]
            )
            pictures = {post.picture_id for post in known}
            await until(lambda: set(talk.gallery.upload_files()) == pictures)


async def test_deleted_posts_are_shown_to_nobody(tmp_path: Path) -> None:
    """Whether they were deleted one by one, together, by an edit, or while the bot was away."""
    await _deleted(tmp_path, 8)


async def test_when_all_were_deleted_unnoticed_none_is_shown(tmp_path: Path) -> None:
    """Also where there are more of them than one question looks at."""
    async with posting(tmp_path) as talk:
        await talk.on()
        posts = [await talk.post("red", f"kite {n}", seed=n) for n in range(25)]
        await talk.until_kept(sorted(f"kite {n}" for n in range(25)), OPEN)
        for each in posts:
            talk.discord.rest.history.forget(OPEN, int(each["id"]))
        for _ in range(6):
            assert "discord.com/channels" not in (await talk.find("kite", count=5)).text
        assert await talk.kept(OPEN) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_a_hundred_deleted_posts_are_shown_to_nobody(tmp_path: Path) -> None:
    """The same a hundred times, and no thumbnail of them is left."""
    await _deleted(tmp_path, 100)
