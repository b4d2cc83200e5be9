"""Files of a few bytes or MiB that keep a decoder busy for as long as they like.

Each is a picture as its format has it: nothing is broken, there is only too much of something.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

from tests.pictures import encode, photo, png

_MIB: Final = 1 << 20


def jpeg_scans(count: int, size: tuple[int, int] = (1536, 1536)) -> bytes:
    """A progressive JPEG with ``count`` scans, most of which say that nothing changes.

    ITU-T T.81: each is a refinement of one coefficient of the luminance over the whole picture,
    in a run of blocks to its end (EOBn). 175 bytes each at this size.
    """
    data = encode(Image.new("L", size, 128), "JPEG", progressive=True, quality=30)
    blocks = -(-size[0] // 8) * (-(-size[1] // 8))
    # A table with the single code 0 for the symbol EOB14 (0xE0): runs of 2^14 to 2^15 - 1 blocks.
    table = b"\xff\xc4" + struct.pack(">HB", 2 + 1 + 16 + 1, 0x10) + bytes([1] + [0] * 15) + b"\xe0"
    bits = ""
    while blocks > 0:
        run = min(blocks, (1 << 15) - 1)
        run = max(run, 1 << 14)
        bits += "0" + format(run - (1 << 14), "014b")
        blocks -= run
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    # One component, its table, coefficients 1 to 63, approximation 0 of 0.
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0x00, 1, 63, 0x10) + coded
    return data[:-2] + table + scan * count + b"\xff\xd9"


def _jpeg_with(segments: bytes) -> bytes:
    data = encode(photo(), "JPEG")
    return data[:2] + segments + data[2:]


def _png_chunks(name: bytes, count: int) -> bytes:
    whole = png((16, 16, 8, 0), bytes(17 * 16))
    empty = struct.pack(">I", 0) + name + struct.pack(">I", zlib.crc32(name))
    end = whole.index(b"IDAT") - 4
    return whole[:end] + empty * count + whole[end:]


def _gif(extensions: bytes) -> bytes:
    data = encode(photo().quantize(64), "GIF")
    start = 13 + 3 * (2 << (data[10] & 7))  # the header, and the global table of colours
    return data[:start] + extensions + data[start:]


def _bmp_rle(bits: int, size: tuple[int, int], data: bytes) -> bytes:
    colours = bytes(4 << bits)
    start = 14 + 40 + len(colours)
    header = struct.pack(
        "<IiiHHIIiiII", 40, *size, 1, bits, {8: 1, 4: 2}[bits], len(data), 0, 0, 1 << bits, 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + colours + data


def _tiff(entries: list[tuple[int, int, int, int]], after: bytes, next_ifd: int = 0) -> bytes:
    """``entries``: tag, type, count, value or offset; ``after`` begins at 8 + 6 + 12 each."""
    body = struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", next_ifd) + after


def _tiff_strips(count: int) -> bytes:
    """One row a strip, all of which lie at the same place."""
    start = 8 + 2 + 12 * 9 + 4
    entries = [
        (256, 4, 1, 8),
        (257, 4, 1, count),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, count, start + 8),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, count, start + 8 + 4 * count),
    ]
    offsets = struct.pack("<I", start) * count
    return _tiff(entries, bytes(8) + offsets + struct.pack("<I", 8) * count)


def _tiff_tags(count: int) -> bytes:
    """As many directory entries as there can be, each with many values at the same place."""
    values = 100_000
    start = 8 + 2 + 12 * (7 + count) + 4
    entries = [
        (256, 4, 1, 8),
        (257, 4, 1, 8),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, start),
        (279, 4, 1, 64),
        *((40_000 + number, 5, values, start) for number in range(count)),
    ]
    return _tiff(entries, bytes(8 * values))


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _full(name: bytes, version: int, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, struct.pack(">I", version << 24 | flags), *parts)


def _heif(
    brand: bytes,
    properties: list[bytes],
    size: int,
    items: list[tuple[bytes, bytes]],
    made_of: dict[int, list[int]],
) -> bytes:
    """ISO/IEC 23008-12: items from number 1 on, of a type and with data each; the first is shown.

    Equal data are there once. ``size`` is that of all that are made of others.
    """
    numbers = range(1, len(items) + 1)
    infe = [
        _full(b"infe", 2, struct.pack(">HH", number, 0), kind, b"\0")
        for number, (kind, _) in zip(numbers, items, strict=True)
    ]
    ispe = _full(b"ispe", 0, struct.pack(">II", size, size))
    whole = bytes([1, len(properties) + 1])
    coded = bytes([len(properties), *range(1, len(properties) + 1)])
    ipma = [
        struct.pack(">H", number) + (whole if number in made_of else coded) for number in numbers
    ]
    iprp = _box(
        b"iprp",
        _box(b"ipco", *properties, ispe),
        _full(b"ipma", 0, struct.pack(">I", len(items)), *ipma),
    )
    iref = _full(
        b"iref",
        0,
        *(
            _box(b"dimg", struct.pack(f">HH{len(parts)}H", number, len(parts), *parts))
            for number, parts in made_of.items()
        ),
    )
    data = b"".join(dict.fromkeys(data for _, data in items))

    def meta(place: int) -> bytes:
        extents = [
            struct.pack(">HHHII", number, 0, 1, place + data.index(own), len(own))
            for number, (_, own) in zip(numbers, items, strict=True)
        ]
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            _full(b"pitm", 0, struct.pack(">H", 1)),
            _full(b"iloc", 0, b"\x44\x00", struct.pack(">H", len(items)), *extents),
            _full(b"iinf", 0, struct.pack(">H", len(items)), *infe),
            iref,
            iprp,
        )

    head = _box(b"ftyp", brand, bytes(4), b"mif1", brand)
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", data)


def _children(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    found = []
    while start < end:
        (size,) = struct.unpack_from(">I", data, start)
        found.append((data[start + 4 : start + 8], start, start + size))
        start += size
    return found


def _tile(format_: str) -> tuple[bytes, bytes, bytes, list[bytes]]:
    """Brand, type, data and properties of one coded item of 64 x 64 pixels."""
    data = encode(Image.new("RGB", (64, 64), "orange"), format_, quality=50)
    boxes = {name: (a, b) for name, a, b in _children(data, 0, len(data))}
    a, b = boxes[b"meta"]
    inside = {name: (x, y) for name, x, y in _children(data, a + 12, b)}
    a, b = boxes[b"mdat"]
    x, y = inside[b"iprp"]
    (_, c, d), *_ = _children(data, x + 8, y)
    kept = (b"hvcC", b"av1C", b"ispe", b"pixi")
    properties = [data[p:q] for name, p, q in _children(data, c + 8, d) if name in kept]
    brand, kind = (b"heic", b"hvc1") if format_ == "HEIF" else (b"avif", b"av01")
    return brand, kind, data[a + 8 : b], properties


def grid(format_: str, n: int) -> bytes:
    """A HEIC or AVIF of n x n tiles of 64 x 64 pixels, which are all the same bytes."""
    brand, kind, tile, properties = _tile(format_)
    derived = struct.pack(">BBBBHH", 0, 0, n - 1, n - 1, 64 * n, 64 * n)
    items = [(b"grid", derived), *[(kind, tile)] * (n * n)]
    return _heif(brand, properties, 64 * n, items, {1: list(range(2, n * n + 2))})


def nested(depth: int) -> bytes:
    """A HEIC of pictures each of which is made of the next one twice: 2 to the ``depth``."""
    brand, kind, tile, properties = _tile("HEIF")
    derived = struct.pack(">BB4HHH4h", 0, 0, 0, 0, 0, 0, 64, 64, 0, 0, 0, 0)
    items = [*[(b"iovl", derived)] * depth, (kind, tile)]
    return _heif(
        brand, properties, 64, items, {number: [number + 1] * 2 for number in range(1, depth + 1)}
    )


_AFTER: Final = 8 + 2 + 12 * 9 + 4
_LOOP: Final = [
    (256, 4, 1, 8),
    (257, 4, 1, 8),
    (258, 3, 1, 8),
    (259, 3, 1, 1),
    (262, 3, 1, 1),
    (273, 4, 1, _AFTER),
    (279, 4, 1, 64),
    (330, 4, 1, 8),  # directories below this one: itself
    (34665, 4, 1, 8),  # the camera's notes: the same
]

COSTLY: Final[Mapping[str, Callable[[], bytes]]] = {
    "jpeg-2500-scans": lambda: jpeg_scans(2500),
    "jpeg-100-scans-of-50-megapixels": lambda: jpeg_scans(100, (7000, 7000)),
    "jpeg-segments": lambda: _jpeg_with(b"\xff\xfe\0\2" * (9 * _MIB // 4)),
    "jpeg-exif": lambda: _jpeg_with(b"\xff\xe1\0\x09Exif\0\0x" * (9 * _MIB // 11)),
    "jpeg-padding": lambda: _jpeg_with(b"\xff" * 9 * _MIB),
    "png-empty-data": lambda: _png_chunks(b"IDAT", 9 * _MIB // 12),
    "png-empty-chunks": lambda: _png_chunks(b"abCd", 9 * _MIB // 12),
    "png-empty-texts": lambda: _png_chunks(b"tEXt", 9 * _MIB // 12),
    "gif-comments": lambda: _gif(b"!\xfe" + b"\1x" * (9 * _MIB // 2) + b"\0"),
    "gif-extensions": lambda: _gif(b"!\xf9\4\0\0\0\0\0" * (9 * _MIB // 8)),
    "bmp-rle4": lambda: _bmp_rle(4, (7000, 7000), b"\xff\x11" * 200_000),
    "bmp-rle8-lines": lambda: _bmp_rle(8, (50_000, 1000), b"\1\1\0\0" * 1000),
    "bmp-rle8-runs": lambda: _bmp_rle(8, (2400, 2000), b"\1\1" * (9 * _MIB // 2)),
    "tiff-strips": lambda: _tiff_strips(1_000_000),
    "tiff-tags": lambda: _tiff_tags(10_000),
    "tiff-loop": lambda: _tiff(_LOOP, bytes(64), next_ifd=8),
    "heic-grid": lambda: grid("HEIF", 100),
    "avif-grid": lambda: grid("AVIF", 100),
    "heic-nested": lambda: nested(30),
}
"""By name: files within 10 MiB and 50 megapixels."""
