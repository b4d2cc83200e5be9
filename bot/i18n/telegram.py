"""The words that only Telegram needs, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]


def telegram_words(_: Translate) -> Mapping[str, str]:
    """Every sentence by its key. ``inline_…`` take at most 64 characters: Telegram's bound."""
    return {
        "not_yours": _("Only the person who asked may press this button. Ask for yourself."),
        "button_expired": _("This button has expired. Ask again to get a new one."),
        "not_member": _("This button belongs to a group that you are not in any more."),
        "open_private": _(
            "This answer is for you alone, and I cannot write to you yet. Open a chat with me, "
            "press Start, and ask again."
        ),
        "open_chat": _("Open a chat with me"),
        "not_anonymous": _(
            "This answer is for one person alone, and you speak in the name of a chat. Ask again "
            "in your own name."
        ),
        "no_photos": _(
            "I may not send pictures in this chat. An administrator can allow it in the "
            "permissions of the chat."
        ),
        "privacy_mode": _(
            "I do not see the photos of this group yet. Make me an administrator of the group, or "
            "let the operator switch off my privacy mode at t.me/BotFather (Bot Settings, Group "
            "Privacy) and add me to the group again."
        ),
        "inline_ask_first": _("Nothing to show yet: search in a chat with me first"),
    }
