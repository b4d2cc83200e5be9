"""The menus of commands: for each kind of chat, and in each language."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

import structlog
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
)
from telegram.error import TelegramError

from bot.i18n.messages import Words
from bot.protocol.definitions import COMMANDS
from bot.telegram.memory import TelegramMemory

_SUMMARY_LENGTH = 256
_NOTE = "menus"

# Administrators see all; who may add by the operator's leave knows it from the operator.
_SCOPES: Mapping[Callable[[], BotCommandScope], bool] = {
    BotCommandScopeDefault: False,
    BotCommandScopeAllPrivateChats: False,
    BotCommandScopeAllChatAdministrators: True,
}


async def publish_menus(
    bot: Bot,
    memory: TelegramMemory,
    words_of: Callable[[str], Words],
    languages: Sequence[str] = (),
) -> None:
    """Publish the menus where they have changed since this bot did so last.

    English is the menu of whoever speaks none of ``languages`` (two-letter ISO 639-1 codes,
    as Telegram takes them). Where Telegram refuses, that is logged: commands work without a
    menu, and the next start publishes it.
    """
    menus = [
        (scope(), language, _menu(words_of(language or "en"), is_admin=is_admin))
        for scope, is_admin in _SCOPES.items()
        for language in (None, *(code for code in languages if code != "en"))
    ]
    state = _digest(menus)
    if await memory.note(bot.id, _NOTE) == state:
        return
    try:
        for scope, language, menu in menus:
            await bot.set_my_commands(menu, scope=scope, language_code=language)
    except TelegramError as error:
        log = structlog.get_logger("telegram")
        log.warning("menus not published", error=type(error).__name__)
        return
    await memory.keep_note(bot.id, _NOTE, state)


def _menu(words: Words, *, is_admin: bool) -> list[BotCommand]:
    return [
        BotCommand(command.name, words.summary(command)[:_SUMMARY_LENGTH])
        for command in COMMANDS
        if command.is_on("telegram") and command.is_offered_to(is_admin=is_admin, may_add=False)
    ]


def _digest(menus: Sequence[tuple[BotCommandScope, str | None, list[BotCommand]]]) -> str:
    plain = [
        (scope.type, language, [(entry.command, entry.description) for entry in menu])
        for scope, language, menu in menus
    ]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()
