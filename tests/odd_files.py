"""Files of pictures that are odd, but whole: chunks, brands, markers, orders and profiles.

Each is drawn from a seed: a plain file of a format, and some of the oddities that programs leave
in such files. Nothing that is missing in them belongs to the picture.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from tests.picture_files import encode, scene
from tests.profiles import BT2020, profile

SIZE = (72, 56)

Rng = np.random.Generator


class OddFile(NamedTuple):
    """Bytes, and what is odd about them.

    ``whole``: what a browser is to be given for them; ``slack``: mean levels of 255 by which
    decoders differ.
    """

    name: str
    data: bytes
    whole: bytes
    slack: float


def odd_files(seed: int, count: int) -> list[OddFile]:
    """``count`` files of every format in turn: of HEIC, AVIF is what Chromium shows."""
    rng = np.random.default_rng(seed)
    makers = (_png, _jpeg, _gif, _bmp, _webp, _avif, _heic)
    return [makers[number % len(makers)](rng) for number in range(count)]


def _drawing(rng: Rng, mode: str) -> Image.Image:
    """The scene with a smooth part, and where there is alpha, all degrees of it."""
    image = scene(SIZE)
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        left, top = int(rng.integers(0, SIZE[0] - 20)), int(rng.integers(0, SIZE[1] - 20))
        colour = tuple(int(each) for each in rng.integers(0, 256, 3))
        draw.ellipse((left, top, left + 20, top + 18), fill=colour)
    if "A" in mode:
        ramp = np.linspace(0, 255, SIZE[0], dtype=np.uint8)
        image.putalpha(Image.fromarray(np.tile(ramp, (SIZE[1], 1))))
    return image.convert(mode)


Oddity = tuple[str, Callable[[Rng, bytes], bytes]]


def _some(rng: Rng, data: bytes, oddities: list[Oddity], most: int = 3) -> tuple[str, bytes]:
    chosen = rng.choice(len(oddities), size=int(rng.integers(1, most + 1)), replace=False)
    names = []
    # In the order of the list: what cuts the end comes last.
    for number in sorted(int(each) for each in chosen):
        name, change = oddities[number]
        names.append(name)
        data = change(rng, data)
    return "+".join(names), data


# PNG


def chunk(name: bytes, data: bytes, *, wrong: bool = False) -> bytes:
    """A PNG's chunk; with a ``wrong`` checksum."""
    return (
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data) ^ wrong)
    )


def png_chunks(png: bytes) -> list[bytes]:
    """All chunks, whole."""
    chunks, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        chunks.append(png[at : at + 12 + length])
        at += 12 + length
    return chunks


def with_chunk(png: bytes, more: bytes, before: bytes = b"IDAT") -> bytes:
    """The PNG with a chunk in front of the first one of this name."""
    at = png.index(before) - 4
    return png[:at] + more + png[at:]


def _insert(name: bytes, data: bytes, *, wrong: bool = False, late: bool = False) -> Any:
    before = b"IEND" if late else b"IDAT"
    return lambda _, png: with_chunk(png, chunk(name, data, wrong=wrong), before)


def _split_pixels(rng: Rng, png: bytes) -> bytes:
    parts = []
    for each in png_chunks(png):
        if each[4:8] != b"IDAT":
            parts.append(each)
            continue
        data = each[8:-4]
        step = int(rng.integers(1, 40))
        for at in range(0, len(data), step):
            parts.append(chunk(b"IDAT", data[at : at + step]))
            if step == 1 and len(parts) > 1500:
                parts.append(chunk(b"IDAT", data[at + step :]))
                break
    return png[:8] + b"".join(parts)


_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


def _turning(rng: Rng) -> bytes:
    """EXIF of any orientation, and of none that is known."""
    return _EXIF[:-8] + struct.pack(">HHI", int(rng.integers(0, 10)), 0, 0)


_PNG: list[Oddity] = [
    ("text with a wrong checksum", _insert(b"tEXt", b"Comment\0x", wrong=True)),
    ("text of an unknown compression", _insert(b"zTXt", b"Comment\0\x07abc")),
    ("text that is no zlib", _insert(b"zTXt", b"Comment\0\0abc")),
    ("a text of 1.5 MB", _insert(b"zTXt", b"A\0\0" + zlib.compress(bytes(1_500_000)))),
    ("XMP of 1.5 MB", _insert(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"x" * 1_500_000)),
    ("an empty iTXt", _insert(b"iTXt", b"")),
    ("a text without a keyword", _insert(b"tEXt", b"")),
    ("a profile of 1.3 MB", _insert(b"iCCP", b"p\0\0" + zlib.compress(b"p" * 1_300_000))),
    ("a profile that is none", _insert(b"iCCP", b"p\0\0" + zlib.compress(b"no profile"))),
    ("a profile of an unknown compression", _insert(b"iCCP", b"p\0\x05abc")),
    ("a profile with a wrong checksum", _insert(b"iCCP", b"p\0\0x\x9c", wrong=True)),
    ("a private chunk", _insert(b"prVt", b"whatever")),
    ("a private chunk with a wrong checksum", _insert(b"prVt", b"whatever", wrong=True)),
    ("transparency of a wrong length", _insert(b"tRNS", b"\0")),
    ("sizes of no length", _insert(b"pHYs", b"")),
    ("a time that is none", _insert(b"tIME", b"\xff" * 7)),
    ("a histogram without a palette", _insert(b"hIST", b"\0\1")),
    ("suggested colours", _insert(b"sPLT", b"name\0\x08" + bytes(6))),
    ("no animation", _insert(b"acTL", b"\0" * 8)),
    ("broken EXIF", _insert(b"eXIf", b"\xff" * 30)),
    ("EXIF that turns", _insert(b"eXIf", _EXIF[6:])),
    ("a late text with a wrong checksum", _insert(b"tEXt", b"a\0b", wrong=True, late=True)),
    ("PQ", _insert(b"cICP", bytes((9, 16, 0, 1)))),
    (
        "PQ of 400 nits",
        lambda rng, png: _insert(b"cLLI", struct.pack(">II", 4_000_000, 0))(
            rng, _insert(b"cICP", bytes((9, 16, 0, 1)))(rng, png)
        ),
    ),
    ("HLG with a wrong checksum", _insert(b"cICP", bytes((9, 18, 0, 1)), wrong=True)),
    ("P3", _insert(b"cICP", bytes((12, 13, 0, 1)))),
    ("the gamma of sRGB", _insert(b"gAMA", struct.pack(">I", 45455))),
    ("sRGB", _insert(b"sRGB", b"\0")),
    ("a profile of BT.2020", _insert(b"iCCP", b"p\0\0" + zlib.compress(profile(BT2020)))),
    ("many small parts", _split_pixels),
    ("garbage behind", lambda rng, png: png + rng.bytes(50)),
    ("no end", lambda _, png: png[: png.rindex(b"IEND") - 4]),
]


def _interlaced(image: Image.Image) -> bytes:
    """An RGB or grey picture in the seven passes of Adam7 (PNG, 8.1)."""
    pixels = np.asarray(image)
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, along in (*passes, (1, 0, 2, 1))
        for row in pixels[top::down, left::along]
    )
    colours = 2 if image.mode == "RGB" else 0
    head = struct.pack(">IIBBBBB", *image.size, 8, colours, 0, 0, 1)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _png(rng: Rng) -> OddFile:
    mode = str(rng.choice(["RGB", "RGBA", "L", "LA", "P", "1", "I;16", "interlaced", "P, clear"]))
    if mode == "interlaced":
        plain = _interlaced(_drawing(rng, str(rng.choice(["RGB", "L"]))))
    elif mode == "I;16":
        grey = np.asarray(_drawing(rng, "L"), dtype=np.uint16)
        plain = encode(Image.fromarray(grey * 257), "PNG")
    elif mode.startswith("P"):
        clear = {"transparency": int(rng.integers(0, 16))} if "clear" in mode else {}
        plain = encode(_drawing(rng, "RGB").quantize(16), "PNG", **clear)
    else:
        plain = encode(_drawing(rng, "L" if mode == "1" else mode).convert(mode), "PNG")
    name, data = _some(rng, plain, _PNG)
    return OddFile(f"png {mode}: {name}", data, data, 2)


# JPEG


def _segment(marker: int, data: bytes) -> Any:
    def put(rng: Rng, jpeg: bytes) -> bytes:
        # Behind SOI, or behind the first segment.
        at = 2 if rng.random() < 0.5 else 4 + int.from_bytes(jpeg[4:6], "big")
        return (
            jpeg[:at] + bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data + jpeg[at:]
        )

    return put


_ICC = b"ICC_PROFILE\0"

_JPEG: list[Oddity] = [
    ("broken EXIF", _segment(0xE1, b"Exif\0\0" + b"\xff" * 40)),
    ("EXIF that turns", lambda rng, jpeg: _segment(0xE1, _turning(rng))(rng, jpeg)),
    ("a profile of BT.2020", _segment(0xE2, _ICC + b"\1\1" + profile(BT2020))),
    ("XMP that is none", _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x")),
    ("a comment", _segment(0xFE, b"a comment \xff\xd8\xff")),
    ("a profile that is none", _segment(0xE2, _ICC + b"\1\1no profile")),
    ("a profile in parts that are missing", _segment(0xE2, _ICC + b"\1\3" + bytes(200))),
    ("no MPF", _segment(0xE2, b"MPF\0" + b"\xff" * 30)),
    ("empty segments", lambda rng, jpeg: _segment(0xED, b"")(rng, _segment(0xE5, b"")(rng, jpeg))),
    ("broken Photoshop data", _segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff\xff\xff\xff\xff")),
    ("padding", lambda _, jpeg: jpeg[:2] + b"\xff" * 9 + jpeg[2:]),
    ("garbage behind", lambda rng, jpeg: jpeg + rng.bytes(99)),
]


def _jpeg(rng: Rng) -> OddFile:
    mode = str(rng.choice(["RGB", "L", "CMYK"]))
    options = {
        "quality": int(rng.integers(60, 96)),
        "subsampling": int(rng.integers(0, 3)),
        "progressive": bool(rng.random() < 0.5),
        "restart_marker_rows": int(rng.integers(0, 3)),
    }
    name, whole = _some(rng, encode(_drawing(rng, mode), "JPEG", **options), _JPEG)
    # Without an end Chromium leaves out the last rows, or the last pass.
    missing = int(rng.integers(0, 3)) if whole.endswith(b"\xff\xd9") else 0
    data = whole[: len(whole) - missing]
    return OddFile(f"jpeg {mode}, {options}: {name}, {missing} bytes missing", data, whole, 2)


# GIF


def gif(
    image: Image.Image,
    canvas: tuple[int, int],
    place: tuple[int, int],
    *,
    clear: int | None = None,
    local: bool = False,
    before: bytes = b"",
    end: bytes = b";",
) -> bytes:
    """One frame of a palette with 16 colours, somewhere on a canvas."""
    palette = bytes(image.getpalette() or b"").ljust(48, b"\0")[:48]
    plain = encode(image, "GIF")
    # Pillow's own frame: behind the descriptor and its palette, if there is one.
    at = plain.index(b"\x2c" + struct.pack("<HHHH", 0, 0, *image.size))
    skipped = 3 * (2 << (plain[at + 9] & 7)) if plain[at + 9] & 0x80 else 0
    pixels = plain[at + 10 + skipped : plain.rindex(b";")]
    head = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x70 if local else 0xF3, 5, 0)
    control = b"" if clear is None else b"\x21\xf9\4\1\0\0" + bytes((clear, 0))
    frame = b"\x2c" + struct.pack("<HHHHB", *place, *image.size, 0x83 if local else 0)
    frame += palette if local else b""
    return head + (b"" if local else palette) + before + control + frame + pixels + end


def _gif(rng: Rng) -> OddFile:
    image = _drawing(rng, "RGB").quantize(16)
    extensions = {
        "a comment": b"\x21\xfe\5hello\0",
        "an unknown application": b"\x21\xff\x0bUNKNOWN 1.0\3abc\0",
        "an unknown extension": b"\x21\x77\3abc\0",
        "plain text": b"\x21\x01\x0c" + bytes(12) + b"\2hi\0",
        "nothing": b"",
    }
    name = str(rng.choice(list(extensions)))
    larger = bool(rng.random() < 0.6)
    canvas = (SIZE[0] + 31, SIZE[1] + 17) if larger else SIZE
    place = (int(rng.integers(0, 31)), int(rng.integers(0, 17))) if larger else (0, 0)
    clear = int(rng.integers(0, 16)) if rng.random() < 0.5 else None
    local = bool(rng.random() < 0.4)
    end = (b";", b"", b";garbage")[int(rng.integers(0, 3))]
    data = gif(image, canvas, place, clear=clear, local=local, before=extensions[name], end=end)
    return OddFile(
        f"gif {place} on {canvas}, clear {clear}, {local=}: {name}, {end!r}", data, data, 1
    )


# BMP


def bitmap(
    samples: np.ndarray[Any, Any], masks: tuple[int, int, int, int], bits: int, header: int
) -> bytes:
    """RGBA uint8 [h, w, 4] as a BMP of 16 or 32 bits a pixel with these masks."""
    height, width = samples.shape[:2]
    words = np.zeros((height, width), dtype=np.uint64)
    for channel, mask in enumerate(masks):
        if mask:
            shift = (mask & -mask).bit_length() - 1
            most = mask >> shift
            level = (samples[..., channel].astype(np.uint64) * most + 127) // 255
            words |= level << np.uint64(shift)
    rows = words[::-1].astype("<u2" if bits == 16 else "<u4")
    padding = -rows[0].nbytes % 4
    data = b"".join(row.tobytes() + bytes(padding) for row in rows)
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, 3, len(data), 0, 0, 0, 0)
    packed = struct.pack("<IIII", *masks)
    info += packed[:12] if header in (40, 52) else packed
    info = info.ljust(max(header, len(info)), b"\0")
    start = 14 + len(info)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + data


_MASKS = (
    (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
    (32, (0xFF, 0xFF00, 0xFF0000, 0)),
    (32, (0xFF00, 0xFF0000, 0xFF000000, 0)),
    (32, (0xFF00, 0xFF0000, 0xFF000000, 0xFF)),
    (32, (0x3F, 0xFC0, 0x3F000, 0)),
    (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    (16, (0xF00, 0xF0, 0xF, 0)),
    (16, (0xF00, 0xF0, 0xF, 0xF000)),
    (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    (16, (0xF800, 0x7E0, 0x1F, 0)),
    (16, (0x1F, 0x7E0, 0xF800, 0)),
)


def _bmp(rng: Rng) -> OddFile:
    if rng.random() < 0.4:
        mode = str(rng.choice(["1", "P", "L", "RGB"]))
        image = _drawing(rng, "L" if mode == "1" else "RGB" if mode == "P" else mode)
        image = image.quantize(256) if mode == "P" else image.convert(mode)
        plain = bytearray(encode(image, "BMP"))
        upwards = bool(rng.random() < 0.5)
        if upwards:  # the rows from above: the picture upside down
            plain[22:26] = struct.pack("<i", -image.height)
        return OddFile(f"bmp {mode}, {upwards=}", bytes(plain), bytes(plain), 1)
    bits, masks = _MASKS[int(rng.integers(0, len(_MASKS)))]
    header = int(rng.choice([56, 108, 124] if masks[3] else [40, 52, 56, 108, 124]))
    samples = np.asarray(_drawing(rng, "RGBA" if masks[3] else "RGB").convert("RGBA"))
    data = bitmap(samples, masks, bits, header)
    shown = ", ".join(f"{mask:x}" for mask in masks)
    return OddFile(f"bmp of {bits} bits, masks {shown}, header {header}", data, data, 6)


# WebP


def _riff(webp: bytes, *more: bytes) -> bytes:
    body = webp[12:] + b"".join(more)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


_WEBP: list[Oddity] = [
    ("an unknown chunk", lambda _, webp: _riff(webp, _riff_chunk(b"ABCD", b"abc"))),
    ("broken EXIF", lambda _, webp: _riff(webp, _riff_chunk(b"EXIF", b"\xff" * 20))),
    ("garbage behind", lambda rng, webp: webp + rng.bytes(33)),
]


def _webp(rng: Rng) -> OddFile:
    mode = str(rng.choice(["RGB", "RGBA"]))
    lossless = bool(rng.random() < 0.5)
    options: dict[str, Any] = {"lossless": lossless, "quality": 90}
    if moves := bool(rng.random() < 0.3):
        options |= {"save_all": True, "append_images": [_drawing(rng, mode)], "duration": 90}
    elif rng.random() < 0.4:  # of one that moves Chromium passes over the profile
        options["icc_profile"] = profile(BT2020)
    data = encode(_drawing(rng, mode), "WEBP", **options)
    name, data = _some(rng, data, _WEBP)
    told = f"{lossless=}, {moves=}, profile={'icc_profile' in options}"
    return OddFile(f"webp {mode}, {told}: {name}", data, data, 3)


# AVIF


def _brands(major: bytes, *others: bytes) -> Any:
    def put(_: Rng, avif: bytes) -> bytes:
        length = int.from_bytes(avif[:4], "big")
        box = b"ftyp" + major + bytes(4) + b"".join(others)
        # The places of everything behind it stay what they are.
        return (
            struct.pack(">I", len(box) + 4).join((b"", box)) + avif[length:]
            if (len(box) + 4 == length)
            else avif
        )

    return put


def with_coding(avif: bytes, primaries: int, transfer: int) -> bytes:
    """The AVIF or HEIC with other code points in its nclx box."""
    at = avif.index(b"nclx") + 4
    return avif[:at] + struct.pack(">HH", primaries, transfer) + avif[at + 4 :]


def with_light(heif: bytes, name: bytes, data: bytes) -> bytes:
    """The AVIF or HEIC with one more property of its first picture, as the last one."""
    changed = bytearray(heif)
    ipco = changed.index(b"ipco") - 4
    length = int.from_bytes(changed[ipco : ipco + 4], "big")
    count, at = 0, ipco + 8
    while at < ipco + length:
        count, at = count + 1, at + int.from_bytes(changed[at : at + 4], "big")
    box = struct.pack(">I4s", 8 + len(data), name) + data
    changed[at:at] = box
    ipma = changed.index(b"ipma")
    first = ipma + 4 + 4 + 4 + 2  # flags, a count, and the number of the first item
    changed[first] += 1
    changed[first + 1 : first + 1] = bytes((count + 1,))
    more = len(box) + 1
    for each, grows in ((b"meta", more), (b"iprp", more), (b"ipco", len(box)), (b"ipma", 1)):
        start = changed.index(each) - 4
        old = int.from_bytes(changed[start : start + 4], "big")
        changed[start : start + 4] = struct.pack(">I", old + grows)
    # Where the item lies in the file (ISO/IEC 14496-12, 8.11.3): its extent's offset, or its base.
    sizes = changed.index(b"iloc") + 8
    place = sizes + (8 if changed[sizes + 1] & 0xF0 else 10)
    old = int.from_bytes(changed[place : place + 4], "big")
    changed[place : place + 4] = struct.pack(">I", old + more)
    return bytes(changed)


_CODINGS = ((1, 13), (2, 2), (12, 13), (9, 13), (9, 16), (9, 18), (1, 16), (1, 8))
"""Primaries and transfer by ITU-T H.273: sRGB, unknown, P3, BT.2020, PQ, HLG, linear."""

_AVIF: list[Oddity] = [
    ("other brands", _brands(b"mif1", b"avif", b"miaf", b"MA1B", b"MA1A")),
    ("unknown brands", _brands(b"avif", b"abcd", b"mif1", b"miaf", b"efgh")),
    ("a free box behind", lambda _, avif: avif + struct.pack(">I", 20) + b"free" + bytes(12)),
    ("garbage behind", lambda rng, avif: avif + struct.pack(">I", 24) + b"abcd" + rng.bytes(16)),
]


def _avif(rng: Rng) -> OddFile:
    mode = str(rng.choice(["RGB", "RGBA"]))
    image = _drawing(rng, mode)
    if mode == "RGBA":
        # All or nothing: of what lies between, Chromium and libavif see different degrees.
        image.putalpha(image.getchannel("A").point(lambda level: 255 * (level > 99)))
    icc = profile(BT2020) if rng.random() < 0.3 else None
    turn = int(rng.integers(1, 9)) if rng.random() < 0.5 else 1
    plain = encode(image, "AVIF", quality=95, icc_profile=icc, exif=_oriented(turn))
    name, data = _some(rng, plain, _AVIF)
    coding = _CODINGS[int(rng.integers(0, len(_CODINGS)))]
    if icc is None:
        data = with_coding(data, *coding)
    shown = "a profile of BT.2020" if icc else f"{coding=}"
    return OddFile(f"avif {mode}, {shown}, {turn=}: {name}", data, data, 5)


# HEIC

_HEIC: list[Oddity] = [
    ("other brands", _brands(b"heix", b"mif1", b"heic", b"miaf")),
    ("the box's own brand", _brands(b"mif1", b"mif1", b"heic", b"miaf")),
    *_AVIF[2:],
]


def _heic(rng: Rng) -> OddFile:
    image = _drawing(rng, "RGB")
    coding = _CODINGS[int(rng.integers(0, len(_CODINGS)))]
    turn = int(rng.integers(1, 9)) if rng.random() < 0.5 else 1
    options: dict[str, Any] = {"quality": 95, "exif": _oriented(turn)}
    name, data = _some(rng, with_coding(encode(image, "HEIF", **options), *coding), _HEIC)
    shown = with_coding(encode(image, "AVIF", **options), *coding)
    return OddFile(f"heic {coding=}, {turn=}: {name}", data, shown, 6)


def _oriented(turn: int) -> bytes:
    """EXIF of this orientation; encoders make it a turn and a mirror of their own."""
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif.tobytes()
