"""Real GIFs and videos in both chats, from the platform's file through the decoder to the words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image, ImageDraw

from bot.engine.telegram_memory import StoredMemory
from core.images.formats import reads_videos
from core.images.pool import DecodePool
from tests.adapters.discord_parts import ANA, HOME
from tests.adapters.discord_posts import OPEN, OWNER, running
from tests.adapters.telegram_parts import ADA, BEN, GROUP, Talk, talking
from tests.fakes import COLOURS
from tests.galleries import Gallery
from tests.moving import animation, video
from tests.posting import GalleryParts
from tests.servers.discord_people import discord_with
from tests.servers.discord_world import APPLICATION, Server

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not reads_videos(), reason="the extra video is not installed"),
]
_LOOP = pytest.mark.asyncio(loop_scope="module")
_RATE, _SECONDS, _LATE = 2, 8, 7
"""Frames a second, how long a clip lasts, and the second at which another colour comes."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[DecodePool]:
    """The decoder of the program: worker processes in their sandbox."""
    async with DecodePool(1, timeout_s=60.0) as decoder:
        yield decoder


@asynccontextmanager
async def _gallery(home: Path, pool: DecodePool) -> AsyncIterator[Gallery]:
    """Pictures of several colours, among them one of each that clips show late."""
    gallery = Gallery(home, communities=f"web discord:{HOME} telegram:{GROUP}", decoder=pool)
    for colour in ("brown", "red", "blue"):
        gallery.add(f"{colour}.png", colour, caption=f"{colour} stone")
    await gallery.reindex()
    await gallery.grants.grant("gallery", f"telegram:{ADA}", "allow")
    yield gallery


def _clip(late: str) -> list[Image.Image]:
    """Seven seconds of black, white and grey, and one of a colour."""
    frames = []
    for number in range(_RATE * _SECONDS):
        colour = COLOURS[late if number >= _RATE * _LATE else "grey"]
        frame = Image.new("RGB", (96, 96), colour)
        ImageDraw.Draw(frame).rectangle((0, 0, 96, 24), fill="black")
        frames.append(frame)
    return frames


def _gif(late: str) -> bytes:
    return animation(_clip(late), duration=1000 // _RATE)


def _mp4(late: str) -> bytes:
    return video(_clip(late), rate=_RATE)


def _webm(late: str) -> bytes:
    return video(_clip(late), "webm", "libvpx-vp9", rate=_RATE)


@_LOOP
async def test_discord_searches_by_clips_and_finds_them(pool: DecodePool, tmp_path: Path) -> None:
    """A GIF, an MP4 and a WebM: asked with, attached to a mention, posted, and found with where."""
    server = Server(HOME, owner=OWNER.id)
    files = {"clip.gif": _gif("red"), "clip.mp4": _mp4("red"), "clip.webm": _webm("blue")}
    async with (
        _gallery(tmp_path / "gallery", pool) as gallery,
        discord_with(server) as discord,
        running(discord, server, gallery, tmp_path) as talk,
    ):
        for name, data in files.items():
            asked = await discord.slash(ANA, server, "similar", picture=(name, data))
            shown = await discord.answer(asked)
            assert f"**1** {'blue' if 'webm' in name else 'red'} stone" in shown.text, name
        await discord.say(ANA, server, f"<@{APPLICATION}>", ("clip.mp4", files["clip.mp4"]))
        assert "**1** red stone" in (await discord.replied(OPEN)).text

        posts = {"a.gif": _gif("cyan"), "b.mp4": _mp4("green"), "c.webm": _webm("yellow")}
        await talk.on()
        for name, data in posts.items():
            await discord.say(ANA, server, name, (name, data))
        await talk.until_kept(list(posts), OPEN)
        for name, colour in (("a.gif", "cyan"), ("b.mp4", "green"), ("c.webm", "yellow")):
            first = (await talk.find(colour)).text.partition("**2**")[0]
            assert name in first, (colour, first)
            assert "at 0:07" in first, (colour, first)
    gallery.close()


@_LOOP
async def test_telegram_searches_by_clips_and_finds_them(pool: DecodePool, tmp_path: Path) -> None:
    """Each kind of message that moves: asked with, and, but for stickers, posted and found."""
    kinds = {"animation": _mp4, "video": _mp4, "video_note": _mp4, "document": _gif}
    memory = StoredMemory(tmp_path / "telegram.sqlite")
    async with _gallery(tmp_path / "gallery", pool) as gallery:
        parts: Any = GalleryParts(gallery, [memory])
        async with talking(tmp_path, parts=parts, privacy=False) as talk:
            for kind, make in {**kinds, "sticker": _webm}.items():
                before = len(talk.sent)
                content = {kind: _content(talk, kind, make("red"))}
                await talk.server.say(ADA, ADA, "/similar", **content)
                [message] = await talk.answers(after=before)
                assert "1. red stone" in message["caption"], kind

            await talk.ask("/index on", chat=GROUP)
            for (kind, make), late in zip(kinds.items(), _POSTED, strict=True):
                content = {kind: _content(talk, kind, make(late))}
                await talk.server.say(GROUP, BEN, **content)
                await _taken_in(talk)
                [found] = await talk.ask(f"/find {late} --count 1", chat=GROUP)
                assert "at 0:07" in found["caption"], (kind, found["caption"])
                assert "User 12 · " in found["caption"], (kind, found["caption"])


_POSTED = ("cyan", "green", "yellow", "purple")


def _content(talk: Talk, kind: str, data: bytes) -> dict[str, Any]:
    """A stored file as Telegram describes what moves, with a still that must not be needed."""
    size = talk.server.world.size_of(talk.server.world.store(data))
    still = {**size, "file_id": "a still"}
    edges = {"width": 96, "height": 96, "length": 96}
    content = {**size, **edges, "duration": _SECONDS, "thumbnail": still}
    if kind == "document":
        content["mime_type"] = "image/gif"
    if kind == "sticker":
        content |= {"type": "regular", "is_animated": False, "is_video": True}
    return content


async def _taken_in(talk: Talk) -> None:
    await talk.idle()
    posts = talk.adapter._posts
    assert posts is not None
    async with asyncio.timeout(60):
        await posts._queue.join()
