"""A picture centred on a white square and scaled, without ever making the square."""

from __future__ import annotations

import math
from typing import NamedTuple

from PIL import Image

from core.images.reduction import WHOLE, Reduction, Size, Spare, covered, fill

_WHITE = (255, 255, 255)

_STRIP_PIXELS = 1 << 22
"""How much of a padded square exists at a time: 4 Mi pixels are 16 MiB in Pillow."""

_LONGEST_PADDED_EDGE = 1 << 13
"""Longer edges are shortened to this before padding: the work grows with their square. A
photo of 50 megapixels just fits; what is longer is a panorama or an attack."""


def padded(
    image: Image.Image, reduction: Reduction, size: Size, filter_: Image.Resampling
) -> Image.Image:
    """The picture centred on a white square, scaled to ``size``, in RGB.

    Equal to pasting on the square and calling ``resize`` on it, byte for byte, for whole
    pictures with edges up to 8192 pixels (longer ones are shortened before, which nobody
    sees): Pillow scales rows first and columns afterwards, so the square is made and scaled
    strip by strip.
    """
    image, reduction = _shortened(image, reduction, filter_)
    width, height = reduction.size
    side = max(width, height)
    if width == height:
        return fill(image, reduction.spare, size, filter_)
    left, top, right, bottom = reduction.spare
    # Where white begins, a pixel that is there in part is mixed with it.
    short_edges = (0.0, top, 0.0, bottom) if width > height else (left, 0.0, right, 0.0)
    image = _on_white(image, short_edges)
    across = _margin((side - width) // 2, side, width, image.width, (left, right))
    down = _margin((side - height) // 2, side, height, image.height, (top, bottom))
    narrow = Image.new("RGB", (size[0], down.edge), _WHITE)
    rows = max(1, _STRIP_PIXELS // across.edge)
    for start in range(0, image.height, rows):
        stop = min(start + rows, image.height)
        strip = image.crop((0, start, image.width, stop))
        if across.edge > image.width:
            wide = Image.new("RGB", (across.edge, stop - start), _WHITE)
            wide.paste(strip, (across.offset, 0))
            strip = wide
        box = (across.start, 0, across.end, stop - start)
        line = covered(strip, (across.start, 0.0, across.edge - across.end, 0.0))
        scaled = line.resize((size[0], stop - start), filter_, box).convert("RGB")
        narrow.paste(scaled, (0, down.offset + start))
    column = covered(narrow, (0.0, down.start, 0.0, down.edge - down.end))
    return column.resize(size, filter_, (0, down.start, size[0], down.end)).convert("RGB")


class _Margin(NamedTuple):
    """Along one edge: ``edge`` pixels hold the square from ``start`` to ``end``.

    The image begins at pixel ``offset`` of them.
    """

    edge: int
    offset: int
    start: float
    end: float


def _margin(white: int, side: int, length: int, pixels: int, spare: tuple[float, float]) -> _Margin:
    """Room for a square of ``side`` around ``length``, which ``pixels`` stand for.

    ``white`` of the side lies before the picture; all but ``pixels`` and ``spare`` are in
    pixels of the whole picture.
    """
    scale = (pixels - spare[0] - spare[1]) / length
    before = white * scale - spare[0]
    offset = max(0, math.ceil(before))
    start = offset - before
    end = start + side * scale
    return _Margin(max(offset + pixels, math.ceil(end)), offset, start, end)


def _on_white(image: Image.Image, spare: Spare) -> Image.Image:
    if spare == WHOLE:
        return image
    white = Image.new("RGB", image.size, _WHITE)
    white.paste(image, mask=covered(image, spare))
    return white


def _shortened(
    image: Image.Image, reduction: Reduction, filter_: Image.Resampling
) -> tuple[Image.Image, Reduction]:
    side = max(image.size)
    if side <= _LONGEST_PADDED_EDGE:
        return image, reduction
    width, height = (max(1, round(edge * _LONGEST_PADDED_EDGE / side)) for edge in image.size)
    shorter = fill(image, reduction.spare, (width, height), filter_)
    return shorter, Reduction(shorter.size)
