"""The menu in Discord's languages, told to Discord when it changed and only then.

Discord takes 200 new commands a day, and every change makes clients load the menu anew: a
bot that told it at every start would soon be refused.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import discord
import structlog
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.chat.presenters.search import Presenter
from bot.discord.menu import CommandMenu
from bot.discord.targets import DELIVERY_ERRORS

_log = structlog.get_logger("bot.discord")


async def sync_commands(menu: CommandMenu, application_id: int, state_file: Path) -> bool:
    """Whether Discord was told. ``state_file`` keeps a hash of what it was told last.

    A failure is logged, not raised: the commands that Discord knows work as before, and the
    next start tries again.
    """
    told = json.dumps([application_id, await menu.payload()], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(told.encode()).hexdigest()
    if await asyncio.to_thread(_read, state_file) == digest:
        return False
    try:
        await menu.sync()
    except DELIVERY_ERRORS as error:
        _log.warning("commands not registered", error=type(error).__name__)
        return False
    try:
        await asyncio.to_thread(_write, state_file, digest)
    except OSError as error:
        _log.warning("cannot remember the registered commands", reason=error.strerror)
    return True


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, digest: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(f"{digest}\n", encoding="ascii")
    part.replace(path)


_TYPED = frozenset({Location.parameter_name, Location.group_name})
# Discord refuses the whole menu for one string that is too long (developers' reference,
# "Application Command Structure").
_NAME, _TEXT = 32, 100


class MenuTranslator(app_commands.Translator):
    """Translates the menu's English sentences by the catalogues of our words."""

    def __init__(self, presenters: Callable[[str], Presenter]) -> None:
        self._presenters = presenters

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """The sentence in that language, None where it stays as it is."""
        if _is_typed(context):
            return None
        translated = self._presenters(locale.value).words.translate(string.message)
        longest = _NAME if context.location is Location.command_name else _TEXT
        fits = 0 < len(translated) <= longest
        return translated if fits and translated != string.message else None


def _is_typed(context: app_commands.TranslationContext[Any, Any]) -> bool:
    if context.location is Location.command_name:
        return not isinstance(context.data, app_commands.ContextMenu)
    return context.location in _TYPED
