"""What is wrong with a picture, in the words of the one who sent it."""

from __future__ import annotations

from typing import Final

from core.domain.errors import (
    BadPicture,
    DamagedPicture,
    DecodingFailed,
    MachineBusy,
    NotAPicture,
    PictureTooComplex,
    PictureTooLarge,
    TooManyPixels,
)
from core.images.formats import SHOWN_VIDEOS, accepted, foreign

_MIB: Final = 1 << 20
_SHOWN_NAMES: Final = {"WEBP": "WebP", "HEIF": "HEIC", **SHOWN_VIDEOS}


def too_many_bytes(size: int, limit: int) -> PictureTooLarge:
    """The error for a picture of ``size`` bytes where ``limit`` are allowed."""
    return PictureTooLarge(
        "This picture has {size} MiB; at most {limit} MiB are accepted.",
        remedy="Send a smaller version of it, for example as JPEG.",
        size=round(size / _MIB, 1),
        limit=limit / _MIB,
    )


def out_of_memory() -> DecodingFailed:
    """The error for a picture that wants more memory than a worker may have."""
    return DecodingFailed("This picture needs too much memory to be decoded.")


def out_of_time(seconds: float) -> DecodingFailed:
    return DecodingFailed("This picture takes longer than {seconds} s to decode.", seconds=seconds)


def machine_busy(seconds: float) -> MachineBusy:
    """The error for a picture whose worker got too little of the processor."""
    return MachineBusy(
        "The machine is too busy: this picture was not decoded within {seconds} s.",
        remedy="Try it again when the machine has less to do; a reindex tries it again by itself.",
        seconds=seconds,
    )


def worker_died() -> DecodingFailed:
    return DecodingFailed("The decoder broke down over this picture.")


def not_a_picture(head: bytes) -> NotAPicture:
    """The error for a file that begins with ``head``, which is no accepted format."""
    if not head:
        return NotAPicture("This file is empty.", remedy="Send it again, from the original.")
    what = foreign(head)
    if what is None:
        return NotAPicture(remedy="Send one of these: {formats}.", formats=accepted())
    return NotAPicture(
        "This is a {format} file, which cannot be read here.",
        remedy="Send one of these: {formats}.",
        format=what,
        formats=accepted(),
    )


def damaged(name: str, error: Exception, *, early: bool) -> BadPicture:
    """The error for what a decoder raised; ``early``: the file says that it is longer."""
    words = str(error).lower()
    # "out of memory" is Pillow's, "memory allocation" libheif's, "malloc" libtiff's.
    if any(sign in words for sign in ("out of memory", "memory allocation", "malloc")):
        return out_of_memory()
    shown = _SHOWN_NAMES.get(name, name)
    if early or isinstance(error, EOFError) or "truncated" in words or "end of file" in words:
        return cut_short(shown, None)
    return DamagedPicture(
        "This {format} file is damaged or of a kind that cannot be read.", format=shown
    )


def cut_short(shown: str, missing: float | None) -> DamagedPicture:
    """The error for a file that lacks this share of its picture, None where nobody can tell."""
    return DamagedPicture(
        "This {format} file ends too early: a part of it is missing."
        if missing is None
        else "This {format} file ends too early: about {percent} % of it is missing.",
        remedy="Send it again, from the original.",
        format=shown,
        percent=max(1, round(100 * (missing or 0))),
    )


def only_sound() -> NotAPicture:
    """The error for a video without pictures."""
    return NotAPicture(
        "There is only sound in this file.", remedy="Send one with pictures, or a picture."
    )


def video_not_read(shown: str) -> NotAPicture:
    """The error for a video where nothing is installed that reads one."""
    return NotAPicture(
        "This is a {format} video, and videos are not read here.",
        remedy="Send a picture or a GIF of it; the operator can install the extra “video”.",
        format=shown,
    )


def too_complex(shown: str, limit: int) -> PictureTooComplex:
    """The error for a file with more than ``limit`` parts where its format allows any number."""
    return PictureTooComplex(
        "This {format} file has more than {limit} parts: it takes too long to decode.",
        format=shown,
        limit=limit,
    )


def too_many_pixels(limit: int, size: tuple[int, int] | None = None) -> TooManyPixels:
    """The error for a picture of more than ``limit`` pixels; ``size``: width and height."""
    if size is None:
        return TooManyPixels(
            "This picture has too many pixels; at most {limit} megapixels are accepted.",
            remedy="Scale it down and send it again.",
            limit=limit / 1e6,
        )
    width, height = size
    return TooManyPixels(
        "This picture has {found} megapixels ({width} x {height}); "
        "at most {limit} megapixels are accepted.",
        remedy="Scale it down and send it again.",
        found=width * height / 1e6,
        width=width,
        height=height,
        limit=limit / 1e6,
    )


def unreadable_file(error: Exception) -> BadPicture:
    reason = getattr(error, "strerror", None) or str(error)
    return BadPicture(
        "The file cannot be opened: {reason}.",
        remedy="Check that it is still there and that Tangerine may read it.",
        reason=reason[:1].lower() + reason[1:],
    )
