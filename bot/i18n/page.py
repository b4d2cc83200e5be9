"""The words of the web page, in one language."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]


def page_words(_: Translate) -> Mapping[str, str]:
    """Every sentence of the page by its key; ``{n}`` and the like are filled in by the page."""
    return {
        "title": _("Tangerine"),
        "tagline": _("Image search that understands sentences"),
        "skip": _("Skip to the pictures"),
        "pictures": _("Pictures"),
        "search": _("Search pictures"),
        "placeholder": _("Describe a picture…"),
        "placeholder_photo": _("Enter finds pictures like it. Or add words: but red"),
        "clear": _("Clear the search"),
        "topics": _("Ideas for a search"),
        "all_pictures": _("All pictures"),
        "close_matches": _("Close matches: {n}"),
        "sampled": _(
            "These are some of the pictures: the collection is too large to show all of them. "
            "A search looks at every one."
        ),
        "so_far": _("{searched} of {total} pictures so far; the others are being indexed."),
        "by_letters": _(
            "The pictures are being encoded anew for another model. Until that is done, captions "
            "and words in pictures are searched letter by letter."
        ),
        "no_close": _("No close match. These come nearest:"),
        "doubtful": _("Not sure. The first ones may be what you mean:"),
        "less_likely": _("Less likely from here"),
        "nothing_found": _("Nothing was found."),
        "nothing_found_text": _("Try other words, or drop a photo to find others like it."),
        "empty": _("There are no pictures yet"),
        "empty_text": _(
            "Put pictures into the gallery folder, or drop one here and say /add to it."
        ),
        "first_ones": _("The first pictures are on their way"),
        "first_ones_text": _("They stand here as soon as they are indexed."),
        "no_such_picture": _("That picture is not here any more"),
        "no_caption": _("Picture without a caption"),
        "score": _("Score"),
        "captions": _("Captions"),
        "file": _("File"),
        "size": _("Size"),
        "date": _("Date"),
        "labels": _("Labels"),
        # Words: what a score is worth, beside it.
        "band_strong": _("close match"),
        "band_fair": _("fair match"),
        "band_weak": _("less likely"),
        # Words: what made a picture an answer, behind its score.
        "found_by_picture": _("found by its picture"),
        "found_by_caption": _("found by its caption"),
        "found_by_words": _("found by words in the picture"),
        # Words: similarities of the question, in the details of a picture that was found.
        "cosine_picture": _("picture {n}"),
        "cosine_caption": _("caption {n}"),
        # Words: a place in a video, stands behind a score, as in "0.31 · strong · at 0:07".
        "at_time": _("at {time}"),
        # Words: a button that plays a video, or a picture that moves.
        "play": _("Play"),
        "find_similar": _("Find similar"),
        "add_words": _("Add words"),
        "download": _("Download"),
        "details": _("Details"),
        "hello": _("What are you looking for?"),
        "hello_text": _("Ask in your own words. A / at the beginning gives a command."),
        "conversation": _("Conversation"),
        "forget": _("Begin a new conversation"),
        "you": _("You"),
        "message": _("Message"),
        "message_placeholder": _("Ask, or type / for commands"),
        "send": _("Send"),
        "add_photo": _("Add a photo"),
        "remove": _("Remove"),
        "remove_photo": _("Remove the photo {name}"),
        "your_photo": _("Your photo"),
        "one_photo": _("A question takes one photo: {name} is used."),
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
        "picture_gone": _("This picture cannot be shown."),
        "picture_gone_text": _("Its file may have moved. /reindex looks for it again."),
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
        "log_in_text": _("This page is protected. Enter the token that its operator gave you."),
        "token": _("Token"),
        "token_wrong": _("That token is wrong."),
        "indexing": _("Indexing"),
    }
