"""The menu: what Discord is told of the commands, in which languages, and what it completes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.chat.presenters.search import Presenter
from bot.i18n.messages import Words
from bot.protocol.definitions import COMMANDS, CommandDefinition, Option
from tests.adapters.discord_parts import ADMIN, ANA, HOME, Chat, chatting
from tests.servers.discord_rules import check_commands
from tests.servers.discord_world import MANAGE_GUILD, Json
from tests.web.parts import Parts, languages

# Discord's own tags of the languages that replies come in, beside English.
TRANSLATED = {
    tag.value for tag in discord.Locale if languages().presenter(tag.value).words.locale != "en"
}
SLASH, MESSAGE = 1, 3


class _LongWords(Words):
    """Says everything at too great a length."""

    def translate(self, sentence: str) -> str:
        """The sentence, over and over."""
        return sentence * 99


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A bot in one server."""
    async with chatting(Parts(tmp_path)) as chat:
        yield chat


def _slash(chat: Chat) -> Iterator[Json]:
    return (command for command in chat.discord.rest.commands if command["type"] == SLASH)


def _option(chat: Chat, command: str, option: str) -> Json:
    found = next(c for c in _slash(chat) if c["name"] == command)
    return next(o for o in found["options"] if o["name"] == option)


HERE = [command for command in COMMANDS if command.is_on("discord")]


async def test_every_command_is_in_the_menu(chat: Chat) -> None:
    """With its options, their bounds and their choices, as the definitions have them."""
    assert [command["name"] for command in _slash(chat)] == [c.name for c in HERE]
    count = _option(chat, "settings", "count")
    assert (count["type"], count["min_value"], count["max_value"]) == (4, 1, 10)
    pause = _option(chat, "settings", "text_cooldown")
    assert (pause["type"], pause["min_value"], pause["max_value"]) == (4, 0, 3600)
    photos = _option(chat, "settings", "photos")
    assert [(c["name"], c["value"]) for c in photos["choices"]] == [("On", "on"), ("Off", "off")]
    action = _option(chat, "privacy", "action")
    assert [choice["value"] for choice in action["choices"]] == [
        *("info", "export", "delete"),
        *("out", "in"),
    ]
    # Words that Python keeps for itself, and what Discord fills in by a menu of its own.
    assert [_option(chat, "find", each)["type"] for each in ("in", "from", "after")] == [7, 6, 3]
    assert _option(chat, "remove", "id")["autocomplete"] is True
    assert _option(chat, "add", "picture")["type"] == 11


async def test_the_menu_hides_what_few_may_use(chat: Chat) -> None:
    """Administrators' and adders' commands need "Manage Server" and a server; others nothing."""
    commands = {command["name"]: command for command in _slash(chat)}
    for definition in HERE:
        command = commands[definition.name]
        for_all = definition.who == "all"
        hidden = not (for_all and definition.listed)
        assert command["default_member_permissions"] == (MANAGE_GUILD if hidden else None)
        assert command["contexts"] == ([0, 1] if for_all else [0])


async def test_the_menu_speaks_our_languages(chat: Chat) -> None:
    """What explains a command, an option or a choice is there in each of them, and no other."""
    presenters = chat.parts.presenters
    described = 0
    for command, definition in zip(_slash(chat), HERE, strict=True):
        told = command["description_localizations"]
        assert set(told) == TRANSLATED
        for locale, text in told.items():
            assert text == presenters(locale).words.summary(definition)
        for option, own in zip(command.get("options", []), _here(definition), strict=True):
            told = option["description_localizations"]
            assert set(told) == TRANSLATED
            for locale, text in told.items():
                assert text == presenters(locale).words.option_summary(own)
                described += 1
            for choice in option.get("choices", []):
                _check_translated(choice, presenters)
    assert described > 100
    for menu in chat.discord.rest.commands:
        if menu["type"] == MESSAGE:
            _check_translated(menu, presenters)


def _check_translated(named: Json, presenters: Any) -> None:
    told = named["name_localizations"]
    # A word may be the same in two languages.
    assert set(told) <= TRANSLATED
    assert len(told) >= len(TRANSLATED) - 3, named["name"]
    for locale, name in told.items():
        assert name == presenters(locale).words.translate(named["name"])


async def test_what_is_typed_is_the_same_in_every_language(chat: Chat) -> None:
    """Replies and documents name commands and options: nobody sees others than they say."""
    for command in _slash(chat):
        for named in (command, *command.get("options", [])):
            assert not named.get("name_localizations")


async def test_a_translation_that_discord_would_refuse_is_left_out(tmp_path: Path) -> None:
    """One string that is too long would cost the whole menu."""
    parts = Parts(tmp_path)
    known, german = parts.presenters, Presenter(_LongWords(locale="de"))
    parts.presenters = lambda locale: german if locale == "de" else known(locale)
    async with chatting(parts) as chat:
        check_commands(chat.discord.rest.commands)
        told = [c["description_localizations"] for c in _slash(chat)]
        assert [set(locales) for locales in told] == [TRANSLATED - {"de"}] * len(HERE)


async def test_a_changed_translation_is_told_to_discord(tmp_path: Path) -> None:
    """Other words, the same commands: the menu is registered anew, once."""
    registered = []
    known = Parts(tmp_path).presenters
    for presenters in (known, known, lambda locale: known("ja" if locale == "ja" else "en")):
        parts = Parts(tmp_path)
        parts.presenters = presenters
        async with chatting(parts) as chat:
            calls = chat.discord.rest.calls
            registered.append(sum("PUT" in call and "commands" in call for call in calls))
    assert registered == [1, 0, 1]


async def test_ids_of_pictures_are_completed_from_captions(chat: Chat) -> None:
    """An administrator types words of a caption and gets the ids of pictures that have them."""
    exchange = await chat.discord.completion(ADMIN, chat.server, "remove", "id", "blue ba")
    (choice,) = exchange.choices or []
    assert "blue balloon" in choice["name"]
    row = next(r for r, p in enumerate(chat.parts.snapshot.pictures) if p.id == choice["value"])
    assert chat.parts.snapshot.pictures[row].caption == "blue balloon"
    assert len(await chat.discord.complete(ADMIN, chat.server, "remove", "id", "")) == 25
    assert await chat.discord.complete(ADMIN, chat.server, "remove", "id", "no such thing") == []


async def test_ids_of_pictures_are_for_those_who_may_remove_them(chat: Chat) -> None:
    """A member who is shown the command all the same is offered nothing, alone or not."""
    assert await chat.discord.complete(ANA, chat.server, "remove", "id", "blue") == []
    assert await chat.discord.complete(ADMIN, None, "remove", "id", "blue") == []


async def test_long_captions_are_cut_where_they_are_offered(tmp_path: Path) -> None:
    """To the 100 characters that Discord takes, which the server enforces."""
    captions = (("red", "red " * 60), ("red", " \n "), ("red", "\u3042" * 300))
    async with chatting(Parts(tmp_path, captions=captions)) as chat:
        exchange = await chat.discord.completion(ADMIN, chat.server, "remove", "id", "")
        names = [choice["name"] for choice in exchange.choices or []]
        assert len(names) == 3
        assert all(0 < len(name.strip()) <= 100 for name in names)


async def test_choices_of_another_server_are_not_offered(tmp_path: Path) -> None:
    """What only server 7 may search is completed there alone."""
    async with chatting(Parts(tmp_path)) as chat:
        assert chat.server.id == HOME
        assert await chat.discord.complete(ADMIN, chat.server, "remove", "id", "secret") == []


def _here(definition: CommandDefinition) -> list[Option]:
    return [option for option in definition.options if option.is_on("discord")]
