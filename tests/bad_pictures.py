"""Files that are no usable picture: cut, lying, disguised, or made to hurt."""

from __future__ import annotations

import io
import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image

from core.domain.errors import (
    BadPicture,
    DamagedPicture,
    DecodingFailed,
    NotAPicture,
    TooManyPixels,
)
from tests.pictures import BadFile, encode, photo, png, tiff

Expected = type[BadPicture] | None

ANY: tuple[Expected, ...] = (None, DamagedPicture, NotAPicture, TooManyPixels, DecodingFailed)
"""What a file with single wrong bytes may give: a picture or any typed error."""


@cache
def whole_files() -> dict[str, bytes]:
    """One file of each format and kind of compression, none of which can be cut unnoticed."""
    image = photo()
    return {
        "jpeg": encode(image, "JPEG", quality=90),
        "jpeg-progressive": encode(image, "JPEG", quality=90, progressive=True),
        "png": encode(image, "PNG"),
        "webp": encode(image, "WEBP", quality=80),
        "webp-lossless": encode(image, "WEBP", lossless=True),
        "gif": encode(image.quantize(64), "GIF"),
        "bmp": encode(image, "BMP"),
        "tiff": encode(image, "TIFF"),
        "tiff-lzw": encode(image, "TIFF", compression="tiff_lzw"),
        "heic": encode(image, "HEIF", quality=80),
        "avif": encode(image, "AVIF", quality=80),
    }


def make(seed: int) -> list[BadFile]:
    """All bad files; ``seed`` decides over the random ones. Names are unique."""
    rng = np.random.default_rng(seed)
    files = [
        BadFile(name, data, frozenset(expected))
        for name, data, *expected in itertools.chain(
            _cut(),
            _not_pictures(rng),
            _headers_only(),
            _polyglots(),
            _lies(),
            _bombs(),
            _flips(rng),
        )
    ]
    assert len({file.name for file in files}) == len(files)
    return files


Case = tuple[str | bytes | Expected, ...]


def _cut() -> Iterator[Case]:
    """Cut up to nine tenths must not give a half-grey picture; the last bytes may be spare."""
    for name, data in whole_files().items():
        for tenth in range(1, 10):
            yield f"{name}-cut-{tenth}0%", data[: len(data) * tenth // 10], DamagedPicture
        for missing in (1, 2, 12):
            yield f"{name}-cut-last-{missing}", data[:-missing], DamagedPicture, None
        yield f"{name}-cut-20-bytes", data[:20], DamagedPicture, NotAPicture


def _not_pictures(rng: np.random.Generator) -> Iterator[Case]:
    svg = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    files = {
        "empty": b"",
        "one-byte": b"\xff",
        "zeros": bytes(4096),
        "text": b"Orange fruits grow on trees.\n" * 40,
        "text-called-bm": b"BMW builds cars, and this is a text about them." * 9,
        "text-called-riff": b"RIFFraff is a word for people one looks down upon." * 9,
        "svg": svg,
        "html": b"<!DOCTYPE html><html><body><img src=x></body></html>",
        "html-error-page": b"<html><head><title>404 Not Found</title></head></html>",
        "json": b'{"error": {"code": "not_found"}}',
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "eps-dos": b"\xc5\xd0\xd3\xc6" + bytes(60),
        "pdf": b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n%%EOF",
        "gzip": b"\x1f\x8b\x08" + bytes(60),
        "psd": b"8BPS\0\1" + bytes(60),
        "ico": b"\0\0\1\0\1\0" + bytes(60),
        "jpeg-xl": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(60),
        "jpeg-2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
        "mp3": b"ID3\4" + bytes(60),
        "elf": b"\x7fELF" + bytes(60),
        "pickle": b"cos\nsystem\n(S'true'\ntR.",
        "pcx": b"\n\5\1\x08" + bytes(124),
        "ppm": b"P6 4 4 255 " + bytes(48),
        "tga": bytes(2) + b"\2" + bytes(9) + b"\4\0\4\0\x18\0" + bytes(48),
        "sgi": b"\x01\xda\0\1" + bytes(508),
        "dds": b"DDS |\0\0\0" + bytes(120),
        "icns": b"icns\0\0\0\x08" + bytes(60),
        "fits": b"SIMPLE  =                    T" + b" " * 2850,
    }
    for name, data in files.items():
        yield name, data, NotAPicture
    for number in range(12):
        yield f"random-{number}", b"\0" + rng.bytes(int(rng.integers(1, 5000))), NotAPicture


def _headers_only() -> Iterator[Case]:
    for name, data in {
        "jpeg": b"\xff\xd8\xff\xe0",
        "png": b"\x89PNG\r\n\x1a\n",
        "gif": b"GIF89a",
        "webp": b"RIFF\x1a\0\0\0WEBPVP8 ",
        "bmp": b"BM" + bytes(12) + b"\x28\0\0\0",
        "tiff": b"II*\0\x08\0\0\0",
        "bigtiff": b"MM\0+\0\x08\0\0",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
        "mp4": b"\0\0\0\x18ftypisom\0\0\2\0isommp42",
        "webm": b"\x1aE\xdf\xa3",
    }.items():
        yield f"{name}-header-only", data, DamagedPicture
        yield f"{name}-header-and-zeros", data + bytes(2000), DamagedPicture
        yield f"{name}-header-and-text", data + b"<script>alert(1)</script>" * 40, *ANY[1:4]


def _polyglots() -> Iterator[Case]:
    """Two files in one: what it begins as is what it is, or nothing."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(zipfile.ZipInfo("run.sh"), "true")
    page = b"<html><script>alert(1)</script></html>"
    jpeg, gif = whole_files()["jpeg"], whole_files()["gif"]
    yield "zip-then-jpeg", archive.getvalue() + jpeg, NotAPicture
    yield "html-then-gif", page + gif, NotAPicture
    yield "pdf-then-jpeg", b"%PDF-1.7\n" + jpeg, NotAPicture
    yield "jpeg-then-zip", jpeg + archive.getvalue(), None
    yield "gif-then-html", gif + page, None
    yield "gif-is-script", b"GIF89a/*" + bytes(30) + b"*/=1;alert(1);", *ANY[1:4]
    yield "png-signature-then-jpeg", b"\x89PNG\r\n\x1a\n" + jpeg, DamagedPicture
    yield "jpeg-then-text-inside", jpeg[:200] + page * 50 + jpeg[200:], *ANY


def _patched(name: str, old: bytes, new: bytes) -> bytes:
    data = whole_files()[name]
    assert old in data
    return data.replace(old, new, 1)


def _lies() -> Iterator[Case]:
    """The header states a size within the budget that the data do not keep."""
    frame = struct.pack(">HH", 120, 160)
    yield "jpeg-says-6000", _patched("jpeg", frame, struct.pack(">HH", 6000, 6000)), *ANY[:2]
    yield "png-says-6000", png((6000, 6000, 8, 2), b"\0" * 9000), DamagedPicture
    yield "png-says-1", png((1, 1, 8, 2), bytes(9_000_000)), DamagedPicture, None
    yield "png-without-data", png((9, 9, 8, 2), b""), DamagedPicture
    yield "png-of-no-size", png((0, 9, 8, 2), b"\0"), DamagedPicture
    yield "png-of-odd-depth", png((9, 9, 7, 2), bytes(999)), DamagedPicture
    yield "png-of-odd-colour", png((9, 9, 8, 5), bytes(999)), DamagedPicture
    yield "png-palette-missing", png((9, 9, 8, 3), bytes(90)), DamagedPicture, None
    size = struct.pack("<HH", 160, 120)
    yield "gif-says-6000", _patched("gif", size, struct.pack("<HH", 6000, 6000)), *ANY[:2]
    yield "bmp-says-3000", _bmp(3000, 3000), DamagedPicture
    yield "bmp-of-no-size", _bmp(0, 0), DamagedPicture
    yield "tiff-says-6000", _tiff(6000, 6000), DamagedPicture
    yield "tiff-of-no-size", _tiff(0, 0), DamagedPicture
    yield "tiff-data-elsewhere", tiff({256: (3, 1, 9), 257: (3, 1, 9)}), DamagedPicture, None
    yield "tiff-endless-directory", b"II*\0" + struct.pack("<IH", 8, 65535), DamagedPicture
    yield "tiff-huge-tag", _tiff(9, 9, (700, (1, 0xFFFFFFFF, 0))), DamagedPicture, None
    canvas = struct.pack("<I", 159)[:3] + struct.pack("<I", 119)[:3]
    webp = _webp_extended(6000, 6000)
    assert canvas not in webp
    yield "webp-says-6000", webp, DamagedPicture
    small = struct.pack(">II", 8, 8)
    box = struct.pack(">II", 160, 120)
    yield "heic-says-8", _patched("heic", box, small), *ANY
    yield "avif-says-8", _patched("avif", box, small), *ANY


def _bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 64, 0, 0, 54) + header + bytes(10)


def _tiff(
    width: int,
    height: int,
    *more: tuple[int, tuple[int, int, int]],
    compression: int = 1,
    data: bytes = b"",
) -> bytes:
    tags = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, compression),
        262: (3, 1, 1),
        277: (3, 1, 1),
        278: (4, 1, height),
        279: (4, 1, len(data) or width * height % (1 << 32)),
    }
    return tiff(tags | dict(more), data)


def _webp_extended(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas
    frame = whole_files()["webp"][12:]
    return b"RIFF" + struct.pack("<I", len(body + frame)) + body + frame


def _bombs() -> Iterator[Case]:
    """Small files that would become gigabytes, or take for ever."""
    huge = 60_000
    jpeg_size = struct.pack(">HH", 120, 160)
    vp8l = b"\x2f" + struct.pack("<I", 16382 | 16382 << 14) + bytes(40)
    lossless = b"RIFF" + struct.pack("<I", 12 + len(vp8l)) + b"WEBPVP8L"
    box = struct.pack(">II", 160, 120)
    gif_size = struct.pack("<HH", 160, 120)
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 160, 120)
    wide_frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 65535, 65535)
    for name, data in {
        "png-1bit-400-megapixels": png((20_000, 20_000, 1, 0), bytes(2501 * 20_000)),
        "png-grey-101-megapixels": png((10_050, 10_050, 8, 0), bytes(10_051 * 10_050)),
        "png-of-2-to-the-31": png(((1 << 31) - 1, (1 << 31) - 1, 8, 6), bytes(99)),
        "png-16bit-rgba": png((huge, huge, 16, 6), bytes(99)),
        "png-one-row-over": png((50_000_001, 1, 8, 0), bytes(99)),
        "jpeg-65500": _patched("jpeg", jpeg_size, struct.pack(">HH", 65_500, 65_500)),
        "jpeg-progressive-65500": _patched(
            "jpeg-progressive", jpeg_size, struct.pack(">HH", 65_500, 65_500)
        ),
        "gif-65535": _patched("gif", gif_size, b"\xff" * 4),
        "gif-frame-65535": _patched("gif", frame, wide_frame),
        "bmp-huge": _bmp(huge, huge),
        "bmp-upside-down-huge": _bmp(huge, -huge),
        "tiff-huge": _tiff(huge, huge),
        "tiff-deflate-huge": _tiff(huge, huge, compression=8, data=zlib.compress(bytes(1 << 20))),
        "webp-canvas-16777216": _webp_extended(1 << 24, 1 << 24),
        "webp-canvas-16000": _webp_extended(16_000, 16_000),
        "webp-lossless-16383": lossless + struct.pack("<I", len(vp8l)) + vp8l,
        "heic-30000": _patched("heic", box, struct.pack(">II", 30_000, 30_000)),
        "avif-16000": _patched("avif", box, struct.pack(">II", 16_000, 16_000)),
    }.items():
        # libheif and libavif have limits of their own and call such a file broken.
        expected = (
            (TooManyPixels, DamagedPicture) if name[:4] in ("heic", "avif") else (TooManyPixels,)
        )
        yield f"bomb-{name}", data, *expected
    row = (1, 1, 8, 2), bytes(4)
    text = b"Comment\0\0" + zlib.compress(bytes(100 << 20), 9)
    yield "bomb-png-text-100-mib", png(*row, (b"zTXt", text)), DamagedPicture, None
    many = [(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000), 9))] * 200
    yield "bomb-png-text-200-chunks", png(*row, *many), DamagedPicture, None
    itxt = b"k\0\1\0\0\0" + zlib.compress(bytes(100 << 20), 9)
    yield "bomb-png-itxt", png(*row, (b"iTXt", itxt)), DamagedPicture, None
    profile = b"icc\0\0" + zlib.compress(bytes(100 << 20), 9)
    yield "bomb-png-profile", png(*row, (b"iCCP", profile)), DamagedPicture, None
    yield "bomb-gif-3000-frames", _frames("GIF", 3000), None
    yield "bomb-webp-500-frames", _frames("WEBP", 500), None
    yield "bomb-gif-repeat", whole_files()["gif"][:-1] + b"!\xff\x0b" * 50_000, None
    deflate = zlib.compress(bytes(7000 * 7000), 9)
    yield "bomb-tiff-in-budget", _tiff(7000, 7000, compression=8, data=deflate), None
    yield "bomb-png-49-megapixels", png((7000, 7000, 8, 0), bytes(7001 * 7000)), None


def _frames(format_: str, count: int) -> bytes:
    frames = (Image.new("P", (16, 16), number % 2) for number in range(count))
    first = Image.new("P", (16, 16), 3)
    return encode(first, format_, save_all=True, append_images=frames)


def _flips(rng: np.random.Generator) -> Iterator[Case]:
    """Whole files with some random bytes changed: whatever comes, it has a type."""
    for name, data in whole_files().items():
        for number in range(4):
            damaged = bytearray(data)
            for place in rng.integers(0, len(data), 1 + 4 * number):
                damaged[place] = rng.integers(0, 256)
            yield f"{name}-flipped-{number}", bytes(damaged), *ANY
