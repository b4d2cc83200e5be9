"""Untrusted bytes to one upright RGB picture, with a typed error for everything else.

Runs inside a decode worker (:mod:`core.images.worker`): what is refused here is refused with
words; what cannot be foreseen is bounded by the worker's limits of time and memory.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, cast

from PIL import Image, ImageChops

from core.domain.errors import BadPicture, NotAPicture
from core.domain.types import Taken
from core.images.bitfields import bitfields_of
from core.images.colours import from_16_bits, to_rgb
from core.images.effort import boxes_end_early, check_effort
from core.images.errors import (
    cut_short,
    damaged,
    not_a_picture,
    out_of_memory,
    too_many_bytes,
    too_many_pixels,
    unreadable_file,
)
from core.images.formats import (
    HEAD_BYTES,
    accepted,
    ends_early,
    sample_bits,
    sniff,
    sniff_video,
)
from core.images.frames import Frame
from core.images.gamut import (
    Coding,
    coding_of_chunks,
    coding_of_file,
    coding_of_profile,
    through_profile,
    to_srgb,
)
from core.images.look import taken_at
from core.images.moving import (
    STILL,
    AnimationFile,
    FrameRequest,
    of_animation,
    of_video,
    reduction_of,
    to_webp,
)
from core.images.parts import (
    PROFILE_BYTES,
    SizedReader,
    with_end,
    with_one_association,
    without_ancillary,
)
from core.images.reduction import WHOLE, Reduction, Size, fill, turned_size

_EXIF_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_READ_AT_ONCE: Final = 8 << 20
"""Bytes of a JPEG that its decoder gets at a time: all of one of 12 megapixels, as a rule. In
Pillow's pieces of 64 KiB it takes 5 % longer."""

_BUFFER: Final = 1 << 16
"""Bytes of a file that are read at a time where a decoder wants only a few."""

_JPEG_END: Final = b"\xff\xd9"
_NO_END: Final = bytes(151 * number % 255 for number in range(1, 1021))
"""Bytes that are not an end marker: a decoder that runs out of data decodes them."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one picture may cost: ``max_bytes`` (None: any number) and ``max_pixels``."""

    max_bytes: int | None
    max_pixels: int


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that somebody opened for reading: its descriptor, and its size in bytes."""

    descriptor: int
    size: int

    def close(self) -> None:
        os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class Upright:
    """A decoded picture: mode RGB, turned as EXIF says; ``format`` is Pillow's name.

    ``profile`` is the ICC profile of its RGB values, empty where it has none. ``reduction``
    says what the image is a smaller form of; None where it has every pixel of the file.
    ``taken``: when the camera took it, in seconds since the epoch, None where it does not say.
    ``frames``: those that stand for a picture that moves, the first of which is the image; empty
    where it does not move, or nobody asked for them.
    """

    image: Image.Image
    format: str
    profile: bytes
    reduction: Reduction | None = None
    taken: Taken | None = None
    frames: tuple[Frame, ...] = ()

    @property
    def size(self) -> Size:
        """Width and height that the picture has in its file, once upright."""
        return self.image.size if self.reduction is None else self.reduction.size


def read_picture(
    source: bytes | Path | OpenFile,
    limits: DecodeLimits,
    *,
    at_least: Callable[[Size], Size] | None = None,
    moving: FrameRequest = STILL,
) -> Upright:
    """Decode one picture of a file, or of bytes. A descriptor is closed at the end.

    Of one that moves it is what ``moving`` says.

    With ``at_least`` a JPEG may come out smaller: it is scaled by 2, 4 or 8 while it is
    decoded, which is several times faster, as far as it stays no smaller than what
    ``at_least`` gives for the upright size that it has in its file. Without it every pixel
    is as the file has it. ``limits`` go by the size in the file in either case. Raises
    BadPicture and its subclasses; MemoryError only from our own steps after decoding.
    """
    with _opened(source, limits) as (file, size):
        head = file.read(HEAD_BYTES)
        name = sniff(head)
        if name is None:
            video = sniff_video(head)
            if video is None:
                raise not_a_picture(head)
            return _read_video(video, file, limits, at_least, moving)
        check_effort(name, file, size)
        try:
            seen, coding = _seen(name, file, size)
            bits = sample_bits(name, head)
            image, reduction = _loaded(name, seen, size, limits, at_least)
            orientation = _orientation(image)
            taken = taken_at(image)
            image, profile = _shown(image, coding, bits)
            upright = partial(_upright, _UPRIGHT.get(orientation))
            rgb = upright(to_rgb(image, bits=bits))
            frames = of_animation(
                AnimationFile(name, head, file),
                rgb,
                moving,
                lambda frame: upright(to_rgb(frame)),
                at_least,
            )
        except BadPicture:
            raise
        except Image.DecompressionBombError:
            raise too_many_pixels(limits.max_pixels) from None
        except MemoryError:
            raise out_of_memory() from None
        # Decoders raise anything that their authors did not foresee (OSError, SyntaxError,
        # struct.error, zlib.error, KeyError, AttributeError ...): all of it says the same.
        except Exception as error:
            raise damaged(name, error, early=ends_early(name, head, size)) from error
    if frames and not (moving.scenes and frames[0].at_s == 0):
        return _of_frames(name, frames, moving, taken)
    reduction = None if reduction is None else reduction.turned(orientation)
    # The first frame has every pixel, as that of a picture that does not move.
    return Upright(rgb, name, profile, reduction, taken, tuple(frames))


def _upright(turn: Image.Transpose | None, image: Image.Image) -> Image.Image:
    return image if turn is None else image.transpose(turn)


def _read_video(
    name: str,
    file: BinaryIO,
    limits: DecodeLimits,
    at_least: Callable[[Size], Size] | None,
    moving: FrameRequest,
) -> Upright:
    try:
        frames = of_video(name, file, limits.max_pixels, moving, at_least)
    except BadPicture:
        raise
    except Exception as error:
        raise damaged(name, error, early=name == "MP4" and boxes_end_early(file)) from error
    return _of_frames(name, frames, moving, None)


def _of_frames(
    name: str, frames: Sequence[Frame], moving: FrameRequest, taken: Taken | None
) -> Upright:
    first = frames[0]
    if not moving.scenes:
        return Upright(first.image, name, b"", taken=taken)
    return Upright(
        first.image, name, b"", reduction_of(first.image, first.size), taken, tuple(frames)
    )


def _seen(name: str, file: BinaryIO, size: int) -> tuple[BinaryIO, Coding | None]:
    """The file as its decoder is to see it, and what it says of its samples."""
    coding = None
    if name == "PNG":
        file, said = without_ancillary(file, size)
        coding = coding_of_chunks(said)
    elif name in {"AVIF", "HEIF"}:
        coding = coding_of_file(file, size)
    if name == "AVIF":
        file = with_one_association(file, size)
    file.seek(0)
    return file, coding


def _loaded(
    name: str,
    file: BinaryIO,
    size: int,
    limits: DecodeLimits,
    at_least: Callable[[Size], Size] | None,
) -> tuple[Image.Image, Reduction | None]:
    """The first picture with its pixels, and how it was reduced.

    A JPEG may lack its end, but none of its picture. Raises DamagedPicture, which says how much
    is missing, and whatever decoders raise.
    """
    try:
        return _load(name, file, limits, at_least)
    except OSError as error:
        if name != "JPEG" or "truncated" not in str(error):
            raise
        try:
            file.seek(size - 1)
            size -= file.read(1) == _JPEG_END[:1]  # half of an end, or of another mark
            image, reduction = _load(name, with_end(file, size, _JPEG_END), limits, at_least)
            other, _ = _load(name, with_end(file, size, _NO_END + _JPEG_END), limits, at_least)
        except BadPicture:
            raise
        except Exception:  # noqa: BLE001 - the first one tells more
            raise error from None
    # Where the decoder goes on to read what follows, something is missing before it.
    cut = ImageChops.difference(image, other).getbbox()
    if cut is None:
        return image, reduction
    # In passes over the whole picture it is only less sharp.
    raise cut_short(name, None if "progressive" in image.info else 1 - cut[1] / image.height)


def _load(
    name: str, file: BinaryIO, limits: DecodeLimits, at_least: Callable[[Size], Size] | None
) -> tuple[Image.Image, Reduction | None]:
    bitfields = bitfields_of(file) if name == "BMP" else None
    if bitfields is not None:
        _check_pixels(bitfields.size, limits.max_pixels)
        return bitfields.read(file), None
    file.seek(0)
    with Image.open(file, formats=[name]) as image:
        _check_pixels(image.size, limits.max_pixels)
        reduction = None
        if name == "JPEG":
            image.decodermaxblock = _READ_AT_ONCE
            if at_least is not None:
                reduction = _reduce(image, at_least)
        image.load()
        # A HEIF file may turn out larger than its header said.
        _check_pixels(image.size, limits.max_pixels)
        # Once loaded, its pixels outlive the file.
        return image, reduction


def _shown(image: Image.Image, coding: Coding | None, bits: int) -> tuple[Image.Image, bytes]:
    """The loaded picture in colours that a screen shows, and the profile of what it is now in.

    Changed is only what would be pale or dull otherwise: high dynamic range, and wide gamuts.
    """
    profile = _rgb_profile(image)
    coding = coding or coding_of_profile(profile)
    if coding is not None and not coding.plain:
        if image.mode.startswith("I;16"):
            image = from_16_bits(image, bits)  # which Pillow would clip
        return to_srgb(image, coding), b""
    converted = through_profile(image, profile) if profile else None
    return (image, profile) if converted is None else (converted, b"")


def within(size: Size, edge: int) -> Size:
    """The largest size of the same shape within ``edge`` x ``edge`` pixels; it never grows."""
    scale = edge / max(size)
    if scale >= 1:
        return size
    width, height = (max(1, round(length * scale)) for length in size)
    return width, height


def scaled(
    picture: Upright,
    edge: int,
    filter_: Image.Resampling = Image.Resampling.LANCZOS,
    reducing_gap: float = 3.0,
) -> Image.Image:
    """The whole picture, no larger than ``edge`` x ``edge`` pixels: :func:`within` of its size.

    ``reducing_gap`` is Pillow's: averages do what goes beyond it. At 3 it is what Pillow calls
    close to fair resampling.
    """
    image = picture.image
    size = within(picture.size, edge)
    if size == image.size:
        return image
    spare = WHOLE if picture.reduction is None else picture.reduction.spare
    return fill(image, spare, size, filter_, reducing_gap)


def to_jpeg(picture: Upright, edge: int, quality: int) -> bytes:
    """A JPEG no larger than ``edge`` x ``edge`` pixels, without any metadata but the profile.

    So a thumbnail does not reveal where a picture was taken.
    """
    image = scaled(picture, edge)
    image.info.clear()
    buffer = io.BytesIO()
    image.save(
        buffer,
        "JPEG",
        quality=quality,
        optimize=True,
        progressive=True,
        icc_profile=picture.profile or None,
    )
    return buffer.getvalue()


def to_kept(picture: Upright, edge: int, quality: int) -> bytes:
    """:func:`to_jpeg`; of a picture that moves the frames that stand for it, as WebP."""
    if not picture.frames:
        return to_jpeg(picture, edge, quality)
    return to_webp(
        [(each.at_s, scaled(of_frame(picture, each), edge)) for each in picture.frames], quality
    )


def of_frame(picture: Upright, frame: Frame) -> Upright:
    """One frame of a picture that moves, as a picture."""
    return Upright(frame.image, picture.format, b"", reduction_of(frame.image, frame.size))


def _check_pixels(size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width * height > limit:
        raise too_many_pixels(limit, size)


def _reduce(image: Image.Image, at_least: Callable[[Size], Size]) -> Reduction | None:
    """Let an unread JPEG be scaled while it is decoded, as far as ``at_least`` allows.

    libjpeg takes fewer frequencies of each block then: no pixel is made only to be averaged
    away. None where nothing is to be gained.
    """
    size = image.size
    orientation = _orientation(image)
    smallest = turned_size(at_least(turned_size(size, orientation)), orientation)
    drafted = image.draft(None, smallest)
    if drafted is None or image.size == size:
        return None
    _, (_, _, right, bottom) = drafted
    return Reduction(size, (0.0, 0.0, image.width - right, image.height - bottom))


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    # A picture is not worth less for a broken note about the camera.
    except Exception:  # noqa: BLE001
        return 1
    return value if isinstance(value, int) else 1


def _rgb_profile(image: Image.Image) -> bytes:
    """The picture's ICC profile, where it speaks of RGB and is of a usual size."""
    profile = image.info.get("icc_profile")
    # Bytes 16 to 19 of an ICC header name the colour space of the data (ICC.1, 7.2).
    if isinstance(profile, bytes) and len(profile) <= PROFILE_BYTES and profile[16:20] == b"RGB ":
        return profile if image.mode in ("RGB", "RGBA", "P", "YCbCr") else b""
    return b""


def open_file(path: Path, limits: DecodeLimits) -> OpenFile:
    """Open a file for :func:`read_picture`. Blocking.

    Raises BadPicture where it cannot be opened, NotAPicture for all but regular files,
    PictureTooLarge.
    """
    try:
        # Looked at before it is opened: opening a device may do something.
        _check_regular(path.stat())
        # Without O_NONBLOCK a pipe put there in between would be waited for without end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise unreadable_file(error) from None
    try:
        status = os.fstat(descriptor)
        _check_regular(status)
        _check_bytes(status.st_size, limits.max_bytes)
    except BaseException:
        os.close(descriptor)
        raise
    return OpenFile(descriptor, status.st_size)


class _Reader(SizedReader):
    """Reads a descriptor, and neither tells it nor asks the system for anything else.

    A decode worker may not ask; and who knows the descriptor (libtiff) would.
    """

    def __init__(self, file: OpenFile) -> None:
        super().__init__(file.size)
        self._file = file

    def read_at(self, at: int, buffer: memoryview, /) -> int:
        os.lseek(self._file.descriptor, at, os.SEEK_SET)
        return os.readv(self._file.descriptor, [buffer])

    def close(self) -> None:
        if not self.closed:
            os.close(self._file.descriptor)
        super().close()


@contextlib.contextmanager
def _opened(
    source: bytes | Path | OpenFile, limits: DecodeLimits
) -> Iterator[tuple[BinaryIO, int]]:
    """The source as a file, and its size in bytes; only regular files, and none too large."""
    if isinstance(source, bytes):
        _check_bytes(len(source), limits.max_bytes)
        yield io.BytesIO(source), len(source)
        return
    opened = open_file(source, limits) if isinstance(source, Path) else source
    with io.BufferedReader(_Reader(opened), _BUFFER) as file:
        yield cast("BinaryIO", file), opened.size


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotAPicture(
            "This is a folder, a pipe or a device, not a file.",
            remedy="Send one of these: {formats}.",
            formats=accepted(),
        )


def _check_bytes(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise too_many_bytes(size, limit)
