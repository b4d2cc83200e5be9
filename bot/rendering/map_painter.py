"""The map as a PNG. Blocking; a pure function of its arguments."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from bot.rendering.contact_sheet import ACCENT, FAINT, INK, LINE, PAPER
from bot.rendering.map_layout import Box, Layout, Wanted, lay_out
from bot.rendering.text import Colour, Lettering
from core.search.projection import Points

SIZE = (1400, 1100)
"""Width and height of a map in pixels."""

PALETTE: Sequence[Colour] = (
    *((31, 119, 180), (230, 126, 20), (44, 140, 60), (200, 40, 45)),
    *((120, 85, 190), (140, 86, 75), (215, 100, 175), (110, 110, 110)),
    *((160, 160, 20), (20, 165, 180), (10, 60, 110), (90, 60, 20)),
)
"""Colours of groups, each with a number on the map, for people who cannot tell all apart."""

_PLAIN: Colour = (242, 160, 70)
_LABEL = 14
_LABEL_WIDTH = 190
_MARK_WIDTH = 320
# Up to so many dots, their radius in pixels: paper is to be left between them.
_RADII = ((2_000, 4), (20_000, 2), (float("inf"), 1))
_HEAD, _FOOT, _EDGE, _LEGEND = 64, 58, 20, 290


@dataclass(frozen=True, slots=True)
class MapDrawing:
    """What a map says.

    ``caption`` names a row, ``legend`` the groups; ``foot`` tells what the axes are worth.
    ``marks`` are questions: their place on the plane, their label, and the rows nearest to them.
    ``rtl``: the words around the plane stand the other way round; the plane itself stays.
    """

    points: Points
    caption: Callable[[int], str]
    title: str
    foot: str
    groups: NDArray[np.int64] | None = None
    legend: Sequence[str] = ()
    marks: Sequence[tuple[float, float, str, Sequence[int]]] = ()
    rtl: bool = False

    @property
    def nearest(self) -> tuple[int, ...]:
        """The rows nearest to any mark, each once."""
        return tuple(dict.fromkeys(row for *_, rows in self.marks for row in rows))


class MapPainter:
    """Draws maps, with words in any script; None takes the fonts that there are."""

    def __init__(self, lettering: Lettering | None = None) -> None:
        self._lettering = lettering or Lettering()

    def plan(self, drawing: MapDrawing) -> Layout:
        """Where everything goes: its ``thumbnails`` tell whose pictures :meth:`draw` wants."""
        width, height = SIZE
        room = _LEGEND if drawing.legend else 0
        left, right = (room, 0) if drawing.rtl else (0, room)
        area = Box(_EDGE + left, _HEAD, width - _EDGE - right, height - _FOOT)
        marks = [
            (x, y, self._wide(text, size=_LABEL + 2, most=_MARK_WIDTH))
            for x, y, text, _ in drawing.marks
        ]
        wanted = Wanted(
            points=drawing.points,
            label_width=lambda row: self._wide(drawing.caption(row)),
            marks=marks,
            nearest=drawing.nearest,
            groups=drawing.groups,
        )
        return lay_out(wanted, area)

    def draw(self, drawing: MapDrawing, layout: Layout, thumbnails: Mapping[int, bytes]) -> bytes:
        """A PNG, RGB, of ``SIZE``. ``thumbnails`` are JPEGs by row; whose is missing, is a dot."""
        sheet = Image.new("RGB", SIZE, PAPER)
        draw = ImageDraw.Draw(sheet)
        self._dots(draw, drawing, layout)
        for mark, (_, _, _, nearest) in zip(layout.marks, drawing.marks, strict=True):
            for row in nearest:
                box = layout.thumbnails.get(row)
                end = box.middle if box is not None else tuple(layout.dots[row].tolist())
                draw.line((*mark, *end), fill=ACCENT, width=2)
        for row, box in layout.thumbnails.items():
            if row in thumbnails:
                self._thumbnail(sheet, drawing, row, box, thumbnails[row])
        for row, box in layout.labels.items():
            self._chip(draw, box, drawing.caption(row), size=_LABEL, fill=PAPER, colour=INK)
        for number, box in layout.badges.items():
            self._badge(draw, box.middle, number)
        for number, (x, y) in enumerate(layout.marks):
            self._mark(draw, x, y)
            chip = layout.mark_labels.get(number)
            if chip is not None:
                text = drawing.marks[number][2]
                self._chip(draw, chip, text, size=_LABEL + 2, fill=ACCENT, colour=PAPER)
        self._frame(draw, drawing)
        out = io.BytesIO()
        sheet.save(out, "PNG")
        return out.getvalue()

    def _frame(self, draw: ImageDraw.ImageDraw, drawing: MapDrawing) -> None:
        width, height = SIZE
        room = width - 2 * _EDGE
        line = partial(self._lettering.draw, draw, rtl=drawing.rtl)
        line((_EDGE, 16), drawing.title, size=26, width=room, colour=INK)
        line((_EDGE, height - 38), drawing.foot, size=17, width=room, colour=FAINT)
        named = _LEGEND - 36 - _EDGE
        badge, start = width - _LEGEND + 14, width - _LEGEND + 36
        if drawing.rtl:
            badge, start = width - badge, width - start - named
        y = _HEAD + 14
        for number, name in enumerate(drawing.legend):
            self._badge(draw, (badge, y + 13), number)
            line((start, y + 3), name, size=17, width=named, colour=INK)
            y += 38

    def _dots(self, draw: ImageDraw.ImageDraw, drawing: MapDrawing, layout: Layout) -> None:
        radius = next(size for most, size in _RADII if len(layout.dots) <= most)
        for row, (x, y) in enumerate(layout.dots.tolist()):
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=_colour(drawing, row))

    @staticmethod
    def _thumbnail(
        sheet: Image.Image, drawing: MapDrawing, row: int, box: Box, jpeg: bytes
    ) -> None:
        line = 1
        colour = LINE
        if row in drawing.nearest:
            line, colour = 3, ACCENT
        elif drawing.groups is not None:
            line, colour = 3, _colour(drawing, row)
        corners = (box.left, box.top, box.right - 1, box.bottom - 1)
        draw = ImageDraw.Draw(sheet)
        draw.rectangle(corners, fill=(255, 255, 255), outline=colour, width=line)
        inner = box.right - box.left - 2 * line - 2
        with Image.open(io.BytesIO(jpeg)) as opened:
            picture = ImageOps.contain(opened.convert("RGB"), (inner, inner))
        x, y = box.middle
        sheet.paste(picture, (round(x - picture.width / 2), round(y - picture.height / 2)))

    def _chip(
        self,
        draw: ImageDraw.ImageDraw,
        box: Box,
        text: str,
        *,
        size: int,
        fill: Colour,
        colour: Colour,
    ) -> None:
        corners = (box.left, box.top, box.right - 1, box.bottom - 1)
        draw.rounded_rectangle(corners, 5, fill=fill)
        at = (box.left + 5, box.top + (box.bottom - box.top - size) / 2 - 2)
        room = box.right - box.left - 8
        self._lettering.draw(draw, at, text, size=size, width=room, colour=colour)

    def _badge(self, draw: ImageDraw.ImageDraw, at: tuple[float, float], number: int) -> None:
        x, y = at
        box = (x - 12, y - 12, x + 12, y + 12)
        draw.ellipse(box, fill=PALETTE[number % len(PALETTE)], outline=PAPER, width=2)
        font = self._lettering.font(14)
        draw.text((x, y), str(number + 1), font=font, fill=(255, 255, 255), anchor="mm")

    @staticmethod
    def _mark(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
        for radius, fill in ((12, PAPER), (10, ACCENT), (6, PAPER), (3, ACCENT)):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

    def _wide(self, text: str, *, size: int = _LABEL, most: int = _LABEL_WIDTH) -> float:
        if not text:
            return 0.0
        return min(self._lettering.width(self._lettering.fit(text, size, most), size), most) + 10


def _colour(drawing: MapDrawing, row: int) -> Colour:
    if drawing.groups is None:
        return _PLAIN
    return PALETTE[int(drawing.groups[row]) % len(PALETTE)]
