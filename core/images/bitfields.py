"""BMPs whose colours lie in any bits of a pixel (BI_BITFIELDS), of which Pillow knows some.

By Microsoft's BITMAPINFOHEADER and BITMAPV5HEADER; alpha counts as browsers count it: not where
all of it is zero.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BITFIELDS: Final = 3
_WITH_ALPHA: Final = 6  # Windows CE's BI_ALPHABITFIELDS
_INFO, _V2, _V3 = 40, 52, 56

_STRIP_PIXELS: Final = 1 << 20
"""Decoded at a time: numpy needs 20 bytes for each."""


@dataclass(frozen=True, slots=True)
class Bitfields:
    """A BMP of this kind, before its pixels are read.

    ``size``: width and height; ``masks``: of red, green, blue and alpha (0: none); ``start``:
    where its rows begin in the file; ``downwards``: the first row is the upper one.
    """

    size: tuple[int, int]
    bits: int
    masks: tuple[int, int, int, int]
    start: int
    downwards: bool

    def read(self, file: BinaryIO) -> Image.Image:
        """The picture in RGB or RGBA. Raises OSError where the file is truncated."""
        width, height = self.size
        row = (width * self.bits + 31) // 32 * 4
        samples = np.empty((height, width, 4), dtype=np.uint8)
        rows = max(1, _STRIP_PIXELS // width)
        file.seek(self.start)
        for top in range(0, height, rows):
            count = min(rows, height - top)
            # The last row may lack what only fills it up.
            data = file.read(row * count).ljust(row * count, b"\0")
            if self._ends(file, row * (top + count)):
                raise OSError("image file is truncated")
            words = np.frombuffer(data, "<u2" if self.bits == 16 else "<u4")  # noqa: PLR2004
            samples[top : top + count] = self._samples(words.reshape(count, -1)[:, :width])
        if not self.downwards:
            samples = samples[::-1]
        image = Image.fromarray(np.ascontiguousarray(samples))
        opaque = not self.masks[3] or not samples[..., 3].any()
        return image.convert("RGB") if opaque else image

    def _ends(self, file: BinaryIO, done: int) -> bool:
        filling = (-self.size[0] * self.bits % 32) // 8
        return file.tell() < self.start + done - filling

    def _samples(self, words: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
        """[h, w, 4] of 8 bits each, from 0 to the most that a mask holds."""
        levels = []
        for mask in self.masks:
            shift = (mask & -mask).bit_length() - 1 if mask else 0
            most = max(mask >> shift, 1)
            level = ((words & np.uint32(mask)) >> np.uint32(shift)).astype(np.float32)
            levels.append((level * np.float32(255 / most) + np.float32(0.5)).astype(np.uint8))
        return np.stack(levels, axis=-1)


def bitfields_of(file: BinaryIO) -> Bitfields | None:
    """What a BMP's header says, None where it is of another kind. Raises struct.error."""
    file.seek(0)
    start, header, width, height, bits, compression = struct.unpack("<10xIIii2xHI", file.read(34))
    if header < _INFO or compression not in {_BITFIELDS, _WITH_ALPHA} or bits not in {16, 32}:
        return None
    file.seek(54)
    masks = struct.unpack("<IIII", file.read(16).ljust(16, b"\0"))
    if header < _V3 and not (header == _INFO and compression == _WITH_ALPHA):
        masks = (*masks[:3], 0)
    if width < 1 or height == 0 or not any(masks[:3]):
        return None
    return Bitfields((width, abs(height)), bits, masks, start, height < 0)
