"""Whether questions can be answered now, and if not, why: what ``/readyz`` tells."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from pathlib import Path

from core.batch_records import BatcherHealth

# A worker that was replaced is told for this long, so that a probe once a minute sees it.
_RESTART_TOLD_S = 60.0
_STUCK_S = 60.0
_DISK_EVERY_S = 5.0
_MIB = 2**20
# A commit of the catalogue and its write-ahead log take some MiB.
_LEAST_FREE_MIB = 16


def serving_troubles(batcher: BatcherHealth, *, decoding: bool) -> list[str]:
    """Why encoder or decoders serve nobody; empty where they do."""
    troubles = []
    if not batcher.alive:
        troubles.append("the encoder's queue is not running")
    if batcher.restarted_ago is not None and batcher.restarted_ago < _RESTART_TOLD_S:
        troubles.append(f"the encoder's queue died {batcher.restarted_ago:.0f} s ago")
    if batcher.running_for is not None and batcher.running_for > _STUCK_S:
        troubles.append(f"the encoder has been busy for {batcher.running_for:.0f} s")
    if not decoding:
        troubles.append("no process decodes pictures")
    return troubles


def disk_trouble(folder: Path) -> str | None:
    """Why nothing can be written to the data folder, None where it can. Writes nothing itself.

    Blocking where the folder lies on a network.
    """
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        return f"the data folder {folder} is out of reach: {error.strerror}"
    if disk.f_flag & os.ST_RDONLY:
        return f"the data folder {folder} is mounted read-only"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the data folder {folder} may not be written"
    free = disk.f_bavail * disk.f_frsize / _MIB
    if free < _LEAST_FREE_MIB:
        return f"the disk of the data folder {folder} is full: {free:.0f} MiB free"
    return None


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder, of those that stay while it is counted. Blocking."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):  # a generation may be swept meanwhile
            status = file.stat()
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    return total


class DiskWatch:
    """Knows whether the data folder can be written, from a look every few seconds."""

    def __init__(self, folder: Path, *, every_s: float = _DISK_EVERY_S) -> None:
        self._folder = folder
        self._every_s = every_s
        self._trouble: str | None = None

    def troubles(self) -> list[str]:
        """Why nothing can be kept; empty where it can. Never blocks."""
        return [self._trouble] if self._trouble else []

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._trouble = await asyncio.to_thread(disk_trouble, self._folder)
            await asyncio.sleep(self._every_s)
