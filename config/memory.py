"""How much memory goes into what a process keeps only to be quicker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MIB = 2**20

NORMAL_MB = 192
"""MiB of buffers where nothing is set: what 64 callers who post photos keep busy."""

SMALL_MB = 24
"""MiB of buffers on a server of 512 MiB."""

_BY_NAME = {"normal": NORMAL_MB, "small": SMALL_MB}

_TIGHT_MB = 96
"""Below this, what works side by side is bounded, too: each decoding process takes some 20 MiB
that it shares with no other, and the arenas of malloc some 35."""


@dataclass(frozen=True, slots=True)
class BufferSizes:
    """Bounds of what is kept in passing.

    ``thumbnails`` and ``uploads`` are bytes: thumbnails beside their file on disk, and bodies of
    requests on their way in. Counts are None where nothing is bounded: ``decoders`` are processes
    that decode, ``arenas`` those of glibc's malloc, of which every thread takes one.
    """

    thumbnails: int
    uploads: int
    decoders: int | None = None
    arenas: int | None = None


def buffer_sizes(memory: Literal["normal", "small"] | int) -> BufferSizes:
    """The bounds of a setting ``memory``, whose number is in MiB."""
    mib = memory if isinstance(memory, int) else _BY_NAME[memory]
    third = mib * MIB // 3
    tight = mib < _TIGHT_MB
    return BufferSizes(
        thumbnails=third,
        uploads=2 * third,
        decoders=1 if tight else None,
        arenas=1 if tight else None,
    )
