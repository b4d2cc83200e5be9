"""The menu in the languages that Discord and we have in common.

What commands and options are called stays English: replies, the help and the documents name
them ("See /help."), what is typed in other chats is the same (``--count 3``), and whoever
helps somebody of another language names what that one sees, too. All that explains them is
translated, and so are the names that nobody types: those of choices and context menus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.chat.presenters.search import Presenter

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
