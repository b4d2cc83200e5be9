"""A Discord bot whose pictures are for nobody there: each way to ask it, and the ways in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.access_list import Roster
from tests.adapters.discord_parts import ADMIN, ANA, BEN, HOME, Chat, chatting
from tests.fakes import picture_bytes
from tests.web.parts import Parts

PHOTO = ("a.png", picture_bytes("red", seed=90, edge=64))


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """Ben is the operator; the collection is for the web chat."""
    parts = Parts(tmp_path)
    parts.library.communities["gallery"] = frozenset({"web"})
    async with chatting(parts, roster=Roster({BEN.id})) as chat:
        yield chat


async def test_a_server_is_told_its_id_by_every_route(chat: Chat) -> None:
    """The server's own administrator, too; for the asker's eyes alone, and without a picture."""
    for name, options in (
        ("find", {"query": "red"}),
        ("status", {}),
        ("reindex", {}),
        ("settings", {}),
        ("help", {}),
    ):
        exchange = await chat.discord.slash(ADMIN, chat.server, name, options)
        shown = await chat.discord.answer(exchange)
        assert f"tangerine allow discord:{HOME}" in shown.text
        assert shown.private
        assert not shown.pictures
    for name in ("similar", "add"):
        exchange = await chat.discord.slash(ADMIN, chat.server, name, picture=PHOTO)
        assert f"discord:{HOME}" in (await chat.discord.answer(exchange)).text
    alone = await chat.discord.slash(ANA, None, "find", {"query": "red"})
    assert f"discord:dm:{ANA.id}" in (await chat.discord.answer(alone)).text
    target = await chat.discord.say(ANA, chat.server, "look", PHOTO)
    exchange = await chat.discord.menu(ANA, chat.server, "Find similar", target)
    assert f"discord:{HOME}" in (await chat.discord.answer(exchange)).text
    assert chat.parts.reindexing.calls == []
    assert chat.parts.contributions.uploads == {}


async def test_nothing_is_completed(chat: Chat) -> None:
    """Neither names of collections nor labels, captions or criteria."""
    for command, option in (
        ("find", "collection"),
        ("find", "label"),
        ("remove", "id"),
        ("moderation", "criterion"),
    ):
        assert await chat.discord.complete(ADMIN, chat.server, command, option, "") == []


async def test_an_operator_opens_a_server_in_one_step(chat: Chat) -> None:
    """By an id of the settings; managing the server is not enough."""

    async def ask(person: object, name: str, options: dict[str, str]) -> str:
        exchange = await chat.discord.slash(person, chat.server, name, options)  # type: ignore[arg-type]
        return (await chat.discord.answer(exchange)).text

    assert "Only the operator" in await ask(ADMIN, "allow", {})
    assert "may now search" in await ask(BEN, "allow", {})
    exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": "red"})
    assert (await chat.discord.answer(exchange)).pictures
    assert "no longer" in await ask(BEN, "allow", {"access": "off"})
    assert "may not search" in await ask(ANA, "find", {"query": "red"})


async def test_members_are_not_shown_the_ways_in(chat: Chat) -> None:
    """Discord lists them to those who manage the server; the right is checked at each call."""
    rights = {c["name"]: c["default_member_permissions"] for c in chat.discord.rest.commands}
    assert rights["allow"] == rights["claim"] == rights["reindex"] is not None
    assert rights["find"] is None
    code = await chat.parts.claims.issue()
    exchange = await chat.discord.slash(ANA, chat.server, "claim", {"code": code})
    assert "may now search" in (await chat.discord.answer(exchange)).text
