"""The bytes between the process that wants pictures and those that decode them.

A job goes to a worker pickled, since it comes from us. What comes back is never unpickled: a
decoder that a stranger took over may write anything there. It is a header of fixed size and a
body, each field of which the reader checks (:func:`core.images.slot`).
"""

from __future__ import annotations

import math
import os
import pickle
import socket
import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from core.domain.types import Taken
from core.images.decode import OpenFile
from core.images.worker import Job

JOB: Final = struct.Struct("<?IQ")
"""A job: whether the picture comes as an open file beside these bytes, the length of the pickled
job, and the size of the picture. Then the job, then the picture unless it is a file."""

HEADER: Final = struct.Struct("<B24sIIQHd?B")
"""A result: :class:`Kind`, a name in ASCII, width, height, the length of the body, how much of its
end is a placeholder, when the picture was taken (NaN: nobody knows), if by a known zone, and how
many frames stand for it (0: it does not move)."""

TIME: Final = struct.Struct("<d")
"""The second of a frame."""

MAX_TEXT: Final = 4096
"""Bytes of a refusal or of a report of a bug."""

_PIECE: Final = 1 << 18
"""Bytes read at a time: what a socket holds, about."""


class Kind(IntEnum):
    """What a body is.

    READY: JSON of an :class:`~core.images.sandbox.Isolation`, once, before the first job. PIXELS:
    uint8 [height, width, 3] of the size that the job asked for, the preview where it asked for
    one, and a placeholder, then of each frame its second and, but for the first, its pixels; the
    header names the format of the file, its size and its date. FILE:
    bytes. REFUSED: JSON of the sentences and facts of an error, [cause, remedy, {name: fact}]; the
    header names its code. BUG: what went wrong that no picture should cause.
    """

    READY = 1
    PIXELS = 2
    FILE = 3
    REFUSED = 4
    BUG = 5


@dataclass(frozen=True, slots=True)
class Header:
    """The fixed part of a result. ``length`` bytes follow."""

    kind: Kind
    length: int
    name: str = ""
    width: int = 0
    height: int = 0
    placeholder: int = 0
    taken: Taken | None = None
    frames: int = 0

    def pack(self) -> bytes:
        return HEADER.pack(
            self.kind,
            self.name.encode("ascii"),
            self.width,
            self.height,
            self.length,
            self.placeholder,
            self.taken.seconds if self.taken else math.nan,
            bool(self.taken and self.taken.zoned),
            self.frames,
        )

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Raises ValueError where it is none."""
        kind, name, *size, length, placeholder, seconds, zoned, frames = HEADER.unpack(data)
        width, height = size
        return cls(
            Kind(kind),
            length,
            name.rstrip(b"\0").decode("ascii"),
            width,
            height,
            placeholder,
            None if math.isnan(seconds) else Taken(seconds, zoned),
            frames,
        )


def packed(job: Job) -> tuple[bytes, bytes, int | None]:
    """A job as it is sent: what comes first, the picture, and the open file instead of it."""
    source = job.source
    if isinstance(source, OpenFile):
        order = pickle.dumps(replace(job, source=b""))
        return JOB.pack(True, len(order), source.size) + order, b"", source.descriptor
    if not isinstance(source, bytes):
        raise TypeError("a worker opens no files")
    order = pickle.dumps(replace(job, source=b""))
    return JOB.pack(False, len(order), len(source)) + order, source, None


def receive_job(channel: socket.socket) -> Job | None:
    """The next job, in the worker; None where there is none any more."""
    head, descriptors, _, _ = socket.recv_fds(channel, JOB.size, 1)
    if not head:
        return None
    head += _read(channel.fileno(), JOB.size - len(head))
    by_file, length, size = JOB.unpack(head)
    job: Job = pickle.loads(_read(channel.fileno(), length))  # noqa: S301 - our own parent's
    if by_file:
        return replace(job, source=OpenFile(descriptors[0], size))
    return replace(job, source=_read(channel.fileno(), size))


def send_result(channel: socket.socket, header: Header, *body: bytes | memoryview) -> None:
    """Answer, from the worker. By write(2) alone, which its filter allows."""
    for part in (header.pack(), *body):
        left = memoryview(part).cast("B")
        while left:
            left = left[os.write(channel.fileno(), left) :]


def _read(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(descriptor, min(size, _PIECE))
        if not part:
            raise EOFError("the parent has gone")
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
