"""The words about who is let in, in one language."""

from __future__ import annotations

import gettext


class AccessWords:
    """What is said of the communities that may search."""

    def __init__(self, translations: gettext.NullTranslations) -> None:
        self._ = translations.gettext

    def ways_in(self, community: str) -> tuple[tuple[str, str], ...]:
        """The community's name, and what whoever runs the bot does with it."""
        return (
            (self._("This chat"), community),
            # Words: stands before a command line that takes effect at once.
            (self._("Allow it"), _command(community)),
            # Words: stands before a line of the settings file.
            (self._("Or in the settings"), f'communities = ["web", "{community}"]'),
        )

    def by_chat(self) -> str:
        """How it is done from the chat."""
        return self._(
            "The operator can also send /allow here. With the code from the operator's terminal, "
            "anybody can: /claim CODE"
        )

    def allowed(self, collection: str) -> str:
        """The community is let in."""
        return self._("This chat may now search “{collection}”. See /help.").format(
            collection=collection
        )

    def already(self, collection: str) -> str:
        """It was before."""
        return self._("This chat may search “{collection}” already.").format(collection=collection)

    def withdrawn(self, collection: str) -> str:
        """It is let out."""
        return self._("This chat may no longer search “{collection}”.").format(
            collection=collection
        )

    def in_settings(self, collection: str) -> str:
        """It stays in."""
        return self._(
            "The settings let this chat search “{collection}”. The operator changes that there."
        ).format(collection=collection)

    def never(self, collection: str) -> str:
        """It was not in."""
        return self._("This chat could not search “{collection}” anyway.").format(
            collection=collection
        )


def _command(community: str) -> str:
    return f"tangerine allow {community}"
