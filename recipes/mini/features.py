"""Caches what the frozen image tower says of every training picture, in several views.

The first view of a picture is what the product sees (transparency on white, padded to a
square); the others are augmented: flipped, cropped, turned, on another background, smaller
in the frame, without colour, or blurred by a low resolution. One file a source, float16
[pictures, views, 1280]; a source that is cached already is skipped.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from core.encoder.mini.towers import IMAGE_FEATURES, IMAGE_SIZE, image_tower
from recipes.mini.sources import Captioned

SEED = 7
"""Of the augmented views."""

_FLIPPED, _TURNED, _GREY, _COARSE = 0.5, 0.4, 0.2, 0.2
"""How often a view is mirrored, turned by up to 15 degrees, without colour, of few pixels."""

_ON_WHITE, _ON_BLACK = 0.35, 0.2
"""How often the background is white or black; otherwise it is of any colour."""

_DECODED_EDGE = 448
"""Pictures are shortened to twice the tower's edge before they are augmented."""


@dataclass(frozen=True)
class Features:
    """Features of one source: ``vectors`` float16 [n, views, 1280], rows as ``keys``."""

    keys: tuple[str, ...]
    vectors: NDArray[np.float16]


class ImageTower:
    """The frozen tower on the CPU, one picture at a time (faster there than batches)."""

    def __init__(self) -> None:
        model: Any = image_tower()
        self._model = model.to(memory_format=torch.channels_last)

    def __call__(self, image: Image.Image) -> NDArray[np.float16]:
        """Features of an RGB picture of the tower's size: float16 [1280]."""
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        values = (pixels.float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            features: torch.Tensor = self._model(values).pooler_output[0]
        return features.numpy().astype(np.float16)


def cached_features(
    name: str, pictures: Sequence[Captioned], views: int, cache: Path, tower: ImageTower
) -> Features:
    """The features of one source, computed at the first call; broken pictures are left out."""
    listed = "\0".join([str(SEED), *(picture.key for picture in pictures)])
    digest = hashlib.sha256(listed.encode()).hexdigest()[:8]
    file = cache / f"{name}-{views}-{digest}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        keys, rows = [], []
        for picture in track(pictures, description=name):
            image = opened(picture.path)
            if image is not None:
                keys.append(picture.key)
                rows.append([tower(view(image, picture.key, n)) for n in range(views)])
        vectors = np.array(rows, dtype=np.float16).reshape(-1, views, IMAGE_FEATURES)
        part = file.with_suffix(".part.npz")
        np.savez(part, keys=np.array(keys), vectors=vectors)
        part.rename(file)
    with np.load(file) as stored:
        return Features(tuple(stored["keys"].tolist()), stored["vectors"])


def opened(path: Path) -> Image.Image | None:
    """A picture as RGBA, shortened; None where it cannot be read."""
    try:
        with Image.open(path) as image:
            rgba = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    rgba.thumbnail((_DECODED_EDGE, _DECODED_EDGE), Image.Resampling.BICUBIC)
    return rgba


def view(image: Image.Image, key: str, number: int) -> Image.Image:
    """View ``number`` of a picture, RGB of the tower's size; 0 is the plain one."""
    if number == 0:
        return _on_square(image, (255, 255, 255), 0.0)
    seed = hashlib.sha256(f"{SEED}/{key}/{number}".encode()).digest()
    rng = random.Random(seed)
    image = _cropped(image, rng)
    if rng.random() < _FLIPPED:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < _TURNED:
        image = image.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True)
    fitted = _on_square(image, _background(rng), rng.uniform(0.0, 0.25))
    if rng.random() < _GREY:
        fitted = fitted.convert("L").convert("RGB")
    if rng.random() < _COARSE:
        edge = rng.randint(28, 64)
        small = fitted.resize((edge, edge), Image.Resampling.BICUBIC)
        fitted = small.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    return fitted


def _cropped(image: Image.Image, rng: random.Random) -> Image.Image:
    width, height = (max(1, round(edge * rng.uniform(0.7, 1.0))) for edge in image.size)
    left = rng.randint(0, image.width - width)
    top = rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _background(rng: random.Random) -> tuple[int, int, int]:
    kind = rng.random()
    if kind < _ON_WHITE:
        return (255, 255, 255)
    if kind < _ON_WHITE + _ON_BLACK:
        return (0, 0, 0)
    return (rng.randrange(256), rng.randrange(256), rng.randrange(256))


def _on_square(image: Image.Image, background: tuple[int, int, int], margin: float) -> Image.Image:
    """Centred on a square whose edge is longer by ``margin`` on each side, then scaled."""
    side = max(1, round(max(image.size) * (1.0 + 2.0 * margin)))
    square = Image.new("RGBA", (side, side), (*background, 255))
    offset = ((side - image.width) // 2, (side - image.height) // 2)
    square.alpha_composite(image, offset)
    return square.convert("RGB").resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
