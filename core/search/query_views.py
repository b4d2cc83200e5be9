"""Several views of one posted picture, for queries that were turned or framed.

A picture that was turned or shown as a screenshot looks less like its original than some other
view of it does: a quarter turn undoes a quarter turn, and the middle of a screen shows the
picture alone. Each view costs one encoding. Pixels are those that the encoder takes, so that
nothing is decoded twice. What it brings is measured in ``docs/damaged.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image

from core.domain.types import PixelBatch, Pixels

_INSIDE = (0.7, 0.5)
"""Shares of each edge that the views of the middle keep."""

MARGIN = 0.08
"""By how much closer (cosine) another view has to be than the picture as it is.

A right view of a turned picture is closer by 0.1 and more, a wrong view of a cropped one by
less: at 0 crops lose one point of recall@1, at 0.2 quarter turns lose four (99 stamps).
"""


class ViewKind(StrEnum):
    """Kinds of further views: the three quarter turns; the middle 70 % and 50 % of each edge."""

    TURNED = "turned"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True)
class ViewTransform:
    """How a picture is seen: after so many quarter turns counter-clockwise, and what of it.

    ``share``: of each edge, in (0, 1], of the middle that is seen.
    """

    turns: int = 0
    share: float = 1.0

    def of(self, pixels: Pixels) -> Pixels:
        """This view of a picture [h, w, 3], of the same size; turns are for squares."""
        seen = np.ascontiguousarray(np.rot90(pixels, self.turns))
        if self.share < 1:
            image = Image.fromarray(seen)
            left, top = (edge * (1 - self.share) / 2 for edge in image.size)
            box = (left, top, image.width - left, image.height - top)
            part = image.resize(image.size, Image.Resampling.BICUBIC, box=box)
            seen = np.array(part, dtype=np.uint8)
        return seen


def ways(kinds: Sequence[ViewKind], *, square: bool) -> tuple[ViewTransform, ...]:
    """The picture as it is, then its further views.

    Quarter turns are left out where the picture is no square, since the encoder takes one size.
    """
    found = [ViewTransform()]
    if ViewKind.TURNED in kinds and square:
        found += [ViewTransform(turns=turns) for turns in (1, 2, 3)]
    if ViewKind.INSIDE in kinds:
        found += [ViewTransform(share=share) for share in _INSIDE]
    return tuple(found)


def views(pixels: Pixels, kinds: Sequence[ViewKind]) -> PixelBatch:
    """The picture [h, w, 3] and its further views, by :func:`ways`: uint8 [v, h, w, 3]."""
    height, width = pixels.shape[:2]
    return np.stack([way.of(pixels) for way in ways(kinds, square=height == width)])


def closest_view(closest: Sequence[float], margin: float = MARGIN) -> int:
    """The number of the view to search with, by the best cosine that each one finds.

    The first one, the picture as it is, is kept unless another is closer by ``margin``.
    """
    plain, *others = closest
    found = np.array([plain, *(cosine - margin for cosine in others)])
    return int(found.argmax())
