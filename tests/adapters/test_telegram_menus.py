"""The menus of commands: by kind of chat, by language, and published only when they changed."""

from __future__ import annotations

from pathlib import Path

from bot.chat.languages import SOURCE
from bot.protocol.definitions import COMMANDS
from tests.adapters.telegram_parts import Talk, adapter_of, talking
from tests.servers.telegram import Fault
from tests.web.parts import languages

LANGUAGES = tuple(languages().all)
MENUS = 3 * len(LANGUAGES)


async def _published(talk: Talk, calls: int) -> None:
    await talk.server.until(lambda: len(talk.server.called("setMyCommands")) == calls)


async def _restart(talk: Talk, folder: Path, **values: object) -> None:
    await talk.adapter.stop()
    talk.adapter = adapter_of(talk.parts, talk.server, folder, **values)
    await talk.adapter.start()


async def test_menus_by_scope_and_language(tmp_path: Path) -> None:
    """Administrators of groups are offered all, others what they may, each in their language."""
    async with talking(tmp_path, languages=LANGUAGES) as talk:
        await _published(talk, MENUS)
        menus = talk.server.methods.commands
    assert len(menus) == MENUS
    for language in LANGUAGES:
        suffix = "" if language == SOURCE else f":{language}"
        everybody = [entry["command"] for entry in menus[f"default{suffix}"]]
        assert everybody == [c.name for c in COMMANDS if c.who == "all" and c.listed]
        assert {"reindex", "settings", "remove", "status", "add"}.isdisjoint(everybody)
        assert menus[f"all_private_chats{suffix}"] == menus[f"default{suffix}"]
        admins = menus[f"all_chat_administrators{suffix}"]
        words = languages().presenter(language).words
        assert [(entry["command"], entry["description"]) for entry in admins] == [
            (command.name, words.summary(command))
            for command in COMMANDS
            if command.listed and command.who != "operator"
        ]
    shown = {menus[key][0]["description"] for key in menus if key.startswith("default")}
    assert len(shown) == len(LANGUAGES)


async def test_menus_are_published_when_they_changed_and_not_before(tmp_path: Path) -> None:
    """A restart costs Telegram nothing; another language, or a failure, publishes anew."""
    async with talking(tmp_path, languages=LANGUAGES) as talk:
        await _published(talk, MENUS)
        await talk.idle()
        await _restart(talk, tmp_path, languages=LANGUAGES)
        await talk.idle()
        await _published(talk, MENUS)
        talk.server.fail("setMyCommands", Fault(400))
        await _restart(talk, tmp_path, languages=("en",))
        await _published(talk, MENUS + 1)
        await talk.idle()
        await _restart(talk, tmp_path, languages=("en",))
        await _published(talk, MENUS + 1 + 3)
        await talk.adapter.stop()
