"""What happens to pictures on their way through chats, at several strengths."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

EDGE = 512
"""Pixels of the longer edge at which a picture is damaged."""

_PHONE = (540, 1170)
_BACKGROUNDS = ((255, 255, 255), (18, 18, 18), (231, 222, 214))


@dataclass(frozen=True)
class Damage:
    """``strengths``, weakest first; ``asked`` is the one that views are measured on.

    ``targets`` are of recall@1, by strength; these are measured on all stamps.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    asked: float
    targets: Mapping[float, float]
    apply: Callable[[Image.Image, float, random.Random], Image.Image]


def original(image: Image.Image) -> Image.Image:
    """A picture as it is posted: transparency on white, the longer edge of 512 pixels."""
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    rgb = Image.alpha_composite(white, rgba).convert("RGB")
    scale = EDGE / max(rgb.size)
    size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
    return rgb.resize(size, Image.Resampling.BICUBIC)


def _blurred(image: Image.Image, radius: float, _rng: random.Random) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


def _recompressed(image: Image.Image, quality: float, _rng: random.Random) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(quality))
    with Image.open(file) as again:
        return again.convert("RGB")


def _cropped(image: Image.Image, percent: float, rng: random.Random) -> Image.Image:
    """So much of each edge, from anywhere."""
    width, height = (max(1, round(edge * percent / 100)) for edge in image.size)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _turned(image: Image.Image, degrees: float, _rng: random.Random) -> Image.Image:
    """Counter-clockwise, as large as it has to be, the corners white."""
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255))


def _on_a_screen(image: Image.Image, percent: float, rng: random.Random) -> Image.Image:
    """A screenshot of a phone with the picture at so much of its width, bars and lines of text."""
    background = rng.choice(_BACKGROUNDS)
    ink = (40, 40, 40) if sum(background) > 3 * 128 else (220, 220, 220)
    screen = Image.new("RGB", _PHONE, background)
    draw = ImageDraw.Draw(screen)
    width, height = _PHONE
    draw.rectangle((0, 0, width, 90), fill=(46, 125, 110))
    draw.ellipse((20, 25, 60, 65), fill=(240, 240, 240))
    draw.rectangle((80, 35, 260, 55), fill=(240, 240, 240))
    draw.rectangle((0, height - 80, width, height), fill=tuple(c // 2 + 60 for c in background))
    scale = min(width * percent / 100 / image.width, (height - 260) / image.height)
    small = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))),
        Image.Resampling.BICUBIC,
    )
    top = (height - small.height) // 2
    screen.paste(small, ((width - small.width) // 2, top))
    for line in range(2):
        below = top + small.height + 15 + 24 * line
        draw.rectangle((40, below, 40 + rng.randint(120, 400), below + 10), fill=ink)
    return screen


DAMAGES = (
    Damage("Gaussian blur", "radius in pixels", (1, 2, 4, 8, 16), 4, {4: 0.95}, _blurred),
    Damage("JPEG", "quality", (50, 20, 10, 5), 10, {10: 0.95}, _recompressed),
    # 84 % of each edge are 70 % of the picture.
    Damage(
        "crop",
        "% of each edge that is left",
        (90, 84, 80, 70, 60, 50),
        70,
        {84: 0.90, 70: 0.90},
        _cropped,
    ),
    Damage("rotation", "degrees", (5, 15, 45, 90, 180), 90, {90: 0.90}, _turned),
    Damage("screenshot", "% of the screen's width", (100, 80, 60, 40), 80, {}, _on_a_screen),
)
