"""Files that survive a loss of power: written, synced, then put in place by one rename."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_CHUNK = 1 << 20
_DIGEST = hashlib.sha256().digest_size
_SIZE = struct.Struct("<q")


def sync(path: Path) -> None:
    """Wait until this file or folder is on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on the disk. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def swap_durably(path: Path, data: bytes) -> None:
    """Replace a file in one step: readers find the old content or the new, never a part.

    Raises OSError; the old content is then still there.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_durably(beside, data)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def checksum(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) and size in bytes of a file. Raises OSError."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


@dataclass(frozen=True, slots=True)
class BlockSums:
    """The SHA-256 of each ``block`` bytes of a file, so that it need not be read whole.

    They lie in a file of their own beside it.
    """

    block: int
    digests: Sequence[bytes]

    @classmethod
    def of(cls, path: Path, block: int) -> Self:
        """Those of the file as it is now. Raises OSError."""
        with path.open("rb") as file:
            return cls(
                block,
                [hashlib.sha256(each).digest() for each in iter(lambda: file.read(block), b"")],
            )

    @classmethod
    def read(cls, path: Path) -> Self:
        """What :meth:`write` wrote for this file. Raises OSError, ValueError."""
        data = cls.beside(path).read_bytes()
        rest = len(data) - _SIZE.size
        if rest < 0 or rest % _DIGEST:
            raise ValueError(f"{cls.beside(path).name} holds no checksums")
        (block,) = _SIZE.unpack_from(data)
        return cls(block, [data[at : at + _DIGEST] for at in range(_SIZE.size, len(data), _DIGEST)])

    def write(self, path: Path) -> None:
        """Write them beside this file. Raises OSError."""
        self.beside(path).write_bytes(_SIZE.pack(self.block) + b"".join(self.digests))

    @staticmethod
    def beside(path: Path) -> Path:
        """Where the checksums of a file are."""
        return path.with_name(f"{path.name}.sums")
