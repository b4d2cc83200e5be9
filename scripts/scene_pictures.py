"""Pictures with words, and pictures that move, of which docs/words.md and docs/moving.md tell.

``python -m scripts.scene_pictures FOLDER`` makes them of the demo gallery's stamps.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from recipes.memes import own_fonts
from tests.moving import animation, video

_SIZE = (640, 480)
_MEMES = (
    ("blackcat.png", "WHEN THE TESTS PASS", "ON THE FIRST TRY"),
    ("firetruck.png", "WHO DARES TO", "MERGE ON FRIDAY"),
    ("caribou.png", "ONE DOES NOT SIMPLY", "READ THE MANUAL"),
    ("bluebird.png", "GOOD MORNING", "COFFEE FIRST"),
)
_STILLS = ("apple_red.png", "banana.png", "rose.png", "guitar_classical.png", "clockface.png")
_ANIMATION = ("apple_green.png", "banana.png", "truck.png")
_VIDEO = ("banana.png", "blackcat.png", "clockface.png")
_SECONDS = 12
_RATE = 2


def write_pictures(stamps: Path, folder: Path) -> Path:
    """Memes, stills, a GIF and an MP4 of twelve seconds, of the stamps below a folder."""

    def drawn(name: str) -> Image.Image:
        with Image.open(min(stamps.rglob(name))) as image:
            drawing = ImageOps.contain(image.convert("RGBA"), _SIZE)
        ground = Image.new("RGBA", _SIZE, "white")
        left, top = ((whole - edge) // 2 for whole, edge in zip(_SIZE, drawing.size, strict=True))
        ground.alpha_composite(drawing, (left, top))
        return ground.convert("RGB")

    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, *lines) in enumerate(_MEMES):
        _written(drawn(name), lines).save(folder / f"IMG_{number:04}.jpg", quality=85)
    for number, name in enumerate(_STILLS):
        drawn(name).save(folder / f"IMG_{1000 + number}.png")
    gif, mp4 = (_lasting([drawn(name) for name in names]) for names in (_ANIMATION, _VIDEO))
    (folder / "IMG_2001.gif").write_bytes(animation(gif, duration=1000 // _RATE))
    (folder / "IMG_2002.mp4").write_bytes(video(mp4, rate=_RATE))
    return folder


def _written(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    font = ImageFont.truetype(own_fonts()[0], 46)
    draw = ImageDraw.Draw(image)
    for line, anchor, y in zip(lines, ("mt", "mb"), (16, image.height - 16), strict=True):
        at = (image.width / 2, y)
        draw.text(at, line, "white", font, anchor, stroke_width=4, stroke_fill="black")
    return image


def _lasting(views: Sequence[Image.Image]) -> list[Image.Image]:
    each = _SECONDS * _RATE // len(views)
    return [view for view in views for _ in range(each)]


if __name__ == "__main__":
    write_pictures(Path("data/demo"), Path(sys.argv[1]))
