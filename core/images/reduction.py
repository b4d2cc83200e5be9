"""What is left to know of a picture that came out of its decoder smaller than it is."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

from PIL import Image

Size = tuple[int, int]
"""Width and height in pixels."""

Spare = tuple[float, float, float, float]
"""How much of a pixel, 0 to below 1, lies outside at the left, top, right and bottom."""

WHOLE: Final[Spare] = (0.0, 0.0, 0.0, 0.0)

_LEFT, _TOP, _RIGHT, _BOTTOM = range(4)

# EXIF orientation -> which side of the picture, as it lies in the file, becomes the left,
# top, right and bottom one when it is turned upright.
_SIDES: Final = {
    2: (_RIGHT, _TOP, _LEFT, _BOTTOM),
    3: (_RIGHT, _BOTTOM, _LEFT, _TOP),
    4: (_LEFT, _BOTTOM, _RIGHT, _TOP),
    5: (_TOP, _LEFT, _BOTTOM, _RIGHT),
    6: (_BOTTOM, _LEFT, _TOP, _RIGHT),
    7: (_BOTTOM, _RIGHT, _TOP, _LEFT),
    8: (_TOP, _RIGHT, _BOTTOM, _LEFT),
}


@dataclass(frozen=True, slots=True)
class Reduction:
    """A picture of ``size`` was reduced by a whole number; ``spare`` lies outside of it.

    501 pixels become 126 of four each, the last of which is there by a quarter only: its
    spare part is 0.75. Whoever scales on as if there were 504 pixels shifts everything by up
    to a pixel, which is 27 to 90 levels of 255 at the edges of things.
    """

    size: Size
    spare: Spare = WHOLE

    def turned(self, orientation: int) -> Reduction:
        """The same of the picture turned upright from this EXIF orientation."""
        sides = _SIDES.get(orientation)
        if sides is None:
            return self
        left, top, right, bottom = (self.spare[side] for side in sides)
        return Reduction(turned_size(self.size, orientation), (left, top, right, bottom))


def turned_size(size: Size, orientation: int) -> Size:
    """Width and height once turned upright from this EXIF orientation, or back."""
    # Orientations 5 to 8 lie on their side (EXIF 2.32, table 6).
    return (size[1], size[0]) if 5 <= orientation <= 8 else size  # noqa: PLR2004 - see above


def inside(image: Image.Image, spare: Spare) -> tuple[float, float, float, float]:
    """The box of ``image`` that the picture fills: left, top, right and bottom."""
    return (
        spare[_LEFT],
        spare[_TOP],
        image.width - spare[_RIGHT],
        image.height - spare[_BOTTOM],
    )


def fill(
    image: Image.Image,
    spare: Spare,
    size: Size,
    filter_: Image.Resampling,
    reducing_gap: float | None = None,
) -> Image.Image:
    """What the picture fills of the RGB ``image``, scaled to fill ``size``; in RGB.

    ``reducing_gap`` is Pillow's: where set, averages do what goes beyond it.
    """
    whole = covered(image, spare)
    return whole.resize(size, filter_, inside(image, spare), reducing_gap).convert("RGB")


def covered(image: Image.Image, spare: Spare) -> Image.Image:
    """The RGB ``image`` with what its outermost pixels weigh as alpha; itself without spare.

    Pillow scales colours weighted by alpha, so a quarter of a pixel counts as a quarter.
    """
    if spare == WHOLE:
        return image
    alpha = Image.new("L", image.size, 255)
    left, top, right, bottom = (1.0 - part for part in spare)
    across = ((0, left), (image.width - 1, right))
    down = ((0, top), (image.height - 1, bottom))
    for column, weight in across:
        alpha.paste(round(255 * weight), (column, 0, column + 1, image.height))
    for row, weight in down:
        alpha.paste(round(255 * weight), (0, row, image.width, row + 1))
    for (column, one), (row, other) in itertools.product(across, down):
        alpha.putpixel((column, row), round(255 * one * other))
    result = image.copy()
    result.putalpha(alpha)
    return result
