"""Replies about what is kept of people, in one language."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n.messages import Words
from bot.protocol.replies import Document, Facts, Part, Reply, Text
from core.domain.types import PersonalData


class PrivacyPresenter:
    """Draws up replies for one person's eyes. Pure: no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._words = words.privacy

    def info(self, data: PersonalData, remembered: int, *, kept_days: int) -> Reply:
        """What is kept, in numbers and in general; ``kept_days`` 0: nothing is remembered."""
        parts: list[Part] = [
            Text(self._words.heading(), "heading"),
            self._counts(data, remembered, kept_days),
        ]
        parts += [Text(paragraph) for paragraph in self._words.explained(kept_days=kept_days)]
        parts.append(Text(self._words.ways_on(), "note"))
        return Reply(tuple(parts), private=True)

    def exported(
        self,
        data: PersonalData,
        remembered: int,
        documents: Sequence[Document],
        *,
        left_out: int,
        kept_days: int,
    ) -> Reply:
        """The files, and a word about what is in none of them."""
        parts: list[Part] = [
            Text(self._words.exported(), "heading"),
            self._counts(data, remembered, kept_days),
        ]
        if left_out:
            parts.append(Text(self._words.left_out(left_out)))
        return Reply((*parts, *documents), private=True)

    def deleted(self, data: PersonalData, remembered: int, *, kept_days: int) -> Reply:
        """What was deleted."""
        if not (data.uploads or data.posts or data.removals or remembered):
            return Reply((Text(self._words.nothing_deleted()),), private=True)
        heading = Text(self._words.deleted(), "heading")
        return Reply((heading, self._counts(data, remembered, kept_days)), private=True)

    def _counts(self, data: PersonalData, remembered: int, kept_days: int) -> Facts:
        rows = [self._words.uploads(len(data.uploads)), self._words.removals(data.removals)]
        if data.posts or data.opted_out:
            rows.append(self._words.posts(len(data.posts), opted_out=data.opted_out))
        if kept_days:
            rows.append(self._words.remembered(remembered))
        return Facts(tuple(rows))
