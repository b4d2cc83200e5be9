"""The view of a file that its decoder reads: without ancillary chunks, or with an end added."""

from __future__ import annotations

import io
import struct
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from core.images.effort import META_BYTES, boxes

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Part = tuple[int, int] | bytes
"""Bytes of the file, by their start and length, or bytes of ours."""

_BUFFER: Final = 1 << 16

_PIXELS: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
COLOUR_CHUNKS: Final = (b"cICP", b"cLLI", b"mDCV")
"""What a PNG says of its samples (third edition, 11.3.2.6 to 11.3.2.8)."""

_CHECKED: Final = frozenset({b"tRNS", b"eXIf", b"iCCP", *COLOUR_CHUNKS})
"""Chunks that tell how pixels are shown; taken where their checksum is right."""

PROFILE_BYTES: Final = 128 * 1024
"""Larger colour profiles and EXIF are ignored. EXIF has less than 64 KiB; profiles of cameras and
screens have less than 4."""


class SizedReader(io.RawIOBase):
    """A readable file of ``size`` bytes; a subclass says what is at each place of it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def read_at(self, at: int, buffer: memoryview, /) -> int:
        """Fill the buffer, or a beginning of it, from ``at``. Returns how many bytes."""
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if self._at >= self._size:
            return 0  # a header may name a place that no system call takes
        count = self.read_at(self._at, memoryview(buffer).cast("B"))
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the file")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at


class _Spliced(SizedReader):
    """Parts of a file, one behind the other."""

    def __init__(self, file: BinaryIO, parts: Sequence[Part]) -> None:
        self._file = file
        self._parts = parts
        lengths = (len(part) if isinstance(part, bytes) else part[1] for part in parts)
        self._starts = list(accumulate(lengths, initial=0))
        super().__init__(self._starts[-1])

    def read_at(self, at: int, buffer: memoryview, /) -> int:
        number = bisect_right(self._starts, at) - 1
        inside = at - self._starts[number]
        wanted = min(len(buffer), self._starts[number + 1] - at)
        part = self._parts[number]
        if isinstance(part, bytes):
            data = part[inside : inside + wanted]
        else:
            self._file.seek(part[0] + inside)
            data = self._file.read(wanted)
        buffer[: len(data)] = data
        return len(data)


def spliced(file: BinaryIO, parts: Sequence[Part]) -> BinaryIO:
    """These parts of the file as a file. Of one that turns out shorter, only what is there."""
    return cast("BinaryIO", io.BufferedReader(_Spliced(file, parts), _BUFFER))


def with_end(file: BinaryIO, size: int, more: bytes) -> BinaryIO:
    return spliced(file, [(0, size), more])


def without_ancillary(  # noqa: C901 - a line for each kind of chunk
    file: BinaryIO, size: int
) -> tuple[BinaryIO, dict[bytes, bytes]]:
    """A PNG with what its pixels need, EXIF and profile alone; and its :data:`COLOUR_CHUNKS`.

    A text that is too long or whose checksum is wrong is no reason to refuse the picture beside
    it (PNG, third edition, 13.1: decoders go on after an error in an ancillary chunk). What is
    wrong with the chunks of pixels is left for the decoder to tell.
    """
    file.seek(25)
    colour_type = file.read(1)
    kept: list[Part] = []
    exif, dropped = b"", False
    said: dict[bytes, bytes] = {}
    colours: int | None = None  # where they begin among what is kept
    pixels = False
    at = 8
    while at + 8 <= size:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        whole = (at, min(12 + length, size - at))
        at += 12 + length
        if name in _PIXELS:
            if colours is None and name in {b"PLTE", b"IDAT"}:
                colours = len(kept)
            pixels = pixels or name == b"IDAT"
            kept.append(whole)
            if name == b"IEND":
                break
            continue
        data = _checked(file, length, name)
        if name == b"tRNS" and data is not None and _is_transparency(data, colour_type):
            kept.append(whole)
            continue
        dropped = True
        if data is None:
            continue
        if name == b"eXIf":
            exif = exif or _chunk(name, data)
        elif name in COLOUR_CHUNKS and colours is None:  # before them it has to stand (5.6)
            said.setdefault(name, data)
        # So has this, which browsers take behind a palette as well.
        elif name == b"iCCP" and not pixels and _is_profile(data):
            kept.append(whole)
    if not dropped:
        return file, said
    # Where every decoder looks for it, wherever it stood.
    if exif and colours is not None:
        kept.insert(colours, exif)
    return spliced(file, [(0, 8), *_joined(kept)]), said


def with_one_association(file: BinaryIO, size: int) -> BinaryIO:
    """An AVIF with its ``ipma`` boxes of one kind as one; the file itself where there is one.

    Some encoders write one for each item. ISO/IEC 23008-12, 9.3 forbids it and libavif refuses
    it; browsers show such pictures. Nothing moves: what is saved becomes a free box.
    """
    try:
        metas = [box for box in boxes(file, 0, size) if box[0] == b"meta"]
        [(_, start, end)] = metas
        [(_, start, end)] = [box for box in boxes(file, start + 4, end) if box[0] == b"iprp"]
        if end - start > META_BYTES:
            return file
        inner = list(boxes(file, start, end))
    except (ValueError, struct.error):  # for the decoder to tell
        return file
    merged: dict[bytes, list[bytes]] = {}
    others = b""
    for name, inside, stop in inner:
        file.seek(inside)
        data = file.read(stop - inside)
        if name == b"ipma" and len(data) >= 8:  # noqa: PLR2004 - version, flags and a count
            merged.setdefault(data[:4], []).append(data[4:])
        else:
            others += _box(name, data)
    if all(len(each) == 1 for each in merged.values()):
        return file
    for kind, several in merged.items():
        count = sum(int.from_bytes(each[:4], "big") for each in several)
        entries = b"".join(each[4:] for each in several)
        others += _box(b"ipma", kind + struct.pack(">I", count) + entries)
    whole = _box(b"iprp", others)
    spare = end - (start - 8) - len(whole)
    if spare < 8:  # noqa: PLR2004 - a box of its own
        return file
    whole += _box(b"free", bytes(spare - 8))
    return spliced(file, [(0, start - 8), whole, (end, size - end)])


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def _checked(file: BinaryIO, length: int, name: bytes) -> bytes | None:
    """What is in a chunk, if it is one that is taken, and as it was written."""
    if name not in _CHECKED or length > PROFILE_BYTES:
        return None
    data = file.read(length)
    same = file.read(4) == struct.pack(">I", zlib.crc32(name + data))
    return data if same else None


def _is_transparency(data: bytes, colour_type: bytes) -> bool:
    """Whether a tRNS chunk is as long as the picture's kind of colours wants it (PNG, 11.3.1.1)."""
    match colour_type:
        case b"\0":
            return len(data) == 2  # noqa: PLR2004 - a level
        case b"\2":
            return len(data) == 6  # noqa: PLR2004 - three
        case b"\3":
            return 0 < len(data) <= 256  # noqa: PLR2004 - one for each colour
    return False


def _is_profile(data: bytes) -> bool:
    """Whether the content of an iCCP chunk is a profile of a usual size (PNG, 11.3.2.3)."""
    name, _, packed = data.partition(b"\0")
    if not 0 < len(name) < 80 or packed[:1] != b"\0":  # noqa: PLR2004 - see above
        return False
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed[1:], PROFILE_BYTES)
    except zlib.error:
        return False
    return unpacking.eof


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum


def _joined(parts: Sequence[Part]) -> list[Part]:
    """The same parts, those that follow each other in the file as one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else b""
        if isinstance(part, tuple) and isinstance(last, tuple) and sum(last) == part[0]:
            joined[-1] = (last[0], last[1] + part[1])
        else:
            joined.append(part)
    return joined
