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
        self._all = words
        self._words = words.contributions

    def added(self, picture: Picture, *, holds: int, undo: str, sent: int) -> Reply:
        """A picture that was added; ``holds`` pictures are there now, ``sent`` were sent."""
        parts: list[Part] = [Text(self._words.added(picture.collection), "heading")]
        if sent > 1:
            parts.append(Text(self._words.first_added_only(sent), "note"))
        parts.append(Pictures((lone_card(self._all, picture),)))
        parts.append(Text(self._words.holds(picture.collection, holds)))
        if not picture.caption:
            parts.append(Text(self._words.no_caption(), "note"))
        return Reply(tuple(parts), (Button("remove", self._words.button_undo(), undo),))

    def duplicate(self, error: DuplicatePicture, *, anyway: str) -> Reply:
        """The picture that is there already, and a way to add a similar one all the same."""
        there = error.picture
        if error.exact:
            heading = self._words.same(there.collection)
        else:
            heading = self._words.nearly_same(there.collection)
        card = lone_card(self._all, there, None if error.exact else error.score)
        parts = (Text(heading, "heading"), Pictures((card,)), Text(self._words.not_added(), "note"))
        if error.exact:
            return Reply(parts)
        label = self._words.button_add_anyway()
        return Reply(parts, (Button("add", label, anyway, needs_picture=True),))

    def candidates(self, words: str, hits: Sequence[Hit], actions: Sequence[str]) -> Reply:
        """Pictures of which one is meant, each with a button that removes it."""
        if not hits:
            return Reply((Text(self._all.no_hits()),))
        parts: list[Part] = [Text(self._words.which(words), "heading")]
        if all(hit.band is Band.WEAK for hit in hits):
            parts.append(Text(self._all.shown_anyway(), "note"))
        parts.append(Pictures(tuple(hit_card(self._all, hit) for hit in hits)))
        buttons = tuple(
            Button("remove", self._words.button_remove(hit.rank), action, subject=hit.rank)
            for hit, action in zip(hits, actions, strict=True)
        )
        return Reply(tuple(parts), buttons)

    def removed(self, picture: Picture, *, uploaded: bool, undo: str | None) -> Reply:
        """What was removed; ``undo`` is the action that brings it back."""
        caption = self._all.caption(picture.caption, picture.path)
        parts: list[Part] = [Text(self._words.removed(picture.collection, caption, picture.id))]
        if not uploaded:
            parts.append(Text(self._words.file_stays(), "note"))
        if undo is None:
            return Reply(tuple(parts))
        parts.append(Text(self._words.undo_for(round(UNDO_S / 60)), "note"))
        return Reply(tuple(parts), (Button("restore", self._words.button_undo(), undo),))

    def restored(self, picture: Picture) -> Reply:
        heading = Text(self._words.restored(picture.collection), "heading")
        return Reply((heading, Pictures((lone_card(self._all, picture),))))
