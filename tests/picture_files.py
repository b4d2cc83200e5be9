"""Files of pictures, by Pillow's encoders and by hand."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

RED, BLUE, GREEN, WHITE = (220, 30, 40), (30, 50, 210), (20, 180, 60), (255, 255, 255)

SIZE = (96, 64)
"""Width and height of the good pictures."""


def encode(image: Image.Image, format_: str, **options: Any) -> bytes:
    """The picture as a file of Pillow's format of this name."""
    if format_ == "HEIF":
        pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def scene(size: tuple[int, int] = SIZE) -> Image.Image:
    """Red left, blue right, a green spot in the upper left corner; mode RGB."""
    width, height = size
    image = Image.new("RGB", size, RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height), fill=BLUE)
    draw.rectangle((0, 0, width // 4 - 1, height // 4 - 1), fill=GREEN)
    return image


def photo(size: tuple[int, int] = (160, 120), seed: int = 7) -> Image.Image:
    """Something with detail everywhere, so that a file of it cannot be cut unnoticed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def without_adobe_marker(jpeg: bytes) -> bytes:
    """The JPEG with its APP14 segment taken out."""
    at = jpeg.index(b"\xff\xee")
    length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[:at] + jpeg[at + 2 + length :]


def png(
    header: tuple[int, int, int, int], data: bytes, *chunks: tuple[bytes, bytes], end: bool = True
) -> bytes:
    """A PNG by hand: (width, height, bits, colour type), filtered rows, chunks before them."""
    width, height, bits, colour = header
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)), *chunks]
    parts.append((b"IDAT", zlib.compress(data, 9)))
    if end:
        parts.append((b"IEND", b""))
    out = b"\x89PNG\r\n\x1a\n"
    for kind, body in parts:
        out += struct.pack(">I", len(body)) + kind + body
        out += struct.pack(">I", zlib.crc32(kind + body))
    return out


def tiff(tags: dict[int, tuple[int, int, int]], data: bytes = b"") -> bytes:
    """A little-endian TIFF by hand: tag -> (type, count, value), then ``data`` at its end.

    Tag 273 (where the data begin) is filled in.
    """
    offset = 8 + 2 + 12 * (len(tags) + 1) + 4
    entries = dict(sorted({**tags, 273: (4, 1, offset)}.items()))
    out = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, (kind, count, value) in entries.items():
        out += struct.pack("<HHII", tag, kind, count, value)
    return out + struct.pack("<I", 0) + data
