"""Which files earlier versions read in another way, told by their first bytes alone.

A collection that was indexed before has vectors of what was seen then. Encoding all of it anew
would take hours for the sake of a few pictures.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from core.domain.errors import BadPicture
from core.images.animation import is_animated
from core.images.decode import DecodeLimits, open_file
from core.images.effort import boxes
from core.images.formats import sniff
from core.images.gamut import coding_of_file

_HEAD: Final = 1 << 16
"""Bytes that are looked at: what says how pixels are meant stands in front of them."""


def moves(path: Path) -> bool:
    """Whether a file may be a picture that moves, of which those before 14 saw one frame. Blocking.

    True where it cannot be opened, as for :func:`read_otherwise`.
    """
    head = _head(path)
    name = None if head is None else sniff(head[:512])
    return head is None or (name is not None and is_animated(name, head[:512], io.BytesIO(head)))


def read_otherwise(path: Path) -> bool:
    """Whether this version may see other pixels in a file than those before it. Blocking.

    Those were 1: white drawings on white, GIFs filled with a colour, high dynamic range and wide
    gamuts as they lie. True where the file cannot be opened: whoever reads it will say why.
    """
    head = _head(path)
    if head is None or moves(path):
        return True
    match sniff(head[:512]):
        case "PNG":
            # Colour types with alpha, or a chunk that says the same (PNG, 11.2.1 and 11.3).
            return head[25:26] in {b"\4", b"\6"} or b"tRNS" in head or b"cICP" in head
        case "WEBP":
            extended, lossless = head[12:16] == b"VP8X", head[12:16] == b"VP8L"
            return bool((extended and head[20] & 0x10) or (lossless and head[24] & 0x10))
        case "AVIF" | "HEIF":
            coding = coding_of_file(io.BytesIO(head), len(head))
            return (coding is not None and not coding.plain) or _has_alpha(head)
    return False


def _head(path: Path) -> bytes | None:
    try:
        file = open_file(path, DecodeLimits(None, 1))
    except BadPicture:
        return None
    with open(file.descriptor, "rb") as opened:  # noqa: PTH123 - it is open
        return opened.read(_HEAD)


def _has_alpha(head: bytes) -> bool:
    for name, start, end in boxes(io.BytesIO(head), 0, len(head)):
        if name == b"meta":
            # URNs of MIAF (ISO/IEC 23000-22, 7.3.5) and of HEVC.
            return any(urn in head[start:end] for urn in (b"auxiliary:alpha", b"2015:auxid:1\0"))
    return False
