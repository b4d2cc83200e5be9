"""Words in pictures in both chats and on the web: asked for, quoted, posted; said with a line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bot.engine.telegram_memory import StoredMemory
from core.domain.types import WordLine
from index.library.word_reading import WordReading
from tests.adapters.discord_parts import ANA, HOME
from tests.adapters.discord_posts import OWNER, running
from tests.adapters.posted_web import web_page
from tests.adapters.telegram_parts import ADA, talking
from tests.galleries import Gallery
from tests.picture_files import encode, scene
from tests.posting import GalleryParts
from tests.servers.discord_people import discord_with
from tests.servers.discord_world import Server

_SAID = {"IMG_1": "WHEN THE TESTS PASS", "IMG_2": "MERGE ON FRIDAY", "IMG_3": ""}
_TESTS = _SAID["IMG_1"]
_NEW = encode(scene((64, 48)), "PNG")
_FOUND = "found by words in the picture: “WHEN THE TESTS PASS”"


class _Reader:
    """The WordReader port: knows these pictures, and one that is posted."""

    version = "1"

    async def read(self, source: bytes | Path) -> Sequence[WordLine]:
        """By the name of the file."""
        said = _TESTS if isinstance(source, bytes) else _SAID[source.stem]
        return [WordLine(line, 0.9) for line in said.splitlines()]


@asynccontextmanager
async def _read(home: Path, memory: StoredMemory | None = None) -> AsyncIterator[GalleryParts]:
    """A gallery whose words were read."""
    gallery, reader = Gallery(home, communities="*"), _Reader()
    for name, colour in zip(_SAID, ("red", "blue", "green"), strict=True):
        gallery.add(f"{name}.png", colour)
    await gallery.reindex()
    reading = WordReading(gallery.overlays, gallery.library, reader, [gallery.name])
    assert await reading.fill() == len(_SAID)
    yield GalleryParts(gallery, [memory] if memory else [], reader=reader)
    gallery.close()


async def test_on_discord(tmp_path: Path) -> None:
    """In the words of a find, in quotes, by a posted picture that says them; the line is shown."""
    server = Server(HOME, owner=OWNER.id)
    async with (
        _read(tmp_path / "gallery") as parts,
        discord_with(server) as discord,
        running(discord, server, parts.gallery, tmp_path, parts=parts),
    ):
        for words in ("tests pass", '"tests pass"'):
            asked = await discord.slash(ANA, server, "find", {"query": words})
            text = (await discord.answer(asked)).text
            assert _FOUND in text.partition("**2**")[0], text
            assert ("**2**" in text) == ('"' not in words)
        posted = ("posted.png", _NEW)
        asked = await discord.slash(ANA, server, "similar", picture=posted)
        assert _FOUND in (await discord.answer(asked)).text.partition("**2**")[0]


async def test_on_telegram(tmp_path: Path) -> None:
    """The same."""
    memory = StoredMemory(tmp_path / "telegram.sqlite")
    async with _read(tmp_path / "gallery", memory) as parts:
        given: Any = parts
        async with talking(tmp_path, parts=given) as talk:
            for question in ("/find tests pass --count 1", '/find "tests pass"'):
                [found] = await talk.ask(question)
                assert _FOUND in found["caption"]
            before = len(talk.sent)
            await talk.server.say(ADA, ADA, "/similar --count 1", photo=_NEW)
            [found] = await talk.answers(after=before)
            assert _FOUND in found["caption"]


async def test_on_the_web(tmp_path: Path) -> None:
    """The line comes apart from captions, which have none of it."""
    async with (
        _read(tmp_path / "gallery") as parts,
        web_page(parts) as url,
        aiohttp.ClientSession(url) as session,
    ):
        async with session.get("/api/find", params={"q": "words: tests"}) as response:
            [first, *others] = (await response.json())["hits"]
        assert (first["text"], first["found_by"], first["caption"]) == (_TESTS, "words", "")
        assert [each["path"] for each in others] == ["IMG_2.png"], "the third has none"
        form = aiohttp.FormData()
        form.add_field("image", _NEW, filename="posted.png", content_type="image/png")
        async with session.post("/api/similar", data=form) as response:
            assert (await response.json())["hits"][0]["text"] == _TESTS
