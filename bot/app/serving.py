"""A process that serves until it is asked to stop: what all of ours begin and end with."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack

from bot.app.background import Work, in_background
from bot.app.lifecycle import ServiceManager, stop_on_signals
from bot.app.malloc import limit_malloc_arenas
from bot.http.server import raise_descriptor_limit
from bot.terminal.console import Terminal
from config.settings import Settings

_MADE_BETWEEN_COLLECTIONS = 10_000
"""Objects made above those that went by themselves; Python's own choice is 700. Looking at so
many takes 3 ms, and happened three times in 10,000 requests of 64 callers (``bench.http``)
instead of 828 times, which cost each of them 0.04 ms of processor time."""


class Serving:
    """This process, on the running event loop; to be made before it starts threads.

    ``stop`` is set by SIGTERM or SIGINT; a second signal ends at once.
    """

    def __init__(self, settings: Settings, terminal: Terminal) -> None:
        raise_descriptor_limit()
        limit_malloc_arenas(settings.buffers.arenas)
        self._terminal = terminal
        self.stop: asyncio.Event = stop_on_signals()
        self.manager = ServiceManager.of(os.environ, pid=os.getpid())

    async def serve(self, works: Iterable[Work]) -> None:
        """Do these beside everything else until it is asked to stop; they have ended then."""
        async with AsyncExitStack() as background:
            for work in works:
                await in_background(background, work)
            settle()
            self.manager.ready()
            await self.stop.wait()
            self._terminal.note("Stopping.")
            self.manager.stopping()


def settle() -> None:
    """Let the garbage collector look neither at what stays for good nor at what goes by itself.

    A full collection walks all objects and lets nobody else run meanwhile: with a model and
    its libraries loaded, 0.25 s in which every answer waits
    (https://docs.python.org/3/library/gc.html#gc.freeze). And Python's own threshold is reached
    with every dozen requests of many callers: what it finds are those that are under way.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE_BETWEEN_COLLECTIONS)
