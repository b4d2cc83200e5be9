"""The words of the web chat's page, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]


def page_words(_: Translate) -> Mapping[str, str]:
    """Every sentence of the page by its key; ``{n}`` and the like are filled in by the page."""
    return {
        "title": _("Tangerine"),
        "tagline": _("Image search that understands sentences"),
        "hello": _("What are you looking for?"),
        "hello_text": _("Describe it in your own words, or drop a photo to find others like it."),
        "skip": _("Skip to the message field"),
        "conversation": _("Conversation"),
        "you": _("You"),
        "message": _("Message"),
        "placeholder": _("Describe a picture…"),
        "send": _("Send"),
        "add_photo": _("Add a photo"),
        "remove_photo": _("Remove the photo {name}"),
        "photos": _("Photos to send"),
        "your_photo": _("Your photo"),
        "drop_here": _("Drop the photo to find pictures like it"),
        "hint": _("Enter sends · / shows commands · ↑ brings back your last message"),
        "commands": _("Commands"),
        "searching": _("Searching…"),
        "waiting": _("One moment: {n} s…"),
        "more_like_this": _("More like this"),
        "more_like_named": _("More like this: {name}"),
        "previous": _("Previous picture"),
        "next": _("Next picture"),
        "close": _("Close"),
        "original": _("Open the original"),
        "picture_gone": _("This picture cannot be shown."),
        "offline": _("The server does not answer. Is it still running? Then send it again."),
        "try_again": _("Try again"),
        "no_photo": _("That is no picture. Drop a photo such as a JPEG or PNG file."),
        "photo_too_large": _("{name} is larger than {n} MiB. Send a smaller one."),
        "map": _("Map"),
        "explore_map": _("Explore the map"),
        "groups": _("Groups"),
        "no_groups": _("none"),
        "zoom_in": _("Zoom in"),
        "zoom_out": _("Zoom out"),
        "show_all": _("Show all"),
        "map_keys": _(
            "Drag to move, scroll to zoom, click a picture to find others like it. Keys: arrows "
            "choose a picture, Enter finds others like it, + and − zoom, 0 shows all."  # noqa: RUF001 - a minus
        ),
        "log_in": _("Log in"),
        "log_in_text": _("This chat is protected. Enter the token that its operator gave you."),
        "token": _("Token"),
        "token_wrong": _("That token is wrong."),
        "indexing": _("Indexing"),
    }
