"""Held pictures on Discord's real path: shown to administrators in the review, to nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.domain.types import CommunitySettings
from core.search.moderation import Criterion
from tests.adapters.discord_parts import ADMIN, ANA, HOME, Chat, chatting, colours_of, dated_parts
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import APPLICATION, Person, Server

COMMUNITY = f"discord:{HOME}"
BLUE = ("blue.png", picture_bytes("blue", seed=501, edge=64))


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A bot in one server that holds whatever is blue."""
    async with chatting(dated_parts(tmp_path)) as chat:
        await chat.parts.moderation.add(Criterion("blue"), community=COMMUNITY)
        chat.parts.settings.kept[COMMUNITY] = CommunitySettings(show_weak=True)
        yield chat


async def slash(chat: Chat, name: str, person: Person = ANA, **options: object) -> Shown:
    """Use a slash command; its first answer."""
    picture = options.pop("picture", None)
    exchange = await chat.discord.slash(person, chat.server, name, options, picture=picture)
    return await chat.discord.answer(exchange)


async def press(chat: Chat, shown: Shown, label: str, person: Person = ADMIN) -> Shown:
    """Press a button; what is shown for it."""
    exchange = await chat.discord.press(person, chat.server, shown, shown.buttons[label])
    await until(lambda: chat.discord.visible(exchange))
    return chat.discord.visible(exchange)[-1]


def is_clean(shown: Shown) -> bool:
    """Whether neither a word nor a pixel of a blue picture is there."""
    pictures = [data for data in shown.pictures if colours_of(data)["blue"] > 0.01]
    return not pictures and "blue" not in shown.text.replace("“blue", "")


async def test_members_are_shown_nothing_that_is_held(chat: Chat) -> None:
    """By words, by a picture, by captions, by a mention; the rest is shown as ever."""
    found = await slash(chat, "find", query="blue cat", count=10)
    assert is_clean(found)
    assert len(found.pictures) == 10
    # What was asked with stands beside the answers to a picture.
    for name in ("describe", "similar"):
        answer = await slash(chat, name, picture=BLUE, count=10)
        assert "green" in answer.text
        assert "blue" not in answer.text
    await chat.discord.say(ANA, chat.server, f"<@{APPLICATION}> blue bicycle")
    assert is_clean(await chat.discord.replied(chat.server.channel))
    refused = await slash(chat, "moderation", action="review")
    assert refused.private
    assert is_clean(refused)


async def test_administrators_review_and_decide(chat: Chat) -> None:
    """Privately, on one sheet; what is approved is found by everybody, the next moment."""
    review = await slash(chat, "moderation", ADMIN, action="review")
    assert review.private
    assert "Held pictures 1–5 of 5" in review.text  # noqa: RUF001 - a range
    [sheet] = review.pictures
    assert colours_of(sheet)["blue"] > 0.05
    [alt] = review.descriptions
    assert "blue cat" in alt
    approved = await press(chat, review, "Approve #1")
    assert approved.private
    assert "Approved and shown again: blue fruits" in approved.text
    found = await slash(chat, "find", query="blue fruits", count=10)
    assert "blue fruits" in found.text
    removed = await press(chat, review, "Remove #2")
    assert "Removed from every answer here: blue bicycle" in removed.text
    undone = await press(chat, removed, "Undo")
    assert "As before your decision" in undone.text


async def test_age_restricted_channels_show_what_is_kept_from_children(tmp_path: Path) -> None:
    """The pictures themselves; in an ordinary channel of another server nothing of them."""
    servers = Server(HOME, owner=1, restricted=True), Server(HOME + 1, owner=1)
    async with chatting(dated_parts(tmp_path), *servers) as chat:
        for server in servers:
            criterion = Criterion("blue", age=True)
            await chat.parts.moderation.add(criterion, community=f"discord:{server.id}")
        shown = {}
        for server in servers:
            exchange = await chat.discord.slash(ANA, server, "find", {"query": "blue cat"})
            shown[server.restricted] = await chat.discord.answer(exchange)
        assert "blue cat" in shown[True].text
        assert any(colours_of(data)["blue"] > 0.5 for data in shown[True].pictures)
        assert is_clean(shown[False])
