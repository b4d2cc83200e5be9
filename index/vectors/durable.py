"""Files that survive a loss of power: written, synced, then put in place by one rename."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


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
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
