"""How much of a picture is of a colour that the fake encoder knows."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tests.fakes import COLOURS

_NEAR = 60
"""Distance of red, green and blue together up to which a pixel is of a colour."""


def share_of(data: bytes, hue: str) -> float:
    """The share of a picture's pixels that are near a named colour."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    return float(np.mean(np.abs(pixels - np.array(COLOURS[hue])).sum(axis=2) < _NEAR))
