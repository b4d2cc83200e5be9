"""The words that only Discord needs, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]


def context_menus(_: Translate) -> Mapping[str, str]:
    """What a message's context menu calls each command, at most 32 characters."""
    return {
        "similar": _("Find similar"),
        "describe": _("Describe picture"),
    }


def drawing_words(_: Translate) -> Mapping[str, str]:
    """What is said in and around pictures, by key."""
    return {
        "picture_gone": _("This picture cannot be shown."),
        "your_picture": _("The picture that you asked about"),
        "sent_privately": _("I sent you the answer in a direct message."),
    }
