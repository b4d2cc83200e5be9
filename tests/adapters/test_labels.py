"""Labels on the real path of both platforms: asked for in a message, named beside each picture."""

from __future__ import annotations

from pathlib import Path

from core.search.moderation import Criterion
from tests.adapters.discord_parts import ADMIN, ANA, chatting
from tests.adapters.discord_parts import colour_of as colour_of_file
from tests.adapters.telegram_parts import photos_of, talking
from tests.fake_labels import labelled
from tests.servers.discord_world import Person
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
        chosen = {"query": "green house", "label": "green", "count": 4}
        shown = await chat.discord.answer(
            await chat.discord.slash(ANA, chat.server, "find", chosen)
        )
        assert [colour_of_file(data) for data in shown.pictures] == ["green"] * 4


async def test_discord_completes_labels(tmp_path: Path) -> None:
    """Those of the collection that is asked, as far as the community may search it."""
    async with chatting(Parts(tmp_path)) as chat:
        sets = chat.parts.labels.sets
        assert await chat.discord.complete(ANA, chat.server, "find", "label", "") == []
        sets["gallery"] = labelled("red", "green", "dark red")
        sets["secret"] = labelled("blue")

        async def offered(start: str, **others: str) -> list[str]:
            return await chat.discord.complete(ANA, chat.server, "find", "label", start, **others)

        assert await offered("") == ["red", "green", "dark red"]
        assert await offered("RED") == ["red", "dark red"]
        assert await offered("x") == []
        assert await offered("", collection="secret") == []
        assert await offered("", collection="nowhere") == []
        many = labelled(*(f"red {number}" for number in range(30)))
        sets["gallery"] = many
        assert await offered("") == list(many.labels[:25])


async def test_discord_completes_criteria_for_administrators(tmp_path: Path) -> None:
    """Those of the community, and what is typed as a new one; members learn nothing."""
    async with chatting(Parts(tmp_path)) as chat:

        async def offered(start: str, person: Person = ADMIN) -> list[str]:
            return await chat.discord.complete(
                person, chat.server, "moderation", "criterion", start
            )

        assert await offered("") == []
        community = f"discord:{chat.server.id}"
        for text in ("weapon", "red thing"):
            await chat.parts.moderation.add(Criterion(text), community=community)
        await chat.parts.moderation.add(Criterion("elsewhere"), community="discord:999")
        assert await offered("") == ["weapon", "red thing"]
        assert await offered("thin") == ["red thing", "thin"]
        assert await offered("Weapon") == ["weapon"]
        assert await offered("", ANA) == []


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
