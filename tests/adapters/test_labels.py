"""Labels on the real path of both platforms: asked for in a message, named beside each picture."""

from __future__ import annotations

from pathlib import Path

from tests.adapters.discord_parts import ANA, chatting
from tests.adapters.discord_parts import colour_of as colour_of_file
from tests.adapters.telegram_parts import photos_of, talking
from tests.fake_labels import labelled
from tests.web.parts import Parts


async def test_discord_finds_by_label(tmp_path: Path) -> None:
    """Pictures of the label alone come; each line under a picture ends with it."""
    async with chatting(Parts(tmp_path)) as chat:
        chat.parts.labels.sets["gallery"] = labelled("red", "green")
        query = {"query": "label:green green house", "count": 4}
        shown = await chat.discord.answer(await chat.discord.slash(ANA, chat.server, "find", query))
        assert [colour_of_file(data) for data in shown.pictures] == ["green"] * 4
        assert shown.text.count(" · label: green") == 4
        unknown = await chat.discord.slash(ANA, chat.server, "find", {"query": "label:x"})
        answer = await chat.discord.answer(unknown)
        assert answer.private
        assert "red, green" in answer.text


async def test_telegram_finds_by_label(tmp_path: Path) -> None:
    """Pictures of the label alone come; each caption ends with it."""
    async with talking(tmp_path) as talk:
        talk.parts.labels.sets["gallery"] = labelled("orange", "green")
        *album, _ = await talk.ask("/find label:orange orange fruits --count 3", 4)
        photos = photos_of(talk, album)
        assert [colour for colour, _ in photos] == ["orange"] * 3
        assert all(caption.endswith(" · label: orange") for _, caption in photos)
        [unknown] = await talk.ask("/find label:x")
        assert "orange, green" in unknown["text"]
