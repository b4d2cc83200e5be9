"""What is wrong with a picture, in the words of the one who sent it."""

from __future__ import annotations

from typing import Final

from core.domain.errors import (
    BadPicture,
    DamagedPicture,
    DecodingFailed,
    NotAPicture,
    PictureTooComplex,
    PictureTooLarge,
    TooManyPixels,
)
from core.images.formats import ACCEPTED, foreign

_RESAVE: Final = "Open it in a picture program, save it as JPEG or PNG and send that."
_SEND_AGAIN: Final = "Send it again, from the original if you can."

_MIB: Final = 1 << 20
_SHOWN_NAMES: Final = {"WEBP": "WebP", "HEIF": "HEIC"}


def too_many_bytes(size: int, limit: int) -> PictureTooLarge:
    """The error for a picture of ``size`` bytes where ``limit`` are allowed."""
    return PictureTooLarge(
        f"This picture has {size / _MIB:.1f} MiB; at most {limit / _MIB:.4g} MiB are accepted.",
        remedy="Send a smaller version of it, for example as JPEG.",
    )


def out_of_memory() -> DecodingFailed:
    """The error for a picture that wants more memory than a worker may have."""
    return DecodingFailed("This picture needs too much memory to be decoded.", remedy=_RESAVE)


def out_of_time(seconds: float) -> DecodingFailed:
    return DecodingFailed(
        f"This picture takes longer than {seconds:.3g} seconds to decode.", remedy=_RESAVE
    )


def worker_died() -> DecodingFailed:
    return DecodingFailed("The decoder broke down over this picture.", remedy=_RESAVE)


def not_a_picture(head: bytes) -> NotAPicture:
    """The error for a file that begins with ``head``, which is no accepted format."""
    if not head:
        return NotAPicture("This file is empty.", remedy=_SEND_AGAIN)
    remedy = f"Send a {ACCEPTED} file."
    what = foreign(head)
    if what is None:
        return NotAPicture("This file is no picture of a known format.", remedy=remedy)
    return NotAPicture(f"This is {what}, which cannot be read here.", remedy=remedy)


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
        f"This {shown} file is damaged or of a kind that cannot be read.", remedy=_RESAVE
    )


def cut_short(shown: str, missing: float | None) -> DamagedPicture:
    """The error for a file that lacks this share of its picture, None where nobody can tell."""
    part = "a part" if missing is None else f"about {max(1, round(100 * missing))} %"
    return DamagedPicture(
        f"This {shown} file ends too early: {part} of it is missing.", remedy=_SEND_AGAIN
    )


def too_complex(shown: str, what: str, limit: int) -> PictureTooComplex:
    """The error for a file with more than ``limit`` of ``what`` its format allows any number."""
    return PictureTooComplex(
        f"This {shown} file has more than {limit} {what}: it takes too long to decode.",
        remedy=_RESAVE,
    )


def too_many_pixels(found: str, limit: int) -> TooManyPixels:
    """The error for a picture with ``found`` (in words) where ``limit`` pixels are allowed."""
    return TooManyPixels(
        f"This picture has {found}; at most {limit / 1e6:.4g} megapixels are accepted.",
        remedy="Scale it down and send it again.",
    )


def unreadable_file(error: Exception) -> BadPicture:
    reason = getattr(error, "strerror", None) or str(error)
    return BadPicture(
        f"The file cannot be opened: {reason[:1].lower()}{reason[1:]}.",
        remedy="Check that it is still there and that Tangerine may read it.",
    )
