"""Whose turn it is where several nodes share a database: one of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from core.domain.errors import CatalogueError
from core.domain.threads import finished_in_thread
from index.catalogue.database import Hold

_LOOK_S: Final = 1.0
"""So much later, at most, another node takes over from one that was killed."""


class Turn(Protocol):
    """The right to do what one node does at a time."""

    async def come(self) -> None:
        """Wait until this node has it; whoever gives up waiting leaves."""

    async def over(self) -> None:
        """Wait until another node may have it."""

    async def leave(self) -> None:
        """Let others have it; nothing where this node has it not."""


class Always:
    """That of a program without others."""

    async def come(self) -> None:
        """It is there already."""

    async def over(self) -> None:
        """It stays."""
        await asyncio.Event().wait()

    async def leave(self) -> None:
        """There is nobody else."""


class SharedTurn:
    """That of whoever holds a lock of the database by this name (``hold``: ``Database.hold``).

    Where that node ends, is killed or loses its connection, another one has it, or the same one
    again. ``grace_s`` is how long a node goes on that does not reach the database: less than the
    half minute after which the server forgets one that went without a word.
    """

    def __init__(
        self,
        hold: Callable[[str], Hold | None],
        name: str,
        *,
        look_s: float = _LOOK_S,
        grace_s: float = 0.0,
    ) -> None:
        self._try_hold = hold
        self._name = name
        self._look_s = look_s
        self._grace_s = grace_s
        self._held: Hold | None = None

    async def come(self) -> None:
        while self._held is None:
            with suppress(CatalogueError):  # told by all else that asks the database
                await self._take()
            if self._held is None:
                await asyncio.sleep(self._look_s)

    async def over(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._held is not None:
            reached = clock()
            while await finished_in_thread(self._held.lasts):
                reached = clock()
                await asyncio.sleep(self._look_s)
            await self.leave()
            while clock() < reached + self._grace_s:
                try:
                    await self._take()
                    break
                except CatalogueError:
                    await asyncio.sleep(self._look_s)

    async def leave(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            await finished_in_thread(held.let_go)

    async def _take(self) -> None:
        # Kept by the thread itself: what it got after a cancellation is let go of by `leave`.
        await finished_in_thread(self._take_in_thread)

    def _take_in_thread(self) -> None:
        self._held = self._try_hold(self._name)
