"""The frames of animated GIF, PNG, WebP and AVIF files, in order. Runs in a decode worker."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from PIL import Image

from core.images.frames import Frame

MAX_PIXELS: Final = 150_000_000
"""Pixels of an animation that are decoded: 5 s of Full HD at 15 frames a second, and more than
nearly all GIFs have. Each frame builds upon the one before, so that none can be passed over."""

MAX_FRAMES: Final = 1000
"""Frames that are decoded: of one that has a million of a few pixels each, too."""

MAX_SECONDS: Final = 4.0
"""Seconds of a processor that a moving picture may take beside its first frame."""

_LATEST_S: Final = 7.0
"""The same by the clock, so that on a busy machine some frames come before the worker's time is up
(``pictures.timeout_s``)."""

_SHORTEST_S: Final = 0.02
_USUAL_S: Final = 0.1
"""Browsers show a frame that says it is shorter than 20 ms for 100 ms."""

_WEBP_ANIMATED: Final = 0x02
_CHUNKS: Final = 2000


def allowance() -> Callable[[], bool]:
    """Asked again and again: whether what begins now has time left."""
    until, latest = time.process_time() + MAX_SECONDS, time.monotonic() + _LATEST_S
    return lambda: time.process_time() < until and time.monotonic() < latest


def is_animated(name: str, head: bytes, file: BinaryIO) -> bool:
    """Whether a file of this format may have several frames; leaves it at another place.

    Costs still pictures next to nothing. Of a GIF only its second frame tells.
    """
    match name:
        case "GIF":
            return True
        case "WEBP":  # RFC 9649, 2.7
            return head[12:16] == b"VP8X" and bool(head[20] & _WEBP_ANIMATED)
        case "AVIF":
            return b"avis" in head[8:64]
        case "PNG":
            return _has_control(file)
    return False


def frames_of(
    name: str, file: BinaryIO, shown: Callable[[Image.Image], Image.Image]
) -> Iterator[Frame]:
    """The frames from the first one on, as far as they can be read within the bounds above.

    ``shown`` makes of what was decoded what is seen, in RGB. Raises what decoders raise where not
    even the first frame can be read.
    """
    may_go_on = allowance()
    file.seek(0)
    with Image.open(file, formats=[name]) as image:
        at = 0.0
        most = min(MAX_FRAMES, 1 + MAX_PIXELS // max(1, image.width * image.height))
        for number in range(most):
            try:
                image.seek(number)
                image.load()
                # The loaded frame itself is overwritten by the next one.
                seen = shown(image.copy())
                lasts = float(image.info.get("duration") or 0) / 1000
            except Exception:
                if not number:
                    raise
                return  # its end, or as far as it is whole
            yield Frame(at, seen)
            if not may_go_on():
                return
            at += lasts if lasts >= _SHORTEST_S else _USUAL_S


def _has_control(file: BinaryIO) -> bool:
    """Whether a PNG has an animation's control chunk, which stands before its data (11.3.4)."""
    at = 8
    try:
        for _ in range(_CHUNKS):
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            if kind in {b"acTL", b"IDAT", b"IEND"}:
                return bool(kind == b"acTL")
            at += 12 + length
    except struct.error:
        pass
    return False
