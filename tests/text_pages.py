"""Pages of text: the same margins and letters, other words."""

from __future__ import annotations

import random
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont

_FONT = Path(mpl.__file__).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
_WORDS = [
    "the",
    "lease",
    "tenant",
    "shall",
    "pay",
    "rent",
    "landlord",
    "agreement",
    "month",
    "flour",
    "sugar",
    "butter",
    "oven",
    "bake",
    "minutes",
    "add",
    "stir",
    "question",
    "answer",
    "marks",
    "explain",
    "compare",
    "figure",
    "table",
    "above",
    "student",
    "date",
    "number",
]


def page(seed: int, size: tuple[int, int] = (425, 550), letters: int = 9) -> Image.Image:
    """A page with a title and paragraphs, drawn from the seed."""
    rng = random.Random(seed)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(_FONT), letters)
    title = ImageFont.truetype(str(_FONT), 2 * letters)
    margin, width = size[0] // 10, size[0] * 8 // 10
    draw.text((margin, margin * 3 // 4), " ".join(rng.choices(_WORDS, k=3)), "black", title)
    top = margin * 7 // 4
    while top < size[1] - margin:
        lines = rng.randint(3, 9)
        for line in range(lines):
            full = width if line < lines - 1 else rng.randint(width // 4, width)
            text = ""
            while draw.textlength(text, font) < full - 3 * letters:
                text += rng.choice(_WORDS) + " "
            if top < size[1] - margin:
                draw.text((margin, top), text, "black", font)
            top += letters * 7 // 5
        top += letters
    return image


def full_page(seed: int, letters: int = 14) -> Image.Image:
    """A page whose lines all have the same width and distance, as a text without paragraphs."""
    rng = random.Random(seed)
    image = Image.new("RGB", (620, 877), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(_FONT), letters)
    for top in range(60, 820, letters * 3 // 2):
        text = ""
        while draw.textlength(text, font) < 500:
            text += rng.choice(_WORDS) + " "
        draw.text((60, top), text, "black", font)
    return image
