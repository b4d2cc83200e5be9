"""Servers that the bot joins and leaves, and the languages that people and servers have."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.domain.errors import CatalogueError
from tests.adapters.discord_parts import ANA, BEN, HOME, Chat, chatting
from tests.servers.discord_gateway import until
from tests.servers.discord_world import APPLICATION, Person, Server, dm_channel
from tests.web.parts import Parts

ME = f"<@{APPLICATION}>"
ENGLISH, GERMAN = "Describe a picture", "Beschreib"


async def _in_order(chat: Chat) -> None:
    # Events are handled in order: once this is answered, earlier ones were.
    await chat.discord.answer(await chat.discord.slash(ANA, chat.server, "help"))


async def test_a_server_that_removed_the_bot_is_noted(tmp_path: Path) -> None:
    """And that it let the bot in again."""
    async with chatting(Parts(tmp_path), Server(HOME), Server(HOME + 1)) as chat:
        gone = chat.discord.gateway.servers[1]
        contributions = chat.parts.contributions
        await chat.discord.gateway.dispatch("GUILD_DELETE", {"id": str(gone.id)})
        await until(lambda: contributions.departed == [f"discord:{gone.id}"])
        payload = {key: value for key, value in gone.payload.items() if key != "unavailable"}
        await chat.discord.gateway.dispatch("GUILD_CREATE", payload)
        await until(lambda: contributions.departed == [])


async def test_an_outage_is_no_departure(tmp_path: Path) -> None:
    """Discord says of a server that it is unavailable, and later that it is there again."""
    async with chatting(Parts(tmp_path)) as chat:
        outage = {"id": str(HOME), "unavailable": True}
        await chat.discord.gateway.dispatch("GUILD_DELETE", outage)
        await chat.discord.gateway.dispatch("GUILD_CREATE", chat.server.payload)
        await _in_order(chat)
        assert chat.parts.contributions.departed == []


async def test_neither_stopping_nor_a_new_session_is_a_departure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot left nothing then."""

    async def no_pause(*_: object, **__: object) -> None:
        """The library waits 5 s before it identifies anew, as Discord's rules say."""

    monkeypatch.setattr("discord.Client.before_identify_hook", no_pause)
    async with chatting(Parts(tmp_path)) as chat:
        await chat.discord.gateway.invalidate()
        await until(lambda: chat.discord.gateway.identified == 2)
        await until(lambda: chat.adapter.unready() is None)
        await _in_order(chat)
        await chat.adapter.stop()
        assert chat.parts.contributions.departed == []


async def test_a_server_joined_while_the_bot_was_away_is_noted_at_the_start(
    tmp_path: Path,
) -> None:
    """It was removed, and let in again while nobody listened: nothing is to be deleted."""
    parts = Parts(tmp_path)
    parts.contributions.departed = [f"discord:{HOME}", "discord:99"]
    async with chatting(parts):
        await until(lambda: parts.contributions.departed == ["discord:99"])


async def test_a_server_that_removed_the_bot_while_it_was_away_is_noted_at_the_start(
    tmp_path: Path,
) -> None:
    """By what is kept of it. Direct messages and other platforms are no servers."""
    parts = Parts(tmp_path)
    stay = [f"discord:{HOME}", "discord:dm:17", "telegram:-1001", "telegram:5", "web"]
    parts.contributions.kept = [*stay, "discord:98", "discord:99"]
    async with chatting(parts) as chat:
        await until(lambda: len(parts.contributions.departed) == 2)
        await _in_order(chat)
        assert sorted(parts.contributions.departed) == ["discord:98", "discord:99"]


async def test_a_server_in_an_outage_at_the_start_was_not_left(tmp_path: Path) -> None:
    """Discord names it among the bot's servers, and does not tell more of it."""
    parts = Parts(tmp_path)
    parts.contributions.kept = [f"discord:{HOME}", f"discord:{HOME + 1}", "discord:99"]
    async with chatting(parts, Server(HOME), Server(HOME + 1, outage=True)) as chat:
        await until(lambda: parts.contributions.departed == ["discord:99"])
        await _in_order(chat)
        assert parts.contributions.departed == ["discord:99"]


async def test_a_departure_that_cannot_be_noted_is_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bot goes on answering."""
    parts = Parts(tmp_path)
    parts.contributions.failure = CatalogueError("The disk is full.")
    async with chatting(parts, Server(HOME), Server(HOME + 1)) as chat:
        await chat.discord.gateway.dispatch("GUILD_DELETE", {"id": str(HOME + 1)})
        await _in_order(chat)
        out, err = capsys.readouterr()
        assert "not noted that the bot left a server" in out + err


async def test_commands_are_answered_in_the_asker_s_language(tmp_path: Path) -> None:
    """Whatever the server's is."""
    async with chatting(Parts(tmp_path), Server(HOME, locale="ja")) as chat:
        reader = Person(21, "gerd", locale="de")
        shown = await chat.discord.answer(await chat.discord.slash(reader, chat.server, "help"))
        assert GERMAN in shown.text


async def test_messages_in_a_server_are_answered_in_its_language(tmp_path: Path) -> None:
    """All read the answer, and Discord does not tell who wrote in which language."""
    async with chatting(Parts(tmp_path), Server(HOME, locale="de")) as chat:
        await chat.discord.say(ANA, chat.server, f"{ME} /help")
        assert GERMAN in (await chat.discord.replied(chat.server.channel)).text


async def test_direct_messages_are_answered_in_the_language_last_seen(tmp_path: Path) -> None:
    """English until a command or a button told another; each person has their own."""
    async with chatting(Parts(tmp_path)) as chat:
        reader = Person(21, "gerd", locale="de")
        channel = int(dm_channel(reader)["id"])
        await chat.discord.say(reader, None, "/help")
        assert ENGLISH in (await chat.discord.replied(channel)).text
        await chat.discord.answer(await chat.discord.slash(reader, chat.server, "help"))
        await chat.discord.say(reader, None, "/help")
        assert GERMAN in (await chat.discord.replied(channel, 2)).text
        await chat.discord.say(BEN, None, "/help")
        assert ENGLISH in (await chat.discord.replied(int(dm_channel(BEN)["id"]))).text


async def test_a_server_of_another_node_was_not_left(tmp_path: Path) -> None:
    """A node connects its own shards, answers in their servers, and tells of no others."""
    parts = Parts(tmp_path)
    mine, theirs, gone, far = (number << 22 for number in (5, 6, 7, 8))
    parts.contributions.kept = [f"discord:{each}" for each in (mine, theirs, gone, far)]
    served = (Server(mine, owner=1), Server(theirs))
    async with chatting(parts, *served, shards="1-1/2") as chat:
        await until(lambda: parts.contributions.departed)
        await _in_order(chat)
        assert chat.discord.gateway.shard == [1, 2]
        assert chat.adapter.unready() is None
        assert parts.contributions.departed == [f"discord:{gone}"]
