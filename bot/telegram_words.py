"""The words that only Telegram needs, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]


def telegram_words(_: Translate) -> Mapping[str, str]:
    """Every sentence by its key. ``inline_…`` take at most 64 characters: Telegram's bound."""
    return {
        "not_yours": _("Only the person who asked may press this button. Ask for yourself."),
        "button_expired": _("This button has expired. Ask again to get a new one."),
        "open_private": _(
            "This answer is for you alone, and I cannot write to you yet. Open a chat with me, "
            "press Start, and ask again."
        ),
        "open_chat": _("Open a chat with me"),
        "no_photos": _(
            "I may not send pictures in this chat. An administrator can allow it in the "
            "permissions of the chat."
        ),
        "inline_ask_first": _("Nothing to show yet: search in a chat with me first"),
    }
