"""Replies about who is let in, in one language."""

from __future__ import annotations

from bot.i18n.messages import Words
from bot.protocol.replies import ErrorInfo, Facts, Reply, Text


class AccessPresenter:
    """Draws up replies. Pure: no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._ = words.gettext

    def unknown(self, error: ErrorInfo, community: str) -> Reply:
        """What somebody is told whose community may search nothing, for the asker's eyes only."""
        _ = self._
        ways_in = (
            (_("This chat"), community),
            # Words: stands before a command line that takes effect at once.
            (_("Allow it"), f"tangerine allow {community}"),
            # Words: stands before a line of the settings file.
            (_("Or in the settings"), f'communities = ["web", "{community}"]'),
        )
        by_chat = _(
            "The operator can also send /allow here. With the code from the operator's terminal, "
            "anybody can: /claim CODE"
        )
        parts = (Text(error.message), Facts(ways_in), Text(by_chat, "note"))
        return Reply(parts, private=True, error=error)

    def allowed(self, collection: str) -> Reply:
        return _reply(self._("This chat may now search “{collection}”. See /help."), collection)

    def already(self, collection: str) -> Reply:
        return _reply(self._("This chat may search “{collection}” already."), collection)

    def withdrawn(self, collection: str) -> Reply:
        return _reply(self._("This chat may no longer search “{collection}”."), collection)

    def in_settings(self, collection: str) -> Reply:
        sentence = self._(
            "The settings let this chat search “{collection}”. The operator changes that there."
        )
        return _reply(sentence, collection)

    def never(self, collection: str) -> Reply:
        return _reply(self._("This chat could not search “{collection}” anyway."), collection)


def _reply(sentence: str, collection: str) -> Reply:
    return Reply((Text(sentence.format(collection=collection)),))
