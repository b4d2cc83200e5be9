"""Every command on the real path: discord.py unmodified, a loopback Discord, our fakes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from core.domain.types import Progress
from tests.adapters.discord_parts import (
    ADMIN,
    ANA,
    HOME,
    Chat,
    chatting,
    colour_of,
    colours_of,
)
from tests.fakes import picture_bytes
from tests.moving import animation
from tests.servers.discord_gateway import until
from tests.servers.discord_rest import ACKNOWLEDGE_S, TOKEN_S
from tests.servers.discord_store import Exchange
from tests.servers.discord_world import APPLICATION, Server
from tests.web.parts import Parts


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A bot in one server."""
    async with chatting(Parts(tmp_path)) as chat:
        yield chat


def picture(colour: str, seed: int = 77) -> tuple[str, bytes]:
    """A picture to post: its name and bytes."""
    return f"{colour}.png", picture_bytes(colour, seed=seed, edge=64)


async def test_find_shows_the_right_pictures_with_caption_and_score(chat: Chat) -> None:
    """Each picture decodes to what was asked, in order, with number, caption and score."""
    exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": "something red"})
    shown = await chat.discord.answer(exchange)
    assert not shown.private
    assert [colour_of(data) for data in shown.pictures] == ["red"] * 5
    assert "### Matches 1–5 for “something red”" in shown.text  # noqa: RUF001 - a range
    hits = (await chat.parts.search.find("something red", community=f"discord:{HOME}")).hits
    for hit, alt in zip(hits, shown.descriptions, strict=True):
        line = f"**{hit.rank}** {hit.picture.caption}\n-# {hit.match:.2f} · {hit.band.value}"
        assert line in shown.text
        assert hit.picture.caption in alt
    assert exchange.acknowledged_s is not None
    assert exchange.acknowledged_s < ACKNOWLEDGE_S


async def test_find_takes_every_option(chat: Chat) -> None:
    """Count, exclude, collection and private arrive; a private answer is so from the start."""
    options = {
        "query": "blue cat",
        "count": 3,
        "exclude": "red",
        "collection": "gallery",
        "private": True,
    }
    shown = await chat.discord.answer(await chat.discord.slash(ANA, chat.server, "find", options))
    assert shown.private
    assert [colour_of(data) for data in shown.pictures] == ["blue"] * 3
    assert "without “red”" in shown.text


async def test_ten_pictures_fit_into_one_message(chat: Chat) -> None:
    """The largest answer stays within every bound of Discord, which the server enforces."""
    options = {"query": "red " * 49, "exclude": "*" * 200, "count": 10}
    shown = await chat.discord.answer(await chat.discord.slash(ANA, chat.server, "find", options))
    assert len(shown.pictures) == 10
    assert len(shown.buttons) == 11


async def test_similar_shows_the_query_beside_its_best(chat: Chat) -> None:
    """The sheet holds the hits' colour and the query's; the query goes along for paging."""
    name, data = picture("green")
    exchange = await chat.discord.slash(ANA, chat.server, "similar", picture=(name, data))
    shown = await chat.discord.answer(exchange)
    (sheet,) = shown.pictures
    assert colours_of(sheet)["green"] > 0.2
    assert shown.thumbnail == data
    hits = (await chat.parts.search.similar(data, community=f"discord:{HOME}")).hits
    assert {hit.picture.caption.split()[0] for hit in hits} == {"green"}
    for hit in hits:
        assert f"**{hit.rank}** {hit.picture.caption}\n-# {hit.match:.2f}" in shown.text


async def test_similar_searches_by_the_frames_of_what_moves(chat: Chat) -> None:
    """By the one that finds the closest picture: red comes last, after a colour of none."""
    red = Image.open(io.BytesIO(picture_bytes("red", seed=77, edge=64))).convert("RGB")
    clip = animation([Image.new("RGB", red.size, "white"), red])
    exchange = await chat.discord.slash(ANA, chat.server, "similar", picture=("clip.gif", clip))
    shown = await chat.discord.answer(exchange)
    assert "**1** red" in shown.text
    posted = await chat.discord.say(ANA, chat.server, f"<@{APPLICATION}>", ("clip.mp4", clip))
    assert posted["attachments"][0]["content_type"] is None
    replied = await chat.discord.replied(chat.server.channel)
    assert "**1** red" in replied.text


async def test_similar_mixes_a_text(chat: Chat) -> None:
    """A picture and a text together find what fits both."""
    options = {"text": "balloon", "count": 2}
    exchange = await chat.discord.slash(
        ANA, chat.server, "similar", options, picture=picture("green")
    )
    shown = await chat.discord.answer(exchange)
    assert "mixed with “balloon”" in shown.text
    assert "green balloon" in shown.text


async def test_describe_shows_stored_captions(chat: Chat) -> None:
    """The captions of the nearest pictures with scores, said to be matched, not written.

    The pictures that carry them stand on a sheet beside the one that was asked about.
    """
    exchange = await chat.discord.slash(
        ANA, chat.server, "describe", {"count": 3}, picture=picture("purple")
    )
    shown = await chat.discord.answer(exchange)
    lines = [line for line in shown.text.splitlines() if line.startswith("**")]
    assert len(lines) == 3
    assert all("purple" in line for line in lines)
    assert "These captions were written for other pictures" in shown.text
    assert len(shown.pictures) == 1
    assert shown.descriptions[0].count("Picture ") == 3


async def test_classify_draws_bars(chat: Chat) -> None:
    """The most probable label comes first, on a drawing and in its description."""
    exchange = await chat.discord.slash(
        ANA, chat.server, "classify", {"labels": "red, blue, green"}, picture=picture("blue")
    )
    shown = await chat.discord.answer(exchange)
    assert len(shown.pictures) == 1
    assert shown.descriptions[0].startswith("blue ")


async def test_reindex_is_drawn_in_place(chat: Chat) -> None:
    """One message goes from progress to the summary; a second one says how far it is."""
    exchange = await chat.discord.slash(ADMIN, chat.server, "reindex", {"full": True})
    await until(lambda: "Reading the folder" in _text(chat, exchange))
    chat.parts.reindexing.step(Progress("encode", 3, 12))
    await until(lambda: "3 of 12 pictures (25%)" in _text(chat, exchange))
    again = await chat.discord.answer(await chat.discord.slash(ADMIN, chat.server, "reindex"))
    assert "already being indexed: 25%" in again.text
    chat.parts.reindexing.finish.set()
    await until(lambda: "2 added" in _text(chat, exchange))
    assert "bad.png" in _text(chat, exchange)
    assert len(chat.discord.visible(exchange)) == 1
    assert chat.parts.reindexing.calls == [("gallery", True)]


async def test_a_long_reindex_outlives_its_interaction(chat: Chat) -> None:
    """After Discord's 15 minutes the message is still drawn anew, as the bot's own."""
    exchange = await chat.discord.slash(ADMIN, chat.server, "reindex", age_s=TOKEN_S - 3.0)
    # Drawn before those three seconds are over, or the token was never used.
    await until(lambda: "Reading the folder" in _text(chat, exchange))
    await asyncio.sleep(3.1)
    chat.parts.reindexing.finish.set()
    await until(lambda: "2 added" in _text(chat, exchange))


async def test_status_is_for_the_asker_alone(chat: Chat) -> None:
    """An administrator sees model and collections, and nobody else does."""
    shown = await chat.discord.answer(await chat.discord.slash(ADMIN, chat.server, "status"))
    assert shown.private
    assert "**Model** fake, 32 dimensions, on cpu" in shown.text
    assert "**gallery** 61 pictures, 60 captions" in shown.text
    assert "secret" not in shown.text


async def test_help_offers_examples(chat: Chat) -> None:
    """The examples come from the collection; commands for administrators are left out."""
    shown = await chat.discord.answer(await chat.discord.slash(ANA, chat.server, "help"))
    assert "> /find " in shown.text
    assert "/similar" in shown.text
    assert "/reindex" not in shown.text


@pytest.mark.parametrize("label", ["Find similar", "Describe picture"])
async def test_context_menus_take_the_message_s_picture(chat: Chat, label: str) -> None:
    """Without the message_content intent, the target of a menu can be read all the same."""
    target = await chat.discord.say(ANA, chat.server, "look", picture("orange"))
    target["attachments"] = [chat.discord.attachment(*picture("orange"))]
    shown = await chat.discord.answer(await chat.discord.menu(ANA, chat.server, label, target))
    assert "orange" in shown.text


async def test_a_menu_on_a_message_without_picture_says_so(chat: Chat) -> None:
    """Cause and remedy, for the asker alone, and nothing is left of the acknowledgement."""
    target = await chat.discord.say(ANA, chat.server, "look")
    exchange = await chat.discord.menu(ANA, chat.server, "Find similar", target)
    shown = await chat.discord.answer(exchange)
    assert shown.private
    assert "/similar needs a picture. Attach one" in shown.text


async def test_autocomplete_offers_collections(chat: Chat) -> None:
    """Names that begin with what was typed."""
    discord = chat.discord
    assert await discord.complete(ANA, chat.server, "find", "collection", "GAL") == ["gallery"]
    assert await discord.complete(ANA, chat.server, "find", "collection", "x") == []


async def test_commands_work_in_direct_messages(chat: Chat) -> None:
    """Somebody alone with the bot searches what is for everybody."""
    shown = await chat.discord.answer(
        await chat.discord.slash(ANA, None, "find", {"query": "a pink balloon"})
    )
    assert colour_of(shown.pictures[0]) == "pink"


async def test_files_stay_below_the_server_s_limit(tmp_path: Path) -> None:
    """Pictures are sent smaller where they do not fit, and left out where nothing helps."""
    parts = Parts(tmp_path)
    async with chatting(parts, Server(HOME, file_limit=900)) as chat:
        asked = await chat.discord.slash(ANA, chat.server, "find", {"query": "red"})
        shown = await chat.discord.answer(asked)
        assert "**1** red" in shown.text
        assert all(len(data) <= 900 for data in shown.pictures)
        assert shown.text.count("This picture cannot be shown.") == 5 - len(shown.pictures)


def _text(chat: Chat, exchange: Exchange) -> str:
    shown = chat.discord.visible(exchange)
    return shown[0].text if shown else ""
