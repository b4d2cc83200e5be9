"""Pictures for tests, made from nothing: good ones, odd ones and bad ones.

Everything is deterministic: the same call gives the same bytes. The good pictures show a
red left half and a blue right half with a green spot in the upper left corner, so a test can
see a turned, mirrored or half-decoded picture at once.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from core.domain.errors import BadPicture
from tests.picture_files import (
    BLUE,
    GREEN,
    RED,
    SIZE,
    WHITE,
    encode,
    photo,
    png,
    scene,
    tiff,
    without_adobe_marker,
)

__all__ = [
    "BLUE",
    "GREEN",
    "RED",
    "SIZE",
    "WHITE",
    "BadFile",
    "GoodPicture",
    "bad_pictures",
    "encode",
    "good_pictures",
    "photo",
    "png",
    "scene",
    "tiff",
    "without_adobe_marker",
]


class GoodPicture(NamedTuple):
    """Bytes that must decode: ``colours`` at (x, y) of the upright picture, within ``slack``."""

    name: str
    data: bytes
    format: str
    size: tuple[int, int]
    colours: tuple[tuple[tuple[int, int], tuple[int, int, int]], ...]
    slack: int


class BadFile(NamedTuple):
    """Bytes that must give one of ``expected``; None among them: they may also decode."""

    name: str
    data: bytes
    expected: frozenset[type[BadPicture] | None]


def _colours(
    spot: tuple[int, int, int] = GREEN,
    left: tuple[int, int, int] = RED,
    right: tuple[int, int, int] = BLUE,
) -> tuple[tuple[tuple[int, int], tuple[int, int, int]], ...]:
    return (((8, 6), spot), ((24, 48), left), ((72, 32), right))


def _good(
    name: str, data: bytes, format_: str, slack: int, **colours: tuple[int, int, int]
) -> GoodPicture:
    return GoodPicture(name, data, format_, SIZE, _colours(**colours), slack)


@cache
def good_pictures() -> tuple[GoodPicture, ...]:
    """One picture of every format and colour mode that is accepted."""
    rgb = scene()
    return (*_plain(rgb), *_modes(rgb), *_transparent(rgb), *_deep(), *_turned())


def _plain(rgb: Image.Image) -> list[GoodPicture]:
    frames = [Image.new("RGB", SIZE, WHITE)]
    lossless = {"quality": 95, "subsampling": 0}
    return [
        _good("jpeg", encode(rgb, "JPEG", **lossless), "JPEG", 6),
        _good("jpeg-progressive", encode(rgb, "JPEG", progressive=True, **lossless), "JPEG", 6),
        _good("png", encode(rgb, "PNG"), "PNG", 0),
        _good("webp", encode(rgb, "WEBP", quality=95), "WEBP", 16),
        _good("webp-lossless", encode(rgb, "WEBP", lossless=True), "WEBP", 0),
        _good("bmp", encode(rgb, "BMP"), "BMP", 0),
        _good("tiff", encode(rgb, "TIFF"), "TIFF", 0),
        _good("tiff-lzw", encode(rgb, "TIFF", compression="tiff_lzw"), "TIFF", 0),
        _good("tiff-deflate", encode(rgb, "TIFF", compression="tiff_adobe_deflate"), "TIFF", 0),
        _good("tiff-jpeg", encode(rgb, "TIFF", compression="jpeg", quality=95), "TIFF", 24),
        _good("tiff-bigtiff", encode(rgb, "TIFF", big_tiff=True), "TIFF", 0),
        _good("heic", encode(rgb, "HEIF", quality=95, chroma=444), "HEIF", 12),
        _good("avif", encode(rgb, "AVIF", quality=95, subsampling="4:4:4"), "AVIF", 12),
        _good("gif", encode(_palette(rgb), "GIF"), "GIF", 0),
        _good(
            "gif-animated",
            encode(_palette(rgb), "GIF", save_all=True, append_images=frames * 3),
            "GIF",
            0,
        ),
        _good(
            "webp-animated",
            encode(rgb, "WEBP", save_all=True, append_images=frames, lossless=True),
            "WEBP",
            0,
        ),
        _good("apng", encode(rgb, "PNG", save_all=True, append_images=frames), "PNG", 0),
        _good("tiff-pages", encode(rgb, "TIFF", save_all=True, append_images=frames), "TIFF", 0),
        _good(
            "mpo", encode(rgb, "MPO", save_all=True, append_images=frames, quality=95), "JPEG", 30
        ),
    ]


def _palette(rgb: Image.Image) -> Image.Image:
    return rgb.quantize(8, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _grey(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    level = Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
    assert isinstance(level, int)
    return (level, level, level)


def _naive_cmyk(rgb: Image.Image) -> Image.Image:
    return rgb.convert("CMYK")


def _modes(rgb: Image.Image) -> list[GoodPicture]:
    grey = {"spot": _grey(GREEN), "left": _grey(RED), "right": _grey(BLUE)}
    one = rgb.convert("L").point(lambda level: 255 if level > 90 else 0).convert("1")
    bits = {"spot": WHITE, "left": (0, 0, 0), "right": (0, 0, 0)}
    cmyk = _naive_cmyk(rgb)
    cmyk_jpeg = encode(cmyk, "JPEG", quality=95)
    # Without Adobe's marker the numbers mean ink as they stand, so they are turned over.
    ink = Image.eval(cmyk, lambda level: 255 - level)
    return [
        _good("jpeg-grey", encode(rgb.convert("L"), "JPEG", quality=95), "JPEG", 4, **grey),
        _good("png-grey", encode(rgb.convert("L"), "PNG"), "PNG", 0, **grey),
        _good("tiff-grey", encode(rgb.convert("L"), "TIFF"), "TIFF", 0, **grey),
        _good("png-1bit", encode(one, "PNG"), "PNG", 0, **bits),
        _good("bmp-1bit", encode(one, "BMP"), "BMP", 0, **bits),
        _good("tiff-1bit-g4", encode(one, "TIFF", compression="group4"), "TIFF", 0, **bits),
        _good("png-palette", encode(_palette(rgb), "PNG"), "PNG", 0),
        _good("bmp-palette", encode(_palette(rgb), "BMP"), "BMP", 0),
        _good("tiff-palette", encode(_palette(rgb), "TIFF"), "TIFF", 0),
        _good("jpeg-cmyk-adobe", cmyk_jpeg, "JPEG", 8),
        _good(
            "jpeg-cmyk-plain",
            without_adobe_marker(encode(ink, "JPEG", quality=95)),
            "JPEG",
            8,
        ),
        _good("tiff-cmyk", encode(cmyk, "TIFF"), "TIFF", 1),
        _good("tiff-ycbcr", encode(rgb.convert("YCbCr"), "TIFF"), "TIFF", 3),
        _good("tiff-lab", encode(_lab(rgb), "TIFF"), "TIFF", 12),
    ]


def _lab(rgb: Image.Image) -> Image.Image:
    from PIL import ImageCms  # noqa: PLC0415 - one picture needs it

    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    result = ImageCms.applyTransform(rgb, transform)
    assert result is not None
    return result


def _transparent(rgb: Image.Image) -> list[GoodPicture]:
    """The green spot is cut out, so it shows white; the right half is half see-through."""
    alpha = Image.new("L", SIZE, 255)
    draw = ImageDraw.Draw(alpha)
    draw.rectangle((48, 0, 96, 64), fill=128)
    draw.rectangle((0, 0, 23, 15), fill=0)
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    half = tuple(round(255 + (part - 255) * 128 / 255) for part in BLUE)
    mixed = {"spot": WHITE, "right": (half[0], half[1], half[2])}
    la = rgb.convert("L")
    la.putalpha(alpha)
    level = round(255 + (_grey(BLUE)[0] - 255) * 128 / 255)
    grey = {"spot": WHITE, "left": _grey(RED), "right": (level, level, level)}
    palette = _palette(rgb)
    spot = palette.getpixel((8, 6))
    green = {"transparency": GREEN}
    return [
        _good("png-rgba", encode(rgba, "PNG"), "PNG", 1, **mixed),
        _good("webp-rgba", encode(rgba, "WEBP", lossless=True), "WEBP", 1, **mixed),
        _good("tiff-rgba", encode(rgba, "TIFF"), "TIFF", 1, **mixed),
        _good("heic-rgba", encode(rgba, "HEIF", quality=98, chroma=444), "HEIF", 14, **mixed),
        _good("avif-rgba", encode(rgba, "AVIF", quality=98), "AVIF", 16, **mixed),
        _good("png-la", encode(la, "PNG"), "PNG", 1, **grey),
        _good("tiff-la", encode(la, "TIFF"), "TIFF", 1, **grey),
        _good(
            "png-palette-one-transparent",
            encode(palette, "PNG", transparency=spot),
            "PNG",
            0,
            spot=WHITE,
        ),
        _good("gif-transparent", encode(palette, "GIF", transparency=spot), "GIF", 0, spot=WHITE),
        _good(
            "png-palette-alphas",
            encode(palette, "PNG", transparency=bytes(0 if i == spot else 255 for i in range(8))),
            "PNG",
            0,
            spot=WHITE,
        ),
        _good("png-rgb-colour-key", encode(rgb, "PNG", **green), "PNG", 0, spot=WHITE),
    ]


def _three(levels: tuple[int, int, int], dtype: str) -> np.ndarray[Any, Any]:
    """The scene in one channel: levels of the spot, the left and the right half."""
    samples = np.empty((SIZE[1], SIZE[0]), dtype)
    samples[:, :48], samples[:, 48:] = levels[1], levels[2]
    samples[:16, :24] = levels[0]
    return samples


def _rows(samples: np.ndarray[Any, Any]) -> bytes:
    """PNG rows with filter 0."""
    return b"".join(b"\0" + row.tobytes() for row in samples)


def _deep() -> list[GoodPicture]:
    """More than 8 bits a sample, where clipping would show as white, and fewer."""
    levels = (0x20FF, 0x8000, 0xC040)
    grey = {"spot": (0x20,) * 3, "left": (0x80,) * 3, "right": (0xC0,) * 3}
    sixteen = _three(levels, ">u2")
    keyed = dict(grey, spot=WHITE)
    rgb = np.stack([sixteen, sixteen // 2, sixteen // 4], axis=2).astype(">u2")
    rgb16 = {"spot": (32, 16, 8), "left": (128, 64, 32), "right": (192, 96, 48)}
    plain16 = _tiff_grey(_three(levels, "<u2"), 16)
    four = _three((3, 8, 12), "u1")
    packed = (four[:, ::2] << 4) | four[:, 1::2]
    grey4 = {"spot": (51,) * 3, "left": (136,) * 3, "right": (204,) * 3}
    unit = (_three((32, 128, 192), "<f4") / np.float32(255)).astype("<f4")
    wide = _three((-500, 1000, 4000), "<f4")
    stretched = {"spot": (0,) * 3, "left": (85,) * 3, "right": (255,) * 3}
    unsigned = _three((0, 1 << 30, 0xFFFFFFFF), "<u4")
    unsigned_grey = {"spot": (0,) * 3, "left": (64,) * 3, "right": (255,) * 3}
    signed = _three((-500, 1000, 4000), "<i2")
    inverted = {key: tuple(255 - part for part in value) for key, value in grey.items()}
    return [
        _good("png-16bit-grey", png((*SIZE, 16, 0), _rows(sixteen)), "PNG", 1, **grey),
        _good(
            "png-16bit-grey-colour-key",
            png((*SIZE, 16, 0), _rows(sixteen), (b"tRNS", struct.pack(">H", levels[0]))),
            "PNG",
            1,
            **keyed,
        ),
        _good("png-16bit-rgb", png((*SIZE, 16, 2), _rows(rgb)), "PNG", 1, **rgb16),
        _good(
            "png-16bit-rgb-colour-key",
            png((*SIZE, 16, 2), _rows(rgb), (b"tRNS", rgb[0, 0].tobytes())),
            "PNG",
            1,
            **dict(rgb16, spot=WHITE),
        ),
        _good("png-4bit-grey", png((*SIZE, 4, 0), _rows(packed)), "PNG", 0, **grey4),
        _good(
            "png-4bit-grey-colour-key",
            png((*SIZE, 4, 0), _rows(packed), (b"tRNS", struct.pack(">H", 3))),
            "PNG",
            0,
            **dict(grey4, spot=WHITE),
        ),
        _good("tiff-16bit-grey", plain16, "TIFF", 1, **grey),
        _good(
            "tiff-16bit-white-is-zero",
            _tiff_grey(_three(levels, "<u2"), 16, photometric=0),
            "TIFF",
            1,
            **inverted,
        ),
        _good("tiff-float", _tiff_grey(unit, 32, sample_format=3), "TIFF", 1, **grey),
        _good("tiff-float-wide", _tiff_grey(wide, 32, sample_format=3), "TIFF", 1, **stretched),
        _good("tiff-32bit", _tiff_grey(unsigned, 32), "TIFF", 1, **unsigned_grey),
        _good("tiff-16bit-signed", _tiff_grey(signed, 16, sample_format=2), "TIFF", 1, **stretched),
    ]


def _tiff_grey(
    samples: np.ndarray[Any, Any], bits: int, *, photometric: int = 1, sample_format: int = 1
) -> bytes:
    data = samples.tobytes()
    tags = {
        256: (3, 1, samples.shape[1]),
        257: (3, 1, samples.shape[0]),
        258: (3, 1, bits),
        259: (3, 1, 1),
        262: (3, 1, photometric),
        277: (3, 1, 1),
        278: (3, 1, samples.shape[0]),
        279: (4, 1, len(data)),
        339: (3, 1, sample_format),
    }
    return tiff(tags, data)


_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How the upright scene has to be turned to be stored with each EXIF orientation."""


def _turned() -> list[GoodPicture]:
    pictures = []
    for orientation, turn in _STORED.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = scene().transpose(turn)
        for format_, slack, options in (
            ("JPEG", 8, {"quality": 95, "subsampling": 0}),
            ("PNG", 0, {}),
            ("WEBP", 0, {"lossless": True}),
            ("TIFF", 0, {}),
            ("HEIF", 14, {"quality": 95, "chroma": 444}),
            ("AVIF", 14, {"quality": 95, "subsampling": "4:4:4"}),
        ):
            # As bytes: pillow-heif turns only these into HEIF's own properties, which are
            # what counts there (EXIF's orientation is to be ignored in HEIF files).
            data = encode(stored, format_, exif=exif.tobytes(), **options)
            pictures.append(_good(f"{format_.lower()}-turned-{orientation}", data, format_, slack))
    return pictures


def bad_pictures(seed: int = 0) -> list[BadFile]:
    """At least 200 files that are no usable picture; see ``tests/bad_pictures.py``."""
    from tests.bad_pictures import make  # noqa: PLC0415 - it imports this module

    return make(seed)
