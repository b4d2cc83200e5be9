"""Replies to adding and removing pictures, in one language."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.presenters.cards import hit_card, lone_card
from bot.i18n.messages import Words
from bot.protocol.replies import Button, Part, Pictures, Reply, Text
from core.domain.errors import DuplicatePicture
from core.domain.ports import UNDO_S
from core.domain.types import Band, Hit, Picture


class ContributionPresenter:
    """Draws up replies. Pure: no search, no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._ = words.gettext
        self._n = words.ngettext

    def added(self, picture: Picture, *, holds: int, undo: str, sent: int) -> Reply:
        """A picture that was added; ``holds`` pictures are there now, ``sent`` were sent."""
        _, collection = self._, picture.collection
        heading = _("Added to “{collection}”").format(collection=collection)
        parts: list[Part] = [Text(heading, "heading")]
        if sent > 1:
            first = _("You sent {count} pictures; this adds the first one.").format(count=sent)
            parts.append(Text(first, "note"))
        parts.append(Pictures((lone_card(self._words, picture),)))
        now = self._n(
            "“{collection}” has {count} picture now.",
            "“{collection}” has {count} pictures now.",
            holds,
        )
        count = self._words.formats.whole(holds)
        parts.append(Text(now.format(collection=collection, count=count)))
        if not picture.caption:
            no_caption = _(
                "It has no caption, so it is found by what it shows alone. To give it one, press "
                "Undo and add it again with a few words."
            )
            parts.append(Text(no_caption, "note"))
        return Reply(tuple(parts), (Button("remove", _("Undo"), undo),))

    def duplicate(self, error: DuplicatePicture, *, anyway: str) -> Reply:
        """The picture that is there already, and a way to add a similar one all the same."""
        _, there = self._, error.picture
        if error.exact:
            heading = _("“{collection}” has this picture already")
        else:
            heading = _("“{collection}” has a picture that is nearly the same")
        parts = (
            Text(heading.format(collection=there.collection), "heading"),
            Pictures((lone_card(self._words, there, None if error.exact else error.score),)),
            Text(_("Yours was not added."), "note"),
        )
        if error.exact:
            return Reply(parts)
        return Reply(parts, (Button("add", _("Add anyway"), anyway, needs_picture=True),))

    def candidates(self, words: str, hits: Sequence[Hit], actions: Sequence[str]) -> Reply:
        """Pictures of which one is meant, each with a button that removes it."""
        if not hits:
            return Reply((Text(self._words.no_hits()),))
        which = self._("Which one is to be removed? Nearest to “{words}”").format(words=words)
        parts: list[Part] = [Text(which, "heading")]
        if all(hit.band is Band.WEAK for hit in hits):
            parts.append(Text(self._words.shown_anyway(), "note"))
        parts.append(Pictures(tuple(hit_card(self._words, hit) for hit in hits)))
        label = self._("Remove #{number}")
        buttons = tuple(
            Button("remove", label.format(number=hit.rank), action, subject=hit.rank)
            for hit, action in zip(hits, actions, strict=True)
        )
        return Reply(tuple(parts), buttons)

    def removed(self, picture: Picture, *, uploaded: bool, undo: str | None) -> Reply:
        """What was removed; ``undo`` is the action that brings it back."""
        _, caption = self._, self._words.caption(picture.caption, picture.path)
        removed = _("Removed from “{collection}”: {caption} (id {id}).").format(
            collection=picture.collection, caption=caption.rstrip(" ."), id=picture.id
        )
        parts: list[Part] = [Text(removed)]
        if not uploaded:
            stays = _("Its file stays in the operator's folder, but is not shown here any more.")
            parts.append(Text(stays, "note"))
        if undo is None:
            return Reply(tuple(parts))
        minutes = round(UNDO_S / 60)
        undo_for = self._n(
            "You can undo this for {count} minute.",
            "You can undo this for {count} minutes.",
            minutes,
        )
        parts.append(Text(undo_for.format(count=minutes), "note"))
        return Reply(tuple(parts), (Button("restore", _("Undo"), undo),))

    def restored(self, picture: Picture) -> Reply:
        heading = self._("Back in “{collection}”").format(collection=picture.collection)
        return Reply((Text(heading, "heading"), Pictures((lone_card(self._words, picture),))))
