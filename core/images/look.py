"""What a page shows of a picture before it has it, and when it was taken. Runs in a decode worker.

A placeholder is a WebP of at most 12 x 12 pixels: some 50 bytes, which every browser scales up
softly by itself, without a script that would have to decode a hash.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Final

from PIL import Image

from core.domain.types import Taken

PLACEHOLDER_EDGE: Final = 12
"""Pixels of the longer edge: enough for where it is bright and dark, and in which colours."""

_SEEN: Final = 128
"""Pixels of each edge that are looked at: more would not change an average of so few."""

_QUALITY: Final = 40
_EXIF_IFD: Final = 0x8769
_TAKEN: Final = 0x9003
_ZONE: Final = 0x9011
_DATE: Final = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)")


def placeholder_of(image: Image.Image) -> bytes:
    """The RGB picture as a tiny WebP; costs 0.2 ms for any size."""
    longest = max(image.size)
    width, height = (max(1, round(PLACEHOLDER_EDGE * edge / longest)) for edge in image.size)
    seen = image.resize(
        (min(image.width, _SEEN), min(image.height, _SEEN)), Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    seen.resize((width, height), Image.Resampling.BOX).save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


def taken_at(image: Image.Image) -> Taken | None:
    """When the camera took the picture; None where it does not say.

    EXIF's DateTimeOriginal, with OffsetTimeOriginal where it stands beside it (EXIF 2.32, 4.6.5).
    A worker reads no files, and so neither the zone of this machine nor what strptime imports.
    """
    try:
        noted = image.getexif().get_ifd(_EXIF_IFD)
        date = _DATE.fullmatch(str(noted[_TAKEN]).strip("\0 "))
        zone = _OFFSET.fullmatch(str(noted.get(_ZONE, "")).strip("\0 "))
        if date is None:
            return None
        seconds = float(datetime(*map(int, date.groups()), tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]
        if zone is None:
            return Taken(seconds, zoned=False)
        sign, hours, minutes = zone.groups()
        ahead = 3600 * int(hours) + 60 * int(minutes)
        return Taken(seconds - (ahead if sign == "+" else -ahead), zoned=True)
    # A picture is not worth less for a broken note about the camera.
    except Exception:  # noqa: BLE001
        return None
