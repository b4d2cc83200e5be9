"""How much work a picture makes beside its pixels: counted before anything is decoded.

Formats let a file of a few bytes ask for any amount of work: passes over the same pixels, parts
that hold nothing, pictures made of pictures. What is counted here is at the least ten times what
cameras and programs write, and takes a decoder a second or two at the most.
"""

from __future__ import annotations

import io
import re
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

import numpy as np

from core.images.errors import too_complex

MAX_SCANS: Final = 100
"""Passes over a JPEG. libjpeg's progressive files have 10, the smallest known ones under 30."""

_SCANS_OF_LARGE: Final = 20
_SCANNED_PIXELS: Final = 1_000_000_000
"""The product of passes and pixels: one of 50 megapixels may have 20."""

_JPEG_SEGMENTS: Final = 500
"""Segments in front of a JPEG's data. Large metadata come in pieces of 64 KiB."""

_JPEG_PADDING: Final = 4096
"""Bytes between segments, which Pillow skips one by one."""

_PNG_CHUNKS: Final = 2000
_PNG_CHUNK_BYTES: Final = 1024
"""A PNG may have so many chunks, and one for each so many bytes. libpng writes 8 KiB in each."""

_BMP_PIXELS: Final = 4_000_000
_BMP_BYTES: Final = 4 << 20
"""Run lengths of a BMP are undone in Python, pixel by pixel."""

_TIFF_PARTS: Final = 1 << 16
"""Strips or tiles: more than 50 megapixels have in tiles of 32 x 32, or of one row each."""

_BOXES: Final = 1000

META_BYTES: Final = 1 << 20
"""So much of an AVIF's or HEIC's ``meta`` box is read at most."""

_ITEMS: Final = 1000
"""Items of a HEIF or AVIF file: libheif's own bound. Phones write some 200."""


# ITU-T T.81, table B.1.
_MARK: Final = 0xFF
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xDA)})
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_PROGRESSIVE: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_PIECE: Final = 1 << 24
"""Bytes that are looked through at a time."""


def check_effort(name: str, file: BinaryIO, size: int) -> None:
    """Raises PictureTooComplex for a file of format ``name`` that makes too much work.

    Leaves the file at another place. Reads next to nothing of usual files (all of a progressive
    JPEG); what is broken passes, for the decoder to tell.
    """
    check = _CHECKS.get(name)
    if check is not None:
        try:
            check(file, size)
        except (struct.error, IndexError):  # it ends early
            return


def _jpeg(file: BinaryIO, size: int) -> None:
    """ITU-T T.81, B.1 and B.2."""
    del size
    at, frame = _header(file)
    if frame is None:
        return
    marker, pixels, components = frame
    # All colours in one full pass: nothing after it is read.
    if marker not in _PROGRESSIVE and file.read(1)[0] >= components:
        return
    allowed = min(MAX_SCANS, max(_SCANS_OF_LARGE, _SCANNED_PIXELS // max(pixels, 1)))
    # Metadata may hold what looks like a scan, and pictures of their own: those are skipped.
    if _marks(file) > allowed and _scans(file, at, allowed) > allowed:
        raise too_complex("JPEG", allowed)


def _header(file: BinaryIO) -> tuple[int, tuple[int, int, int] | None]:
    """Where the first scan begins, and its frame: marker, pixels, and components (None: none).

    The file is left behind the length of the scan's own header.
    """
    at, segments, padding, frame = 2, 0, 0, None
    while True:
        file.seek(at)
        mark, marker, length = struct.unpack(">BBH", file.read(4))
        if mark != _MARK or marker in {0x00, _MARK}:
            at, padding = at + 1, padding + 1
        elif marker == _SOS:
            return at, frame
        elif marker in _ALONE:
            at, segments = at + 2, segments + 1
        else:
            if marker in _FRAMES:
                height, width, components = struct.unpack(">xHHB", file.read(6))
                frame = marker, width * height, components
            at, segments = at + 2 + max(length, 2), segments + 1
        if padding > _JPEG_PADDING:
            raise too_complex("JPEG", _JPEG_PADDING)
        if segments > _JPEG_SEGMENTS:
            raise too_complex("JPEG", _JPEG_SEGMENTS)


def _marks(file: BinaryIO) -> int:
    """How often FF DA stands anywhere in the file: no fewer than there are scans."""
    file.seek(0)
    found, last = 0, b""
    while piece := file.read(_PIECE):
        both = np.frombuffer(last + piece if last else piece, np.uint8)
        # Four times as fast as bytes.count.
        found += int(np.count_nonzero((both[:-1] == _MARK) & (both[1:] == _SOS)))
        last = piece[-1:]
    return found


def _scans(file: BinaryIO, at: int, enough: int) -> int:
    """The number of scans from the first one, at ``at``, to the end; or more than enough."""
    file.seek(at)
    data = file.read()
    scans, tables, at = 1, 0, 2
    while scans <= enough:
        found = _MARKER.search(data, at)
        if found is None or data[found.end() - 1] == _EOI:
            break
        scans += data[found.end() - 1] == _SOS
        tables += 1
        if tables > 10 * MAX_SCANS:
            return enough + 1
        (length,) = struct.unpack_from(">H", data, found.end())
        at = found.end() + length
    return scans


def _png(file: BinaryIO, size: int) -> None:
    """PNG (third edition), 5.3."""
    allowed = _PNG_CHUNKS + size // _PNG_CHUNK_BYTES
    at = 8
    for _ in range(allowed):
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"IEND":
            return
        at += 12 + length
    raise too_complex("PNG", allowed)


def _bmp(file: BinaryIO, size: int) -> None:
    """BITMAPINFOHEADER: width, height, planes and bits, compression."""
    file.seek(14)
    header, width, height, compression = struct.unpack("<Iii4xI", file.read(20))
    if header < 40 or compression not in {1, 2}:  # noqa: PLR2004 - BI_RLE8, BI_RLE4
        return
    if width * abs(height) > _BMP_PIXELS or size > _BMP_BYTES:
        raise too_complex("BMP", _BMP_PIXELS)


def _tiff(file: BinaryIO, size: int) -> None:
    """TIFF 6.0, section 2, and BigTIFF: the first directory."""
    del size
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", head, 2)[0] == 43  # noqa: PLR2004 - BigTIFF's number
    start, count, entry = ("8xQ", "Q", "HHQQ") if big else ("4xI", "H", "HHII")
    file.seek(struct.unpack_from(order + start, head)[0])
    (entries,) = struct.unpack(order + count, file.read(struct.calcsize(order + count)))
    width = struct.calcsize(order + entry)
    found = file.read(width * min(entries, 1 << 16))
    for tag, _, parts, _ in struct.iter_unpack(order + entry, found[: len(found) // width * width]):
        if tag in {273, 324} and parts > _TIFF_PARTS:  # offsets of strips, of tiles
            raise too_complex("TIFF", _TIFF_PARTS)


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of what is inside of each box (ISO/IEC 14496-12, 4.2)."""
    for _ in range(_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        (size,), name, inside = struct.unpack_from(">I", head), head[4:8], start + 8
        if size == 1:
            (size,), inside = struct.unpack_from(">Q", head, 8), start + 16
        stop = start + size if size else end
        if stop < inside:
            return
        yield name, inside, min(stop, end)
        start = stop


def boxes_end_early(file: BinaryIO) -> bool:
    """Whether the last box of a file says that it is longer than the file."""
    size, end = file.seek(0, io.SEEK_END), 0
    for _, _, end in boxes(file, 0, sys.maxsize):
        if end + 8 > size:  # no room for another head
            break
    return size < end < sys.maxsize  # one without a length goes on to the end


def _heif(file: BinaryIO, size: int) -> None:
    """ISO/IEC 14496-12, 8.11.6: the items of the file, tiles of a grid among them."""
    for name, start, end in boxes(file, 0, size):
        if name != b"meta":
            continue
        for inner, here, _ in boxes(file, start + 4, end):
            if inner == b"iinf":
                file.seek(here)
                head = file.read(8)
                [count] = struct.unpack_from(">I" if head[0] else ">H", head, 4)
                if count > _ITEMS:
                    raise too_complex("HEIC/AVIF", _ITEMS)
        return


_CHECKS: Final[Mapping[str, Callable[[BinaryIO, int], None]]] = MappingProxyType(
    {"JPEG": _jpeg, "PNG": _png, "BMP": _bmp, "TIFF": _tiff, "HEIF": _heif, "AVIF": _heif}
)
