"""The words of the map, in one language."""

from __future__ import annotations

import gettext
from collections.abc import Sequence

from bot.i18n.formats import Formats


class MapWords:
    def __init__(self, translations: gettext.NullTranslations, formats: Formats) -> None:
        self._ = translations.gettext
        self._n = translations.ngettext
        self._formats = formats

    def title(self, collection: str, count: int) -> str:
        return self._n(
            "Map of “{collection}”: {count} picture",
            "Map of “{collection}”: {count} pictures",
            count,
        ).format(collection=collection, count=self._formats.whole(count))

    def explained(self, across: float, upwards: float) -> str:
        """What the two axes show of the variance, given as shares in [0, 1]."""
        return self._(
            "Pictures that look alike lie together. Left to right shows {across}% of the "
            "variance between them, bottom to top {upwards}%."
        ).format(
            across=self._formats.decimal(100 * across, 1),
            upwards=self._formats.decimal(100 * upwards, 1),
        )

    def group(self, number: int, name: str, count: int) -> str:
        name = name or self._("group {number}").format(number=number)
        return f"{name} · {self._formats.whole(count)}"

    def groups(self, names: Sequence[str]) -> str:
        return self._("Groups: {names}.").format(names="; ".join(names))

    def question(self, text: str) -> str:
        return self._("“{text}”").format(text=text)

    def photo(self) -> str:
        return self._("Your photo")

    def marked(self) -> str:
        """Said where a question or a photo is marked."""
        return self._("What you asked for is marked, with the pictures nearest to it.")
