"""The menus of commands: for everybody, and for administrators of groups."""

from __future__ import annotations

import structlog
from telegram import Bot, BotCommand, BotCommandScopeAllChatAdministrators, BotCommandScopeDefault
from telegram.error import TelegramError

from bot.definitions import COMMANDS
from bot.words import Words

_SUMMARY_LENGTH = 256


async def publish_menus(bot: Bot, words: Words) -> None:
    """Offer everybody what everybody may, and administrators of groups the rest too.

    Where Telegram refuses, that is logged: commands work without a menu, and the next
    start publishes it.
    """
    try:
        await bot.set_my_commands(_menu(words, admin=False), scope=BotCommandScopeDefault())
        await bot.set_my_commands(
            _menu(words, admin=True), scope=BotCommandScopeAllChatAdministrators()
        )
    except TelegramError as error:
        log = structlog.get_logger("telegram")
        log.warning("menus not published", error=type(error).__name__)


def _menu(words: Words, *, admin: bool) -> list[BotCommand]:
    return [
        BotCommand(command.name, words.summary(command)[:_SUMMARY_LENGTH])
        for command in COMMANDS
        if command.who == "all" or admin
    ]
