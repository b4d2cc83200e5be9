"""Several views of one posted picture, for queries that were turned, cropped or framed.

A picture that was damaged looks less like its original than some other view of it does: a
quarter turn undoes a quarter turn, a part of a screenshot shows the picture alone, and a
picture set on a wider canvas is as small again as it was before it was cropped. Each view
costs one encoding; pixels are those that the encoder takes, so that nothing is decoded twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from PIL import Image

from core.ports import VectorIndex
from core.types import PixelBatch, Pixels, Vectors

_WHITE = 255

_ALIKE = 12
"""Levels of 255 by which pixels of one plain margin differ at most; JPEG leaves about 8."""

_LEAST_TRIM = 0.04
"""Share of an edge below which a margin is part of the picture, not of a frame."""

_INSIDE = (0.7, 0.5)
_OUTSIDE = (0.7,)
"""Scales of the views: of the middle that is cut out, of the picture on its wider canvas."""


class View(StrEnum):
    """Kinds of further views; the picture as it is always comes first.

    ``TURNED``: three quarter turns (3 encodings). ``INSIDE``: the middle 70 % and 50 % (2).
    ``OUTSIDE``: on a white canvas, at 70 % (1). ``TRIMMED``: without plain margins, where
    there are any (1 or none).
    """

    TURNED = "turned"
    INSIDE = "inside"
    OUTSIDE = "outside"
    TRIMMED = "trimmed"


def views(pixels: Pixels, kinds: Sequence[View]) -> PixelBatch:
    """The picture [h, w, 3] and its further views: uint8 [v, h, w, 3], the picture first.

    Quarter turns are left out where the picture is no square, since the encoder takes one size.
    """
    found = [pixels]
    height, width = pixels.shape[:2]
    if View.TURNED in kinds and height == width:
        found += [np.rot90(pixels, turns) for turns in (1, 2, 3)]
    image = Image.fromarray(pixels)
    if View.INSIDE in kinds:
        for share in _INSIDE:
            left, top = (edge * (1 - share) / 2 for edge in (width, height))
            found.append(_fitted(image, (left, top, width - left, height - top)))
    if View.OUTSIDE in kinds:
        found += [_on_canvas(image, share) for share in _OUTSIDE]
    if View.TRIMMED in kinds:
        box = content_box(pixels)
        if box is not None:
            found.append(_squared(image, box))
    return np.ascontiguousarray(np.stack(found))


def content_box(pixels: Pixels) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is inside plain margins; None where there are none.

    A margin is a run of rows or columns at an edge in which all pixels have nearly one colour,
    as the bars around a picture on a screen.
    """
    top, bottom = _content(pixels)
    left, right = _content(pixels[top:bottom].transpose(1, 0, 2))
    height, width = pixels.shape[:2]
    least_rows, least_columns = _LEAST_TRIM * height, _LEAST_TRIM * width
    cut = (left >= least_columns, top >= least_rows, width - right >= least_columns)
    if not any((*cut, height - bottom >= least_rows)) or right <= left or bottom <= top:
        return None
    return left, top, right, bottom


def closest_view(index: VectorIndex, vectors: Vectors) -> int:
    """The number of the view [v, d] to which some picture of the index is closest of all.

    Ties keep the earlier one, and so an undamaged picture is searched for as it is. Blocking.
    """
    if len(vectors) == 1 or len(index) == 0:
        return 0
    scores, _ = index.search(vectors, 1)
    return int(scores[:, 0].argmax())


def _content(pixels: Pixels) -> tuple[int, int]:
    """First row that is not plain, and the one behind the last such."""
    spread = pixels.max(axis=1).astype(np.int16) - pixels.min(axis=1)
    busy = np.flatnonzero((spread > _ALIKE).any(axis=1))
    return (int(busy[0]), int(busy[-1]) + 1) if busy.size else (0, len(pixels))


def _fitted(image: Image.Image, box: tuple[float, float, float, float]) -> Pixels:
    return np.array(image.resize(image.size, Image.Resampling.BICUBIC, box=box), dtype=np.uint8)


def _on_canvas(image: Image.Image, share: float) -> Pixels:
    width, height = (max(1, round(edge * share)) for edge in image.size)
    canvas = Image.new("RGB", image.size, (_WHITE, _WHITE, _WHITE))
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    canvas.paste(small, ((image.width - width) // 2, (image.height - height) // 2))
    return np.array(canvas, dtype=np.uint8)


def _squared(image: Image.Image, box: tuple[int, int, int, int]) -> Pixels:
    """The part, padded to a square on white as pictures are, at the encoder's size."""
    part = image.crop(box)
    side = max(part.size)
    square = Image.new("RGB", (side, side), (_WHITE, _WHITE, _WHITE))
    square.paste(part, ((side - part.width) // 2, (side - part.height) // 2))
    return np.array(square.resize(image.size, Image.Resampling.BICUBIC), dtype=np.uint8)
