"""Cause and remedy of every error code in general words, for any language.

English replies prefer the words of the error itself, since they name numbers and names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Translate = Callable[[str], str]


def error_words(_: Translate) -> Mapping[str, tuple[str, str]]:
    """For each code of :mod:`core.domain.errors`: what happened, and what to do."""
    again = _("Try again in a moment.")
    operator = _("Tell the operator of this server.")
    other_picture = _("Send another picture, or save this one as JPEG or PNG.")
    return {
        "internal": (_("Something went wrong here."), again),
        "invalid_request": (_("That request cannot be read."), _("See /help.")),
        "empty_query": (_("There are no words to search for."), _("Try: /find orange fruits")),
        "query_too_long": (_("That question is too long."), _("Use fewer words.")),
        "bad_count": (_("That number is out of range."), _("Ask for 1 to 10 pictures.")),
        "bad_labels": (
            _("Those labels cannot be compared."),
            _("Give two or more, as: cat, dog, horse"),
        ),
        "unknown_label": (
            _("No picture here has such a label."),
            _("Ask without “label:”."),
        ),
        "expired_button": (_("This button has expired."), _("Ask again to get a new one.")),
        "no_code": (
            _("There is no code behind the command."),
            # Words: a command that is typed so.
            _("Type the code that the operator sees behind it: /claim ABCD-EFGH-JKMN"),
        ),
        "bad_setting": (
            _("That value is not possible here."),
            _("See /help for what is."),
        ),
        "duplicate_picture": (
            _("The collection has this picture already."),
            _("Send another one."),
        ),
        "picture_held": (
            _("The collection has this picture already, but it is not shown here."),
            _("Ask an administrator to review it."),
        ),
        "bad_picture": (_("That picture cannot be used."), other_picture),
        "no_picture": (
            _("There is no picture to work with."),
            _("Attach one, or reply to a message that has one."),
        ),
        "not_a_picture": (_("That file is not a picture in a known format."), other_picture),
        "damaged_picture": (_("That picture is damaged."), other_picture),
        "picture_too_large": (_("That picture is too large."), _("Send a smaller one.")),
        "picture_too_complex": (
            _("That picture takes too long to decode."),
            other_picture,
        ),
        "too_many_pixels": (_("That picture has too many pixels."), _("Send a smaller one.")),
        "decoding_failed": (_("That picture could not be decoded."), other_picture),
        "not_found": (_("There is no such picture or collection here."), _("Search again.")),
        "forbidden": (
            _("You may not do this here."),
            _("Ask an administrator of this chat."),
        ),
        "proxy_needs_token": (
            _("A proxy or tunnel handed this request on, and no token protects this chat."),
            _("Set TANGERINE_WEB_TOKEN; docs/running.md shows how."),
        ),
        "wrong_code": (
            _("That code is wrong, was used, or is older than an hour."),
            _("The operator gets a new one by starting the program again."),
        ),
        "operator_only": (_("Only the operator may do that here."), operator),
        "community_unknown": (
            _("This chat may not search any pictures yet."),
            operator,
        ),
        "unavailable": (_("That is not possible at the moment."), again),
        "busy": (_("Too many requests are waiting."), again),
        "too_many_requests": (_("You are asking faster than this server allows."), again),
        "community_quota": (
            _("Everybody here together is asking faster than this server allows."),
            again,
        ),
        "being_indexed": (_("Indexing has begun."), _("Ask again in a moment.")),
        "reindex_running": (
            _("This collection is being indexed already."),
            _("Wait until it is done."),
        ),
        "shutting_down": (_("The server is stopping."), again),
        "collection_full": (
            _("No more pictures may be added here."),
            _("Ask an administrator to remove some first."),
        ),
        "uploads_full": (
            _("This bot takes no more pictures at the moment."),
            operator,
        ),
        "empty_collection": (
            _("Nothing is indexed yet."),
            _("An administrator can index the pictures with /reindex."),
        ),
        "model_mismatch": (
            _("The index was made by another model."),
            _("The operator renews it with: tangerine reindex --full"),
        ),
        "model_unavailable": (_("The model could not be loaded."), operator),
        "encoding_failed": (_("The model could not process this."), again),
        "catalogue": (_("The catalogue cannot be read or written."), operator),
        "catalogue_damaged": (_("The catalogue cannot be read or written."), operator),
        "source": (_("The folder of pictures cannot be read."), operator),
        "caption_without_picture": (
            _("A row of a caption table names no picture of the folder."),
            _("Correct the name in the table, or remove the row."),
        ),
        "removals_unconfirmed": (
            _("Most of the pictures are gone from the folder. Nothing was changed."),
            _(
                "The operator checks that the folder is there, and confirms with: "
                "tangerine reindex --confirm-removals"
            ),
        ),
        "settings": (_("A setting is wrong."), operator),
    }
