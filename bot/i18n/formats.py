"""Numbers, times and the way of writing of a language, by the CLDR's rules."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal

from bot.i18n.direction import by_its_letters, left_to_right
from core.domain.errors import Fact

_MARK = "\u200e"
_FROM_THE_RIGHT = "\u200f"
_NO_LARGER_UNIT = 10**9


class Formats:
    """The formats of one language tag, as ``pt-BR``; English for a tag nobody knows."""

    def __init__(self, locale: str) -> None:
        try:
            self._locale = Locale.parse(locale, sep="-")
        except (UnknownLocaleError, ValueError):
            self._locale = Locale("en")

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        return "rtl" if self._locale.text_direction == "rtl" else "ltr"

    def typed(self, text: str) -> str:
        """What is typed as it stands, as ``/find <words>``, for a line in this language."""
        return left_to_right(text) if self.direction == "rtl" else text

    def word(self, text: str) -> str:
        """A word of this language inside of what is typed."""
        return by_its_letters(text) if self.direction == "rtl" else text

    def listed(self, typed: Iterable[str]) -> str:
        """Things that are typed, one behind the other in the order of this language."""
        if self.direction == "ltr":
            return ", ".join(typed)
        kept = "، ".join(map(left_to_right, typed))
        return _FROM_THE_RIGHT + kept if kept else ""

    def language_names(self, languages: Iterable[str]) -> list[str]:
        """What languages are called in this one, in the order of their names."""
        names = self._locale.languages
        return sorted(names.get(language, language) for language in languages)

    def decimal(self, value: float, digits: int) -> str:
        """A number with so many digits after the point: ``0.31``, German ``0,31``.

        What rounds to zero has no sign.
        """
        # Adding 0.0 makes minus zero plus zero.
        rounded = round(value, digits) + 0.0
        text = format_decimal(rounded, format=f"#,##0.{'0' * digits}", locale=self._locale)
        # The mark before a minus does without an end; not every place knows what to do with it.
        return left_to_right(text.replace(_MARK, "")) if text.startswith(_MARK) else text

    def fact(self, fact: Fact) -> str:
        """What stands in a sentence: words as they are, a number with four digits that count."""
        if isinstance(fact, timedelta):
            return self.until(fact.total_seconds())
        if isinstance(fact, str):
            return fact
        return format_decimal(
            float(f"{fact:.4g}") if isinstance(fact, float) else fact, locale=self._locale
        )

    def whole(self, number: int) -> str:
        """A whole number, grouped: ``12,345``, German ``12.345``."""
        return format_decimal(number, locale=self._locale)

    def day(self, timestamp: float) -> str:
        """The day (UTC) of a time in seconds since the epoch: ``November 21, 2026``."""
        return format_date(datetime.fromtimestamp(timestamp, UTC), "long", locale=self._locale)

    def until(self, seconds: float) -> str:
        """How far off a moment is: ``in 3 seconds``, ``in 5 minutes``, German ``in 3 Sekunden``.

        Rounded up, so that nobody comes back too early: seconds up to two
        minutes, minutes up to two hours.
        """
        unit: Literal["second", "minute", "hour"] = "second"
        size = 1
        if seconds > 2 * 3600:
            unit, size = "hour", 3600
        elif seconds > 2 * 60:
            unit, size = "minute", 60
        return format_timedelta(
            timedelta(seconds=math.ceil(seconds / size) * size),
            granularity=unit,
            threshold=_NO_LARGER_UNIT,
            add_direction=True,
            locale=self._locale,
        )
