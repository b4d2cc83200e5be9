"""Samples of high dynamic range or wide gamut as sRGB, as far as a file says what they mean.

What it says is a pair of code points of ITU-T H.273: in AVIF and HEIC in an ``nclx`` box
(ISO/IEC 14496-12, 12.1.5), in PNG in a cICP chunk, in a profile in its ``cicp`` tag (ICC.1:2022).
How bright its brightest pixel is stands beside it: in boxes ``clli`` and ``mdcv`` (12.1.6 and
12.1.7), in chunks cLLI and mDCV.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms, ImageFilter

from core.images.effort import META_BYTES, boxes

_PQ, _HLG, _LINEAR = 16, 18, 8
_TRANSFERS: Final = frozenset({_PQ, _HLG, _LINEAR})
"""Those that differ from sRGB's by more than a shade."""

_BT709, _BT2020, _P3 = 1, 9, 12
_PRIMARIES: Final = {
    _BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    _BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    _P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65: Final = (0.3127, 0.3290)

_WHITE_NITS: Final = 203.0
_PEAK_NITS: Final = 1000.0
"""BT.2408: white of paper, and the brightest that such pictures are made for, as a rule."""

_MOST_NITS: Final = 10_000.0
"""What PQ ends with (SMPTE ST 2084)."""

_BEND: Final = 0.65
"""How far the corner of the curve for highlights is from white towards the tangents' meeting."""

_NODES: Final = 65
"""Of a table's edges, the most that Pillow takes. Between them colours are interpolated."""

_NOTICED: Final = 16
"""Levels of 255 by which a profile has to change plain colours, on average, to be gone by. Display
P3, which telephones write, and Adobe RGB change them by 12: encoders learned from pictures that
were read without. BT.2020 changes them by 22, ProPhoto by 30, linear light by 55."""

_TABLES: Final = 8
"""Tables that a worker remembers, of 3.3 MB each: files may name any number of peaks."""

_PROFILES: Final = 8
"""Profiles that a worker remembers, at most 128 KiB each: a folder has those of a few cameras."""


@dataclass(frozen=True, slots=True)
class Coding:
    """Colour primaries and transfer characteristics, as numbers of ITU-T H.273, and the peak."""

    primaries: int
    transfer: int
    peak: float = _PEAK_NITS
    """Nits of the brightest pixel, from :data:`_WHITE_NITS` to :data:`_MOST_NITS`."""

    @property
    def plain(self) -> bool:
        """Whether it may be treated as sRGB."""
        return self.transfer not in _TRANSFERS and self.primaries not in {_BT2020, _P3}


def coding_of_chunks(chunks: Mapping[bytes, bytes]) -> Coding | None:
    """What a PNG's cICP, cLLI and mDCV chunks say; None without the first."""
    points = chunks.get(b"cICP", b"")
    if len(points) != 4:  # noqa: PLR2004 - PNG, third edition, 11.3.2.6
        return None
    light, display = chunks.get(b"cLLI", b""), chunks.get(b"mDCV", b"")
    return _of_points(points, _number(light, 0, 4) / 10_000, _number(display, 16, 4) / 10_000)


def _of_points(points: Sequence[int], content: float = 0.0, display: float = 0.0) -> Coding:
    """``content``, ``display``: nits of the brightest pixel and of who made it; 0 for unknown."""
    peak = min(max(content or display or _PEAK_NITS, _WHITE_NITS), _MOST_NITS)
    # HLG is relative to the screen, and everything else ends with white.
    return Coding(points[0], points[1], peak if points[1] == _PQ else _PEAK_NITS)


def _number(data: bytes, at: int, size: int) -> int:
    """An unsigned number, 0 where the data end before it."""
    return int.from_bytes(found, "big") if len(found := data[at : at + size]) == size else 0


def coding_of_file(file: BinaryIO, size: int) -> Coding | None:
    """What an AVIF or HEIC says of its first picture; leaves the file at another place."""
    try:
        for name, start, end in boxes(file, 0, size):
            if name == b"meta":
                return _coding_of_item(file, start + 4, min(end, start + META_BYTES))
    except (struct.error, IndexError):  # for the decoder to tell
        return None
    return None


def coding_of_profile(profile: bytes) -> Coding | None:
    """What a profile's ``cicp`` tag says (ICC.1:2022, 9.2.17)."""
    count = int.from_bytes(profile[128:132], "big")
    for number in range(min(count, 100)):
        tag = profile[132 + 12 * number : 144 + 12 * number]
        if tag[:4] == b"cicp":
            at = int.from_bytes(tag[4:8], "big")
            found = profile[at + 8 : at + 12]
            return _of_points(found) if len(found) == 4 else None  # noqa: PLR2004 - as cICP
    return None


def to_srgb(image: Image.Image, coding: Coding) -> Image.Image:
    """A picture in RGB or RGBA that is coded so, as sRGB; brighter than white is compressed."""
    if image.mode not in {"RGB", "RGBA"} or "transparency" in image.info:
        image = image.convert("RGBA")
    return image.filter(_table(coding))


def through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """A picture in RGB, RGBA or a palette as sRGB, where its profile is much wider; else None."""
    if image.mode not in {"RGB", "RGBA", "P"}:
        return None
    transform = _from_much_wider(profile)
    if transform is None:
        return None
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    converted = ImageCms.applyTransform(image.convert("RGB"), transform)
    if converted is not None and alpha is not None:
        converted.putalpha(alpha)
    return converted


def _coding_of_item(file: BinaryIO, start: int, end: int) -> Coding | None:
    """ISO/IEC 14496-12, 8.11.4 and ISO/IEC 23008-12, 9.3: the primary item's properties."""
    primary, associations, properties = 0, b"", []
    for name, inside, stop in boxes(file, start, end):
        if name == b"pitm":
            file.seek(inside)
            head = file.read(8)
            primary = struct.unpack_from(">I" if head[0] else ">H", head, 4)[0]
        elif name == b"iprp":
            for inner, here, there in boxes(file, inside, stop):
                file.seek(here)
                if inner == b"ipma":
                    associations += file.read(there - here)
                elif inner == b"ipco":
                    properties = list(boxes(file, here, there))
    mine = [properties[number - 1] for number in _properties_of(primary, associations)]
    return _coding_of_properties(file, mine)


def _coding_of_properties(
    file: BinaryIO, properties: list[tuple[bytes, int, int]]
) -> Coding | None:
    points: tuple[int, int] | None = None
    content = display = 0.0
    for name, inside, stop in properties:
        file.seek(inside)
        found = file.read(min(stop - inside, 24))
        if name == b"colr" and found[:4] == b"nclx" and points is None:
            points = _number(found, 4, 2), _number(found, 6, 2)
        elif name == b"clli":
            content = float(_number(found, 0, 2))
        elif name == b"mdcv":
            display = _number(found, 16, 4) / 10_000
    return None if points is None else _of_points(points, content, display)


def _properties_of(item: int, data: bytes) -> list[int]:
    """The numbers of an item's properties, from 1, in an ``ipma`` box."""
    version, flags = data[0], int.from_bytes(data[1:4], "big")
    [entries] = struct.unpack_from(">I", data, 4)
    key, width = (">I" if version else ">H"), (2 if flags & 1 else 1)
    at = 8
    for _ in range(entries):
        [found] = struct.unpack_from(key, data, at)
        at += struct.calcsize(key)
        count, at = data[at], at + 1
        if found == item:
            mask = (1 << (8 * width - 1)) - 1
            numbers = (data[at + width * n : at + width * (n + 1)] for n in range(count))
            return [number for each in numbers if (number := int.from_bytes(each, "big") & mask)]
        at += width * count
    return []


@lru_cache(maxsize=_TABLES)
def _table(coding: Coding) -> ImageFilter.Color3DLUT:
    steps = np.linspace(0, 1, _NODES)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    light = _light(np.stack([red, green, blue], axis=-1), coding)
    if coding.transfer in {_PQ, _HLG}:
        strongest = np.maximum(light.max(axis=-1, keepdims=True), 1e-9)  # by it, which keeps hues
        light *= _mapped(strongest, coding.peak) / strongest
    light = np.clip(light @ _to_bt709(coding.primaries).T, 0, 1)
    # IEC 61966-2-1.
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # noqa: PLR2004
    return ImageFilter.Color3DLUT(_NODES, coded.astype(np.float32).reshape(-1))


def _mapped(light: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """Light, where 1 is the white of paper, on a screen without high range, as Chromium maps it.

    The reference white tone mapping of SMPTE ST 2094-50: up to white it is the darker, the
    brighter the peak is, half as bright from 1,000 nits on; a parabola (a Bezier curve of three
    points) shares out what is left of the screen.
    """
    most = peak / _WHITE_NITS
    white = 1 - 0.5 * min(math.log(most) / math.log(_PEAK_NITS / _WHITE_NITS), 1)
    corner = (1 - _BEND + _BEND / white, (1 - _BEND) * white + _BEND)
    t = np.linspace(0, 1, _NODES)
    x, y = (
        (1 - t) ** 2 * first + 2 * (1 - t) * t * middle + t**2 * last
        for first, middle, last in zip((1, white), corner, (most, 1), strict=True)
    )
    return np.where(light <= 1, light * white, np.interp(light, x, y))


def _light(samples: NDArray[np.float64], coding: Coding) -> NDArray[np.float64]:
    if coding.transfer == _PQ:  # SMPTE ST 2084
        root = samples ** (1 / 78.84375)
        nits = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (
            1 / 0.1593017578125
        )
        return np.asarray(nits / _WHITE_NITS)
    if coding.transfer == _HLG:  # ITU-R BT.2100, tables 5 and 6
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(samples <= 0.5, samples**2 / 3, (np.exp((samples - c) / a) + b) / 12)  # noqa: PLR2004
        luma = scene @ np.array([0.2627, 0.6780, 0.0593])
        return np.asarray(scene * (luma**0.2)[..., None] * _PEAK_NITS / _WHITE_NITS)
    if coding.transfer == _LINEAR:
        return samples
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def _to_bt709(primaries: int) -> NDArray[np.float64]:
    known = primaries if primaries in _PRIMARIES else _BT709
    return np.linalg.inv(_to_xyz(_BT709)) @ _to_xyz(known)


def _to_xyz(primaries: int) -> NDArray[np.float64]:
    """SMPTE RP 177: from linear RGB to XYZ; all of these have D65 for their white."""
    red_green_blue = np.array([(x / y, 1, (1 - x - y) / y) for x, y in _PRIMARIES[primaries]]).T
    x, y = _D65
    white = np.array([x / y, 1, (1 - x - y) / y])
    return np.asarray(red_green_blue * np.linalg.solve(red_green_blue, white))


@lru_cache(maxsize=_PROFILES)
def _from_much_wider(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """The way from a profile to sRGB; None where it is not much wider, or broken."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), _srgb(), "RGB", "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None  # a broken profile says nothing
    probe = _probe()
    seen = ImageCms.applyTransform(probe, transform)
    if seen is None:
        return None
    changed = np.asarray(ImageChops.difference(probe, seen))
    return None if changed.mean() < _NOTICED else transform


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.createProfile("sRGB")  # type: ignore[return-value]


@cache
def _probe() -> Image.Image:
    """Plain colours: half saturated ones of several hues, and greys."""
    levels = (64, 128, 192)
    colours = [(r, g, b) for r in levels for g in levels for b in levels]
    return Image.fromarray(np.array([colours], dtype=np.uint8))
