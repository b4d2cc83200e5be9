"""Replies about what is kept of people, in one language."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n.messages import Words
from bot.protocol.replies import Document, Facts, Part, Reply, Text
from core.domain.types import PersonalData


class PrivacyPresenter:
    """Draws up replies for one person's eyes. Pure: no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._ = words.gettext
        self._n = words.ngettext
        self._formats = words.formats

    def info(self, data: PersonalData, remembered: int, *, kept_days: int) -> Reply:
        """What is kept, in numbers and in general; ``kept_days`` 0: nothing is remembered."""
        _ = self._
        explained = [
            _(
                "What you ask, and the pictures that you ask about, are neither stored nor "
                "logged. The latest questions stay in memory without your name."
            ),
            _(
                "Pictures that you add are kept without their metadata until they are removed; "
                "five minutes later they are deleted. Who removed a picture is noted."
            ),
            _(
                "How much you asked is counted for a day, and questions that do not fit into a "
                "button are kept as long."
            ),
        ]
        explained.append(
            _(
                "Where the administrators of a chat on Telegram let its pictures be searched, I "
                "keep of each post a small copy, its text, who posted it and when. /privacy out "
                "takes yours out and keeps them out."
            )
        )
        if data.opted_out:
            explained.append(_("None of your posts is taken in, as you wanted."))
        if kept_days:
            remembering = self._n(
                "For {count} day I remember whom the buttons of an answer obey, and where "
                "the picture is that was asked about.",
                "For {count} days I remember whom the buttons of an answer obey, and where "
                "the picture is that was asked about.",
                kept_days,
            )
            explained.append(remembering.format(count=kept_days))
        explained.append(
            _("Seven days after I was removed from a community, what was added there is deleted.")
        )
        ways_on = _("/privacy export sends you all of it; /privacy delete deletes it for good.")
        parts: list[Part] = [
            Text(_("What I keep about you"), "heading"),
            self._counts(data, remembered, kept_days),
            *map(Text, explained),
            Text(ways_on, "note"),
        ]
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
            Text(self._("All that I keep about you"), "heading"),
            self._counts(data, remembered, kept_days),
        ]
        if left_out:
            missing = self._n(
                "{count} picture is missing: it could not be read, or there was no room for it. "
                "The operator can give it to you.",
                "{count} pictures are missing: they could not be read, or there was no room for "
                "them. The operator can give them to you.",
                left_out,
            )
            parts.append(Text(missing.format(count=self._formats.whole(left_out))))
        return Reply((*parts, *documents), private=True)

    def deleted(self, data: PersonalData, remembered: int, *, kept_days: int) -> Reply:
        if not (data.uploads or data.posts or data.removals or remembered):
            return Reply((Text(self._("There was nothing to delete.")),), private=True)
        heading = Text(self._("Deleted for good"), "heading")
        return Reply((heading, self._counts(data, remembered, kept_days)), private=True)

    def _counts(self, data: PersonalData, remembered: int, kept_days: int) -> Facts:
        _ = self._
        counts = [(_("Pictures that you added"), len(data.uploads))]
        if data.posts:
            counts.append((_("Pictures that you posted"), len(data.posts)))
        counts.append((_("Pictures that you removed"), data.removals))
        if kept_days:
            counts.append((_("Answers whose buttons remember you"), remembered))
        return Facts(tuple((name, self._formats.whole(count)) for name, count in counts))
