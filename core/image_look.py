"""What a page shows of a picture before it has it, and when it was taken. Runs in a decode worker.

A placeholder is a WebP of at most 12 x 12 pixels: some 50 bytes, which every browser scales up
softly by itself, without a script that would have to decode a hash.
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import Final

from PIL import Image

PLACEHOLDER_EDGE: Final = 12
"""Pixels of the longer edge: enough for where it is bright and dark, and in which colours."""

_SEEN: Final = 128
"""Pixels of each edge that are looked at: more would not change an average of so few."""

_QUALITY: Final = 40
_EXIF_IFD: Final = 0x8769
_TAKEN: Final = 0x9003
_ZONE: Final = 0x9011


def placeholder_of(image: Image.Image) -> bytes:
    """The RGB picture as a tiny WebP; costs 0.2 ms, whatever its size."""
    longest = max(image.size)
    width, height = (max(1, round(PLACEHOLDER_EDGE * edge / longest)) for edge in image.size)
    seen = image.resize(
        (min(image.width, _SEEN), min(image.height, _SEEN)), Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    seen.resize((width, height), Image.Resampling.BOX).save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


def taken_at(image: Image.Image) -> float | None:
    """When the camera took the picture, in seconds since the epoch; None where it does not say.

    EXIF's DateTimeOriginal, in the zone of OffsetTimeOriginal or, without one, of this machine
    (EXIF 2.32, 4.6.5).
    """
    try:
        noted = image.getexif().get_ifd(_EXIF_IFD)
        taken = datetime.strptime(str(noted[_TAKEN]).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the zone follows
        zone = str(noted.get(_ZONE, "")).strip("\0 ")
        if zone:
            taken = taken.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo)
        return taken.timestamp()
    # A picture is not worth less for a broken note about the camera.
    except Exception:  # noqa: BLE001
        return None
