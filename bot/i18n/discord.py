"""The words that only Discord needs, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]


def context_menus(_: Translate) -> Mapping[str, str]:
    """What a message's context menu calls each command, at most 32 characters."""
    return {
        "similar": _("Find similar"),
        "describe": _("Describe picture"),
        "repost": _("Posted before?"),
    }


def choice_names(_: Translate) -> Mapping[str, str]:
    """What the menu of a slash command calls each value of a choice, at most 100 characters."""
    return {
        "on": _("On"),
        "off": _("Off"),
        "show": _("Show"),
        "hide": _("Hide"),
        "info": _("Show what is kept about me"),
        "export": _("Send me all of it as a file"),
        "delete": _("Delete all of it for good"),
        "out": _("Never search what I post"),
        "in": _("Search what I post again"),
        "status": _("How it stands"),
        "forget": _("Forget somebody's posts"),
        "list": _("List the criteria"),
        "add": _("Add a criterion"),
        "remove": _("Remove a criterion"),
        "test": _("Test a criterion without holding anything"),
        "review": _("Review what is held"),
        "low": _("Low: only what is clear"),
        "normal": _("Normal: what is likely"),
        "high": _("High: whatever might be it"),
    }


def drawing_words(_: Translate) -> Mapping[str, str]:
    """What is said in and around pictures and files, by key."""
    return {
        "picture_gone": _("This picture cannot be shown."),
        "your_picture": _("The picture that you asked about"),
        "sent_privately": _("I sent you the answer in a direct message."),
        "file_too_large": _("The file {name} is larger than Discord takes here: {size} MiB."),
    }


def intent_words(_: Translate) -> str:
    """Stands below the settings where photos are to be answered that the bot cannot see."""
    return _(
        "I do not see the photos of this server yet. The operator has to switch on “Message "
        "Content Intent” in Discord's developer portal (Bot), then discord.message_content in my "
        "settings, and start me again."
    )
