"""The map of a collection as a PNG, with its words and thumbnails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from bot.i18n.messages import Words
from bot.rendering.map_painter import MapDrawing, MapPainter
from core.search.map import CollectionMap

Thumbnail = Callable[[str], Awaitable[bytes | None]]
"""A small JPEG of a picture by its id, None where there is none for the asker."""


class MapSheets:
    """Draws maps off the event loop."""

    def __init__(self, painter: MapPainter | None = None) -> None:
        self._painter = painter or MapPainter()

    async def draw(
        self, chart: CollectionMap, words: Words, thumbnail: Thumbnail, *, text: str = ""
    ) -> bytes:
        """A PNG of 1400 x 1100 pixels; ``text`` is the question that is marked.

        A picture without a thumbnail keeps its dot.
        """
        drawing = _drawing(chart, words, text)
        layout = await asyncio.to_thread(self._painter.plan, drawing)
        rows = list(layout.thumbnails)
        pictures = chart.snapshot.pictures
        found = await asyncio.gather(*(thumbnail(pictures[row].id) for row in rows))
        thumbnails = {row: jpeg for row, jpeg in zip(rows, found, strict=True) if jpeg is not None}
        return await asyncio.to_thread(self._painter.draw, drawing, layout, thumbnails)


def group_names(chart: CollectionMap, words: Words) -> Sequence[str]:
    """The groups of a map in words, the largest first; empty where it has none."""
    if chart.groups is None:
        return ()
    sizes = np.bincount(chart.groups.of, minlength=len(chart.groups.names)).tolist()
    return [
        words.map.group(number, name, size)
        for number, (name, size) in enumerate(zip(chart.groups.names, sizes, strict=True), start=1)
    ]


def _drawing(chart: CollectionMap, words: Words, text: str) -> MapDrawing:
    pictures = chart.snapshot.pictures
    marks = []
    if chart.text_mark is not None:
        mark = chart.text_mark
        marks.append((mark.x, mark.y, words.map.question(text), mark.nearest))
    if chart.picture_mark is not None:
        mark = chart.picture_mark
        marks.append((mark.x, mark.y, words.map.photo(), mark.nearest))
    return MapDrawing(
        points=chart.plane.points,
        caption=lambda row: words.caption(pictures[row].caption, pictures[row].path),
        title=words.map.title(chart.snapshot.collection, len(pictures)),
        foot=words.map.explained(*chart.plane.explained),
        groups=None if chart.groups is None else chart.groups.of,
        legend=group_names(chart, words),
        marks=marks,
        rtl=words.formats.direction == "rtl",
    )
