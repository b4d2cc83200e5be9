"""The words about what is kept of people, in one language."""

from __future__ import annotations

import gettext
from collections.abc import Sequence

from bot.i18n.formats import Formats


class PrivacyWords:
    """What is said of what is kept of somebody."""

    def __init__(self, translations: gettext.NullTranslations, formats: Formats) -> None:
        self._ = translations.gettext
        self._n = translations.ngettext
        self._formats = formats

    def heading(self) -> str:
        """Stands above what is kept."""
        return self._("What I keep about you")

    def uploads(self, count: int) -> tuple[str, str]:
        """How many pictures somebody has added."""
        return self._("Pictures that you added"), self._formats.whole(count)

    def posts(self, count: int, *, opted_out: bool) -> tuple[str, str]:
        """How many of somebody's posts are searched."""
        said = self._("none, as you wanted") if opted_out else self._formats.whole(count)
        return self._("Pictures that you posted"), said

    def removals(self, count: int) -> tuple[str, str]:
        """How many pictures somebody has removed."""
        return self._("Pictures that you removed"), self._formats.whole(count)

    def remembered(self, count: int) -> tuple[str, str]:
        """How many buttons of somebody are remembered."""
        return self._("Answers whose buttons remember you"), self._formats.whole(count)

    def explained(self, *, kept_days: int) -> Sequence[str]:
        """What is kept and what is not, one paragraph each; 0 where nothing is remembered."""
        paragraphs = [
            self._(
                "What you ask, and the pictures that you ask about, are neither stored nor "
                "logged. The latest questions stay in memory without your name."
            ),
            self._(
                "Pictures that you add are kept without their metadata until they are removed; "
                "five minutes later they are deleted. Who removed a picture is noted."
            ),
            self._(
                "How much you asked is counted in memory for a day, and so are questions that "
                "do not fit into a button."
            ),
        ]
        paragraphs.append(
            self._(
                "Where the administrators of a chat on Telegram let its pictures be searched, I "
                "keep of each post a small copy, its text, who posted it and when. /privacy out "
                "takes yours out and keeps them out."
            )
        )
        if kept_days:
            paragraphs.append(
                self._n(
                    "For {count} day I remember whom the buttons of an answer obey, and where "
                    "the picture is that was asked about.",
                    "For {count} days I remember whom the buttons of an answer obey, and where "
                    "the picture is that was asked about.",
                    kept_days,
                ).format(count=kept_days)
            )
        paragraphs.append(
            self._(
                "Seven days after I was removed from a community, what was added there is deleted."
            )
        )
        return paragraphs

    def ways_on(self) -> str:
        """What one may do about it."""
        return self._("/privacy export sends you all of it; /privacy delete deletes it for good.")

    def exported(self) -> str:
        """Stands above the files of an export."""
        return self._("All that I keep about you")

    def left_out(self, count: int) -> str:
        """Said where pictures did not fit into the files, or could not be read."""
        return self._n(
            "{count} picture is missing: it could not be read, or there was no room for it. "
            "The operator can give it to you.",
            "{count} pictures are missing: they could not be read, or there was no room for "
            "them. The operator can give them to you.",
            count,
        ).format(count=self._formats.whole(count))

    def deleted(self) -> str:
        """Stands above what was deleted."""
        return self._("Deleted for good")

    def nothing_deleted(self) -> str:
        """Said where nothing was kept."""
        return self._("There was nothing to delete.")
