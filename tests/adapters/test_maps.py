"""Maps, and pictures mixed with words, on the real path of both platforms."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from bot.rendering.map_painter import SIZE
from tests.adapters.discord_parts import ANA, chatting
from tests.adapters.telegram_parts import ADA, talking
from tests.colours import share_of
from tests.fakes import picture_bytes
from tests.web.parts import Parts


async def test_discord_draws_a_map(tmp_path: Path) -> None:
    """One picture of the whole collection in its colours; what it shows is said in words too."""
    async with chatting(Parts(tmp_path)) as chat:
        options = {"query": "something green", "groups": 3}
        shown = await chat.discord.answer(
            await chat.discord.slash(ANA, chat.server, "map", options)
        )
        [drawn] = shown.pictures
        with Image.open(io.BytesIO(drawn)) as image:
            assert image.size == SIZE
        for colour in ("red", "green", "blue"):
            assert share_of(drawn, colour) > 0.001
        count = len(chat.parts.snapshot.pictures)
        assert f"{count} pictures" in shown.text + shown.descriptions[0]
        assert "What you asked for is marked" in shown.text
        marked = await chat.discord.slash(
            ANA, chat.server, "map", picture=("blue.png", picture_bytes("blue", 99))
        )
        assert len((await chat.discord.answer(marked)).pictures) == 1


async def test_telegram_draws_a_map(tmp_path: Path) -> None:
    """The same, as a photo with its words below."""
    async with talking(tmp_path) as talk:
        [message] = await talk.ask("/map something green --groups 3")
        image = talk.server.world.picture(message)
        assert image.width / image.height == SIZE[0] / SIZE[1]
        assert f"{len(talk.parts.snapshot.pictures)} pictures" in message["caption"]
        assert "What you asked for is marked" in message["caption"]


async def test_telegram_mixes_a_picture_with_words(tmp_path: Path) -> None:
    """A picture and a text together find what fits both."""
    async with talking(tmp_path) as talk:
        photo = picture_bytes("green", 99, edge=64)
        await talk.server.say(ADA, ADA, "/similar balloon --count 2", photo=photo)
        [message] = await talk.answers()
        assert "mixed with “balloon”" in message["caption"]
        assert "green balloon" in message["caption"]
