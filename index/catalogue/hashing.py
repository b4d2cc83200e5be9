"""What a file holds right now."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

_ATTEMPTS = 3


class ChangingFileError(OSError):
    """The file changes while it is read; somebody is still writing it."""


@dataclass(frozen=True, slots=True)
class Content:
    """The SHA-256 (hex) of a file's bytes, and how the file looked while it was read."""

    sha256: str
    size: int
    mtime_ns: int
    inode: int


def read_content(path: Path) -> Content:
    """Hash a file. Raises OSError, ChangingFileError where it does not hold still."""
    for _ in range(_ATTEMPTS):
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256")
            after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            return Content(digest.hexdigest(), after.st_size, after.st_mtime_ns, after.st_ino)
    raise ChangingFileError(0, "it changes while it is read")


def is_unchanged(path: Path, content: Content) -> bool:
    """Whether the file still looks as it did when it was hashed. Raises OSError."""
    now = path.stat()
    return (now.st_size, now.st_mtime_ns, now.st_ino) == (
        content.size,
        content.mtime_ns,
        content.inode,
    )
