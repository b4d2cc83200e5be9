"""The languages of people, which Discord tells with commands and buttons but not messages."""

from __future__ import annotations

from cachetools import LRUCache

_DEFAULT = "en"
_REMEMBERED = 10_000


class Locales:
    """Remembers, until the process ends, in which language people last used a command."""

    def __init__(self) -> None:
        self._locales: LRUCache[int, str] = LRUCache(_REMEMBERED)

    def note(self, user_id: int, locale: str) -> None:
        """Somebody has Discord in this language, a tag as ``pt-BR``."""
        self._locales[user_id] = locale

    def of(self, user_id: int) -> str:
        """Somebody's language, English where it is not known."""
        return self._locales.get(user_id, _DEFAULT)
