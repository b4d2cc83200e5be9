"""The words of a community's settings, in one language."""

from __future__ import annotations

import gettext

from bot.i18n.formats import Formats


class CommunityWords:
    """What is said of how the bot answers in a community."""

    def __init__(self, translations: gettext.NullTranslations, formats: Formats) -> None:
        self._ = translations.gettext
        self._n = translations.ngettext
        self._formats = formats

    def heading(self) -> str:
        return self._("How I answer here")

    def saved(self) -> str:
        return self._("Saved.")

    def how_to_change(self, example: str) -> str:
        return self._("Change the numbers with the command, as: {example}").format(example=example)

    def photos(self, *, answered: bool) -> tuple[str, str]:
        value = self._("every one is answered") if answered else self._("answered when I am asked")
        return self._("Photos in this channel"), value

    def weak(self, *, shown: bool) -> tuple[str, str]:
        value = self._("shown at once") if shown else self._("shown when asked for")
        return self._("Weak matches"), value

    def count(self, count: int, *, own: bool) -> tuple[str, str]:
        return self._("Results"), self._value(self._formats.whole(count), own=own)

    def text_cooldown(self, seconds: float | None, *, own: bool) -> tuple[str, str]:
        """The pause after a question; None where there are no quotas."""
        return self._("Pause after a question"), self._pause(seconds, own=own)

    def picture_cooldown(self, seconds: float | None, *, own: bool) -> tuple[str, str]:
        """The pause after a picture; None where there are no quotas."""
        return self._("Pause after a picture"), self._pause(seconds, own=own)

    def button_photos(self, *, answer: bool) -> str:
        if answer:
            return self._("Answer every photo here")
        return self._("Answer photos only when asked")

    def button_weak(self, *, show: bool) -> str:
        return self._("Show weak matches") if show else self._("Hide weak matches")

    def button_defaults(self) -> str:
        return self._("Back to the operator's numbers")

    def _pause(self, seconds: float | None, *, own: bool) -> str:
        if seconds is None:
            return self._("none: the operator has switched quotas off")
        shown = self._formats.whole(int(seconds)) if seconds == int(seconds) else f"{seconds:g}"
        text = self._n("{count} second", "{count} seconds", int(seconds)).format(count=shown)
        return self._value(text, own=own)

    def _value(self, value: str, *, own: bool) -> str:
        return value if own else self._("{value} (the operator's)").format(value=value)
