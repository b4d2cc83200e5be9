"""Replies about who is let in, in one language."""

from __future__ import annotations

from bot.i18n.messages import Words
from bot.protocol.replies import ErrorInfo, Facts, Reply, Text


class AccessPresenter:
    """Draws up replies. Pure: no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._words = words.access

    def unknown(self, error: ErrorInfo, community: str) -> Reply:
        """What somebody is told whose community may search nothing, for the asker's eyes only."""
        parts = (
            Text(error.message),
            Facts(self._words.ways_in(community)),
            Text(self._words.by_chat(), "note"),
        )
        return Reply(parts, private=True, error=error)

    def allowed(self, collection: str) -> Reply:
        return Reply((Text(self._words.allowed(collection)),))

    def already(self, collection: str) -> Reply:
        return Reply((Text(self._words.already(collection)),))

    def withdrawn(self, collection: str) -> Reply:
        return Reply((Text(self._words.withdrawn(collection)),))

    def in_settings(self, collection: str) -> Reply:
        return Reply((Text(self._words.in_settings(collection)),))

    def never(self, collection: str) -> Reply:
        return Reply((Text(self._words.never(collection)),))
