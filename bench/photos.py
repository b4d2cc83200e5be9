"""A folder of 12-megapixel JPEGs as a camera writes them, made once and kept."""

from __future__ import annotations

import itertools
from pathlib import Path

from PIL import Image

from bench.machine import KEPT
from tests.photographs import photograph

SIZE = (4032, 3024)
"""12.2 megapixels, as telephones have them."""

_SCENES = 4
_TURNS = (
    None,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.FLIP_TOP_BOTTOM,
)
_QUALITIES = (90, 92)


def camera_folder(count: int) -> Path:
    """A folder of so many of them, 32 at most, no two alike: a few scenes, mirrored and turned.

    Making a scene takes seconds, so that they stay in ``.cache``.
    """
    folder = KEPT / f"camera-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    for number, (quality, turn, seed) in enumerate(
        itertools.islice(itertools.product(_QUALITIES, _TURNS, range(_SCENES)), count)
    ):
        file = folder / f"{number:02}.jpg"
        if not file.exists():
            scene = photograph(SIZE, seed)
            picture = scene if turn is None else scene.transpose(turn)
            partial = file.with_suffix(".part")
            picture.save(partial, "JPEG", quality=quality)
            partial.rename(file)
    return folder
