"""Whether questions can be answered now, and if not, why: what ``/readyz`` tells."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Protocol

import structlog

from core.domain.errors import TangerineError
from core.encoder.batch_records import BatcherHealth
from core.images.sandbox import Isolation

# A worker that was replaced is told for this long, so that a probe once a minute sees it.
_RESTART_TOLD_S = 60.0
_STUCK_S = 60.0
_DISK_EVERY_S = 2.0
_INDEX_EVERY_S = 2.0
_MIB = 2**20
# A commit of the catalogue and its write-ahead log take some MiB.
_LEAST_FREE_MIB = 16

_log = structlog.get_logger("bot.health")


def serving_troubles(batcher: BatcherHealth, *, decoding: bool) -> list[str]:
    """Why encoder or decoders serve nobody; empty where they do."""
    troubles = [] if batcher.trouble is None else [batcher.trouble]
    if not batcher.alive:
        troubles.append("the encoder's queue is not running")
    if batcher.restarted_ago is not None and batcher.restarted_ago < _RESTART_TOLD_S:
        troubles.append(f"the encoder's queue died {batcher.restarted_ago:.0f} s ago")
    if batcher.running_for is not None and batcher.running_for > _STUCK_S:
        troubles.append(f"the encoder has been busy for {batcher.running_for:.0f} s")
    if not decoding:
        troubles.append("no process decodes pictures")
    return troubles


def told_to_strangers(error: TangerineError) -> str:
    """An error in words that name nothing of this machine: anybody may ask ``/readyz``."""
    if not error.for_operator:
        return f"{error.message} {error.remedy}".strip().rstrip(".")
    return f"{error.general[0]} The log says more"


def serving_details(isolation: Isolation | None) -> dict[str, str]:
    """What holds of the processes that decode strangers' pictures, for ``/readyz?verbose``."""
    if isolation is None:
        return {"decoding": "no process has been started yet"}
    return {"decoding": f"isolated: {isolation}"}


def disk_trouble(folder: Path) -> str | None:
    """Why nothing can be written to the data folder, None where it can. Writes nothing itself.

    Its place is not told: anybody may ask. Blocking where the folder lies on a network.
    """
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        return f"the data folder is out of reach: {error.strerror}"
    if disk.f_flag & os.ST_RDONLY:
        return "the data folder is mounted read-only"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "the data folder may not be written"
    free = disk.f_bavail * disk.f_frsize / _MIB
    if free < _LEAST_FREE_MIB:
        return f"the disk of the data folder is full: {free:.0f} MiB free"
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
        while True:
            trouble = await asyncio.to_thread(disk_trouble, self._folder)
            if trouble is not None and self._trouble is None:
                _log.error("nothing can be kept", folder=str(self._folder), reason=trouble)
            self._trouble = trouble
            await asyncio.sleep(self._every_s)


class Opened(Protocol):
    """The index of a collection, as it is searched now."""

    @property
    def generation(self) -> int:
        """How often it was committed; 0 where the folder was never indexed."""


class IndexWatch:
    """Knows which collections cannot be searched and why, from a look every few seconds.

    ``open_index`` opens the index of a collection for the model that questions are encoded
    with: None where there is none yet. It raises TangerineError. The first time it may take
    minutes, where an index has to be rebuilt from the catalogue; later it costs next to
    nothing, and notices what other processes do.
    """

    def __init__(
        self,
        names: Iterable[str],
        open_index: Callable[[str], Awaitable[Opened | None]],
        *,
        every_s: float = _INDEX_EVERY_S,
    ) -> None:
        self._open = open_index
        self._every_s = every_s
        self._troubles = {
            name: f"the index of the collection {name} is being opened or made anew"
            for name in names
        }
        self._looking = {name: asyncio.Lock() for name in self._troubles}
        self._failures: dict[str, str] = {}

    def troubles(self) -> list[str]:
        """Why each of them cannot be searched; empty where all can. Never blocks."""
        return list(self._troubles.values())

    def searchable(self, name: str) -> bool:
        """Whether this one could be searched when it was last looked at."""
        return name not in self._troubles

    def failed(self, name: str, reason: str) -> None:
        """Tell why a collection could not be indexed, for as long as it never was."""
        self._failures[name] = reason

    async def look(self, name: str) -> None:
        # One after the other: what was seen first must not be told last.
        async with self._looking[name]:
            trouble = await self._trouble(name)
            if trouble is None:
                if self._troubles.pop(name, None) is not None:
                    _log.debug("index.ready", collection=name)
            else:
                self._troubles[name] = trouble

    async def watch(self) -> None:
        async with asyncio.TaskGroup() as group:
            # Each in its own task, since a rebuild takes its time.
            for name in self._looking:
                group.create_task(self._keep_looking(name))

    async def _keep_looking(self, name: str) -> None:
        while True:
            await self.look(name)
            await asyncio.sleep(self._every_s)

    async def _trouble(self, name: str) -> str | None:
        try:
            index = await self._open(name)
        except TangerineError as error:
            trouble = f"{name}: {told_to_strangers(error)}"
            if error.for_operator and self._troubles.get(name) != trouble:
                _log.error(
                    "index not opened", collection=name, cause=error.message, remedy=error.remedy
                )
            return trouble
        except Exception:  # noqa: BLE001 - one defect must not end the watch
            trouble = f"the index of the collection {name} cannot be opened; the log says why"
            if self._troubles.get(name) != trouble:  # once is enough for one that stays
                _log.exception("index not opened", collection=name)
            return trouble
        if index is not None and index.generation:
            return None
        first = f"the collection {name} is being indexed for the first time"
        return self._failures.get(name, first)
