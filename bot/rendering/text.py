"""Text in any script as pixels: a font for every letter, in the order in which it is read.

Pillow draws a line with one font, and draws a box where that font has no letter. Here a line
is cut into runs, each with a font that has its letters, in visual order. What no font has is
left out, with an ellipsis where letters are missing.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bidi.algorithm import get_base_level, get_display  # the other one mirrors no brackets
from PIL import ImageDraw, ImageFont, features

from bot.rendering.fonts import font_files, letters_of

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]

_ELLIPSIS = "…"
_AGAIN = re.compile("…(?: ?…)+")
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_ANY_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI"})
# Marks and joiners belong to the letter that they stand behind.
_ATTACHED = frozenset({"Mn", "Me", "Mc", "Cf"})
# What a sentence keeps whole (bot.i18n.direction) is one sign in the order of the others.
_ISOLATED = re.compile("([\u2066-\u2068])([^\u2066-\u2069]*)\u2069?")
_LEFT_TO_RIGHT_ISOLATE = "\u2066"
_ISOLATES = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))
_STAND_INS = "".join(map(chr, range(0x2400, 0x2427)))  # neutral in their direction
# Left out without a trace where no font has them: emoji and the like name nothing missed.
_NO_LETTERS = _ATTACHED | {"So", "Sk", "Cc", "Cs", "Co", "Cn"}


@dataclass(frozen=True, slots=True)
class Run:
    """Letters of one font. ``rtl`` ones stand in reading order and are drawn leftwards."""

    text: str
    font: int
    rtl: bool = False


class Lettering:
    """Measures and draws single lines with the first of several fonts that has each letter.

    ``files`` are TrueType or OpenType fonts or collections; None takes those of
    :func:`bot.rendering.fonts.font_files`. They are opened when first needed, which blocks. Without
    any font Pillow's built-in one is used. ``shaping`` False does without libraqm, as where Pillow
    cannot use it: Arabic letters are then not joined, and marks on letters written leftwards
    are left out.
    """

    def __init__(self, files: Sequence[Path] | None = None, *, shaping: bool = True) -> None:
        self._given = files
        self._shapes = shaping and bool(features.check("raqm"))
        self._fonts: dict[tuple[int, int], Font] = {}

    @functools.cached_property
    def _files(self) -> tuple[Path, ...]:
        return tuple(self._given) if self._given is not None else font_files()

    def draw(
        self,
        draw: ImageDraw.ImageDraw,
        at: tuple[float, float],
        text: str,
        *,
        size: int,
        width: float,
        colour: Colour,
    ) -> None:
        """Draw one line below and right of ``at``, cut to ``width`` pixels.

        A text that begins from right to left ends at the right edge of that width.
        """
        line = self.fit(text, size, width)
        if not line:
            return
        runs = self.runs(line)
        x, y = at
        if get_base_level(_ISOLATED.sub("", line)) == 1:
            x += width - self._width_of(runs, size)
        # One base line for all fonts, as far down as the first one's letters reach up.
        first = self.font(size)
        base = y + (first.getmetrics()[0] if isinstance(first, ImageFont.FreeTypeFont) else 0)
        anchor = "ls" if isinstance(first, ImageFont.FreeTypeFont) else None
        for run in runs:
            draw.text(
                (round(x), base),
                run.text,
                font=self.font(size, run.font),
                fill=colour,
                anchor=anchor,
                direction=self._direction(run),
            )
            x += self._advance(run, size)

    def font(self, size: int, number: int = 0) -> Font:
        """One of the fonts, by default the first, in so many pixels an em."""
        key = (number, size)
        if key not in self._fonts:
            layout = ImageFont.Layout.RAQM if self._shapes else ImageFont.Layout.BASIC
            self._fonts[key] = (
                ImageFont.truetype(str(self._files[number]), size, layout_engine=layout)
                if self._files
                else ImageFont.load_default(size)
            )
        return self._fonts[key]

    def fit(self, text: str, size: int, width: float) -> str:
        """One line of the text, cut with an ellipsis so that it is no wider than ``width``."""
        # A caption of megabytes is never measured whole; no font is 1/4 pixel a character wide.
        text = self._known(text[: int(width) * 4])
        if self.width(text, size) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(text[:middle].rstrip() + _ELLIPSIS, size) <= width:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + _ELLIPSIS

    def width(self, text: str, size: int) -> float:
        return self._width_of(self.runs(text), size)

    def runs(self, text: str) -> tuple[Run, ...]:
        """The line from left to right as it is seen, cut where the font or direction changes."""
        return tuple(self._runs(self._known(text)))

    def _runs(self, text: str, base: str | None = None) -> Iterator[Run]:
        apart: dict[str, tuple[str, str | None]] = {}

        def stand_in(isolate: re.Match[str]) -> str:
            if len(apart) == len(_STAND_INS):
                return isolate[2]
            sign = _STAND_INS[len(apart)]
            apart[sign] = isolate[2], "L" if isolate[1] == _LEFT_TO_RIGHT_ISOLATE else None
            return sign

        text = _ISOLATED.sub(stand_in, text).translate(_ISOLATES)
        leftwards = any(unicodedata.bidirectional(c) in _ANY_RIGHT_TO_LEFT for c in text)
        seen = str(get_display(text, base_dir=base)) if leftwards else text
        for part in re.split(f"([{''.join(apart)}])", seen) if apart else [seen]:
            if part in apart:
                yield from self._runs(*apart[part])
            else:
                yield from self._cut(part, leftwards=leftwards)

    def _cut(self, seen: str, *, leftwards: bool) -> Iterator[Run]:
        fonts = self._fonts_of(seen)
        directions = _directions(seen) if leftwards else [False] * len(seen)
        cut = groupby(zip(seen, fonts, directions, strict=True), key=lambda letter: letter[1:])
        for (font, rtl), letters in cut:
            part = "".join(letter for letter, _, _ in letters)
            if rtl and self._shapes:
                # Shaping wants the order of reading; the reordering above has turned it round.
                part = part[::-1]
            elif rtl:
                part = "".join(c for c in part if unicodedata.category(c) not in _ATTACHED)
            yield Run(part, font, rtl)

    def _known(self, text: str) -> str:
        """The text in single spaces, without what no font has: an ellipsis stands for letters."""
        text = " ".join(unicodedata.normalize("NFC", text).split())
        if not self._files or self._has(0, text):
            return text
        parts = []
        for missing, letters in groupby(text, key=lambda c: not self._is_known(c)):
            part = "".join(letters)
            if not missing:
                parts.append(part)
            elif any(unicodedata.category(c) not in _NO_LETTERS for c in part):
                parts.append(_ELLIPSIS)
        return _AGAIN.sub(_ELLIPSIS, " ".join("".join(parts).split()))

    def _is_known(self, letter: str) -> bool:
        return (
            letter.isspace()
            or ord(letter) in _ISOLATES
            or any(ord(letter) in self._letters(font) for font in range(len(self._files)))
        )

    def _fonts_of(self, text: str) -> list[int]:
        """The number of each character's font.

        Neighbours that the first font lacks share one that has them all, where there is
        one: a word in two fonts is hard to read.
        """
        if not self._files or self._has(0, text):
            return [0] * len(text)
        fonts: list[int] = []
        for plain, letters in groupby(
            text, key=lambda c: c.isspace() or ord(c) in self._letters(0)
        ):
            word = "".join(letters)
            if plain:
                fonts += [0] * len(word)
                continue
            others = range(1, len(self._files))
            whole = next((n for n in others if self._has(n, word)), None)
            fonts += [
                whole if whole is not None else next((n for n in others if self._has(n, c)), 0)
                for c in word
            ]
        return fonts

    def _has(self, font: int, text: str) -> bool:
        return self._letters(font).issuperset(map(ord, text))

    def _letters(self, font: int) -> frozenset[int]:
        return letters_of(self._files[font])

    def _width_of(self, runs: Sequence[Run], size: int) -> float:
        return sum(self._advance(run, size) for run in runs)

    def _advance(self, run: Run, size: int) -> float:
        font = self.font(size, run.font)
        return font.getlength(run.text, direction=self._direction(run))

    def _direction(self, run: Run) -> str | None:
        return "rtl" if run.rtl and self._shapes else None


def _directions(seen: str) -> list[bool]:
    """For each character in visual order, whether it belongs to letters drawn leftwards."""
    directions = [False] * len(seen)
    leftwards = False
    # Turned round, a mark stands left of its letter: from the right the letter comes first.
    for index in range(len(seen) - 1, -1, -1):
        if unicodedata.category(seen[index]) not in _ATTACHED:
            leftwards = unicodedata.bidirectional(seen[index]) in _RIGHT_TO_LEFT
        directions[index] = leftwards
    return directions
