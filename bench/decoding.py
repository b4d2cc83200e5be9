"""Photographs of cameras to the pixels of an encoder, and to thumbnails."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from PIL import Image

from bench.comparison import Comparison, Timed, timed
from core.domain.types import PixelSpec
from core.images.decode import DecodeLimits
from core.images.resize import fit_pixels
from core.images.worker import ToJpeg, ToPixels, configure_decoders, perform
from tests.photographs import photograph

_LIMITS = DecodeLimits(max_bytes=None, max_pixels=50_000_000)
_CLIP = PixelSpec(224, 224, "crop", shortest_edge=224)
_PICTURES = 4
_THUMBNAIL = 320


def _jpegs(size: tuple[int, int], options: dict[str, Any]) -> list[bytes]:
    files = []
    for seed in range(_PICTURES):
        buffer = io.BytesIO()
        photograph(size, seed).save(buffer, "JPEG", quality=90, **options)
        files.append(buffer.getvalue())
    return files


def _pixels(
    size: tuple[int, int], **options: Any
) -> Callable[[], AbstractContextManager[tuple[Timed, Timed]]]:
    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        configure_decoders(_LIMITS.max_pixels)
        files = _jpegs(size, options)

        def ours() -> None:
            for data in files:
                perform(ToPixels(data, _LIMITS, _CLIP))

        def plain() -> None:
            for data in files:
                with Image.open(io.BytesIO(data)) as image:
                    fit_pixels(image.convert("RGB"), _CLIP)

        yield timed(ours), timed(plain)

    return prepare


@contextmanager
def _thumbnails() -> Iterator[tuple[Timed, Timed]]:
    configure_decoders(_LIMITS.max_pixels)
    files = _jpegs((4032, 3024), {})

    def ours() -> None:
        for data in files:
            perform(ToJpeg(data, _LIMITS, _THUMBNAIL, 82))

    def plain() -> None:
        for data in files:
            with Image.open(io.BytesIO(data)) as image:
                small = image.convert("RGB")
                small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
                small.save(io.BytesIO(), "JPEG", quality=82, optimize=True, progressive=True)

    yield timed(ours), timed(plain)


_UNIT = f"{_PICTURES} pictures"

COMPARISONS = (
    Comparison(
        "12-megapixel JPEG to 224 pixels",
        "our decoder",
        "Pillow, every pixel",
        _UNIT,
        _pixels((4032, 3024)),
    ),
    Comparison(
        "the same, edges that no reduction divides",
        "our decoder",
        "Pillow, every pixel",
        _UNIT,
        _pixels((4031, 3021)),
    ),
    Comparison(
        "the same, progressive",
        "our decoder",
        "Pillow, every pixel",
        _UNIT,
        _pixels((4032, 3024), progressive=True),
    ),
    Comparison(
        "2-megapixel JPEG (1920 x 1080) to 224 pixels",
        "our decoder",
        "Pillow, every pixel",
        _UNIT,
        _pixels((1920, 1080)),
    ),
    Comparison(
        f"12-megapixel JPEG to a thumbnail of {_THUMBNAIL}",
        "our decoder",
        "Pillow, every pixel",
        _UNIT,
        _thumbnails,
    ),
)
