"""What kind of file bytes are, told by the bytes and never by a name."""

from __future__ import annotations

import re
import struct
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")
"""Pillow's names of everything that is accepted."""

_ACCEPTED: Final = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF"

SHOWN_VIDEOS: Final = MappingProxyType({"MP4": "MP4/MOV", "MATROSKA": "WebM/MKV"})
"""Our names of what is read as a video, and those for people."""

DEMUXERS: Final = MappingProxyType({"MP4": "mov", "MATROSKA": "matroska"})
"""FFmpeg's names of them."""

VIDEO_PACKAGE: Final = "av"
"""What reading videos needs beside the program itself: its extra ``video``."""

HEAD_BYTES: Final = 512
"""The bytes of a file's beginning that :func:`sniff` and the like read."""

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)

# "BM" alone also begins many a text; the size of the second header has few values.
_BMP_HEADER_SIZES: Final = frozenset({12, 40, 52, 56, 64, 108, 124})

# Brands of ISO/IEC 23008-12 (HEIF) and of the AV1 image format; "mif1" and "msf1" say only
# that it is a picture in such a box, so the more telling brands are looked for first.
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis", b"MA1A", b"MA1B"})
_HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)

# Pictures in such a box that no decoder here reads: a header of few bytes ("mini"), others'
# codecs (VVC, EVC, JPEG, JPEG 2000, none), and what has but the box's own brand.
_MINI_BRAND: Final = b"mif3"
_BOXED: Final = frozenset(
    {b"mif2", b"vvic", b"vvis", b"evbi", b"evmi", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"unif"}
)

_EBML: Final = b"\x1aE\xdf\xa3"

# What people send by mistake: names of formats, which are the same in every language.
_FOREIGN: Final = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"8BPS", "Photoshop"),
    (b"PK\x03\x04", "ZIP/Office"),
    (b"\x1f\x8b", "gzip"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7z"),
    (_EBML, "Matroska"),
    (b"ID3", "MP3"),
    (b"OggS", "Ogg"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II\xbc", "JPEG XR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"v/1\1", "OpenEXR"),
    (b"farbfeld", "farbfeld"),
    (b"qoif", "QOI"),
)

# PBM, PGM, PPM, PAM and PFM, of which the second letter tells which, and white space follows.
_PNM: Final = re.compile(rb"P[1-7Ff][ \t\r\n]")

# An icon has at least one picture; Targa's header has zeros there, and no other mark.
_ICON: Final = re.compile(rb"\0\0([\1\2])\0(?!\0\0)", re.DOTALL)

# What follows "ftyp" in JPEG 2000's and QuickTime's kin.
_JPEG_2000_BRANDS: Final = frozenset({b"jp2 ", b"jpx ", b"jpm ", b"jph ", b"mjp2"})
_RAW_BRAND: Final = b"crx "
_MARKUP: Final = (
    (b"<svg", "SVG"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
)


@cache
def reads_videos() -> bool:
    """Whether PyAV is installed. Imports nothing."""
    return find_spec(VIDEO_PACKAGE) is not None


def accepted() -> str:
    """The names of all that is accepted, for people."""
    return ", ".join((_ACCEPTED, *SHOWN_VIDEOS.values())) if reads_videos() else _ACCEPTED


def sniff(head: bytes) -> str | None:
    """Pillow's name of the accepted format that a file with this beginning claims to be.

    ``head`` is at least the first :data:`HEAD_BYTES` bytes, or all there are. None where it
    is none of :data:`FORMATS`.
    """
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    brands = _brands(head)
    # Its boxes are others, whatever else it says it is.
    if head[8:12] == _MINI_BRAND:
        return None
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def sniff_video(head: bytes) -> str | None:
    """The name among :data:`SHOWN_VIDEOS` of a video with this beginning; None: it is none.

    ``head`` as for :func:`sniff`.
    """
    if head.startswith(_EBML):
        return "MATROSKA"
    brands = _brands(head)
    if brands:
        others = (_AVIF_BRANDS, _HEIF_BRANDS, _JPEG_2000_BRANDS, _BOXED, {_MINI_BRAND, _RAW_BRAND})
        return None if any(brands & other for other in others) else "MP4"
    # QuickTime's files may begin with any of these, without a brand.
    return "MP4" if head[4:8] in {b"moov", b"mdat", b"wide"} else None


def foreign(head: bytes) -> str | None:  # noqa: PLR0911 - a return for each kind
    """The format of a file that is no accepted picture, as ``PDF``; None: unknown."""
    for signature, name in _FOREIGN:
        if head.startswith(signature):
            return name
    if icon := _ICON.match(head):
        return "ICO" if icon[1] == b"\1" else "CUR"
    if _PNM.match(head):
        return "PNM"
    brands = _brands(head)
    if _RAW_BRAND in brands:
        return "CR3"
    if brands & _JPEG_2000_BRANDS:
        return "JPEG 2000"
    if unread := brands & (_BOXED | {_MINI_BRAND}):
        return f"HEIF ({min(unread).decode()})"
    if brands:
        return "MP4/MOV"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    text = head.lower()
    return next((words for mark, words in _MARKUP if mark in text), None)


def ends_early(name: str, head: bytes, size: int) -> bool:
    """Whether the file says of itself that it is longer than its ``size`` in bytes.

    Only formats that write their length at the beginning can tell; False for the others.
    """
    if name == "WEBP":
        declared = int.from_bytes(head[4:8], "little") + 8
    elif name == "BMP":
        declared = int.from_bytes(head[2:6], "little")
    else:
        return False
    return size < declared


def sample_bits(name: str, head: bytes) -> int:
    """Bits of one colour sample as a PNG's header states them; 8 for every other format."""
    return head[24] if name == "PNG" and len(head) > 24 else 8  # noqa: PLR2004 - 13.1 of PNG


def _brands(head: bytes) -> frozenset[bytes]:
    """Major and compatible brands of an ISO base media file; empty for anything else."""
    if head[4:8] != b"ftyp" or len(head) < 12:  # noqa: PLR2004 - size, "ftyp", major brand
        return frozenset()
    (size,) = struct.unpack_from(">I", head)
    end = min(size, len(head))
    compatible = {head[at : at + 4] for at in range(16, end - 3, 4)}
    return frozenset(compatible | {head[8:12]})
