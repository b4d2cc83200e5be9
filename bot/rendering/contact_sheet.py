"""Contact sheets and label bars as PNG. Blocking; pure functions of their arguments."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from bot.protocol.replies import LabelBar
from bot.rendering.text import Colour, Lettering
from core.domain.types import Band, Pixels

PAPER: Colour = (250, 248, 245)
INK: Colour = (36, 31, 28)
FAINT: Colour = (99, 90, 83)
LINE: Colour = (226, 219, 211)
ACCENT: Colour = (194, 84, 10)
BAND_COLOURS = {Band.STRONG: (24, 107, 60), Band.FAIR: (138, 90, 0), Band.WEAK: FAINT}

TILE = 232
QUERY_TILE = 496
_GAP = 24
_LINES = 62
_ROW = 56
_BADGE = 34
_BARS_WIDTH = 900


@dataclass(frozen=True, slots=True)
class Tile:
    """One hit of a contact sheet; ``jpeg`` None draws an empty frame.

    ``band`` is None where a score has none.
    """

    number: int
    caption: str
    score_text: str
    band: Band | None
    jpeg: bytes | None


class Painter:
    """Draws, with words in any script; None takes the fonts that there are."""

    def __init__(self, lettering: Lettering | None = None) -> None:
        self._lettering = lettering or Lettering()

    def contact_sheet(
        self,
        query: bytes | Pixels | None,
        label: str,
        tiles: Sequence[Tile],
        *,
        rtl: bool = False,
    ) -> bytes:
        """The query (JPEG or pixels) on the left, its hits with numbers and scores on the right.

        ``rtl``: the other way round, for whoever reads from right to left.
        ``label`` stands under the query. Without a query the hits fill the sheet. Three
        hits a row up to six, five a row beyond. PNG, RGB, at most 1,900 pixels wide.
        """
        columns = min(max(len(tiles), 1), 3 if len(tiles) <= 6 else 5)  # noqa: PLR2004 - above
        rows = -(-max(len(tiles), 1) // columns)
        left = _GAP + (QUERY_TILE + _GAP if query is not None else 0)
        width = left + columns * (TILE + _GAP)
        height = max(
            _GAP + rows * (TILE + _LINES + _GAP),
            2 * _GAP + QUERY_TILE + _LINES if query is not None else 0,
        )
        sheet = Image.new("RGB", (width, height), PAPER)
        draw = ImageDraw.Draw(sheet)
        if query is not None:
            x = width - _GAP - QUERY_TILE if rtl else _GAP
            self._frame(sheet, (x, _GAP), query, edge=QUERY_TILE, line=ACCENT, line_width=4)
            at = (x, _GAP + QUERY_TILE + 14)
            self._line(draw, at, label, size=24, width=QUERY_TILE, rtl=rtl)
        for index, tile in enumerate(tiles):
            x = left + index % columns * (TILE + _GAP)
            if rtl:
                x = width - x - TILE
            y = _GAP + index // columns * (TILE + _LINES + _GAP)
            self._frame(sheet, (x, y), tile.jpeg, edge=TILE, line=LINE, line_width=1)
            self._badge(draw, (x + TILE - 8 if rtl else x + 8, y + 8), str(tile.number), rtl=rtl)
            self._line(draw, (x, y + TILE + 6), tile.caption, size=20, width=TILE, rtl=rtl)
            colour = FAINT if tile.band is None else BAND_COLOURS[tile.band]
            at, said = (x, y + TILE + 34), tile.score_text
            self._line(draw, at, said, size=18, width=TILE, colour=colour, rtl=rtl)
        return _png(sheet)

    def label_bars(self, bars: Sequence[LabelBar], *, rtl: bool = False) -> bytes:
        """Each label with a bar as long as its probability and the number beside it. PNG.

        ``rtl``: labels stand on the right, and bars grow to the left.
        """
        sheet = Image.new("RGB", (_BARS_WIDTH, 2 * _GAP + _ROW * max(len(bars), 1)), PAPER)
        draw = ImageDraw.Draw(sheet)
        start, end = 300, _BARS_WIDTH - 110
        for index, bar in enumerate(bars):
            y = _GAP + index * _ROW

            def place(left: int, right: int, y: int = y) -> tuple[int, int, int, int]:
                if rtl:
                    left, right = _BARS_WIDTH - right, _BARS_WIDTH - left
                return left, y + 10, right, y + 42

            def said(text: str, left: int, right: int, y: int = y) -> None:
                at = (place(left, right)[0], y + 12)
                self._line(draw, at, text, size=24, width=right - left, rtl=rtl)

            said(bar.label, _GAP, start - _GAP)
            draw.rounded_rectangle(place(start, end), 8, fill=LINE)
            share = min(max(bar.probability, 0.0), 1.0)
            long = round(share * (end - start))
            if long:
                box = place(start, start + long)
                draw.rounded_rectangle(box, min(8, long // 2), fill=ACCENT)
            said(bar.value, end + 18, end + 108)
        return _png(sheet)

    def _frame(
        self,
        sheet: Image.Image,
        at: tuple[int, int],
        content: bytes | Pixels | None,
        *,
        edge: int,
        line: Colour,
        line_width: int,
    ) -> None:
        x, y = at
        draw = ImageDraw.Draw(sheet)
        draw.rounded_rectangle(
            (x, y, x + edge, y + edge), 12, fill=(255, 255, 255), outline=line, width=line_width
        )
        if content is None:
            return
        inner = edge - 2 * (line_width + 7)
        if isinstance(content, bytes):
            with Image.open(io.BytesIO(content)) as opened:
                shown = opened.convert("RGB")
        else:
            shown = Image.fromarray(content)
        picture = ImageOps.contain(shown, (inner, inner))
        sheet.paste(picture, (x + (edge - picture.width) // 2, y + (edge - picture.height) // 2))

    def _badge(
        self, draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, *, rtl: bool
    ) -> None:
        font = self._lettering.font(20)
        wide = max(_BADGE, round(font.getlength(text)) + 16)
        x, y = at
        if rtl:
            x -= wide
        draw.rounded_rectangle((x, y, x + wide, y + _BADGE), _BADGE // 2, fill=INK)
        draw.text((x + wide / 2, y + _BADGE / 2), text, font=font, fill=PAPER, anchor="mm")

    def _line(
        self,
        draw: ImageDraw.ImageDraw,
        at: tuple[int, int],
        text: str,
        *,
        size: int,
        width: int,
        colour: Colour = INK,
        rtl: bool = False,
    ) -> None:
        self._lettering.draw(draw, at, text, size=size, width=width, colour=colour, rtl=rtl)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
