"""Work in steps that are told of, and between which it can be stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from bot.terminal.console import Terminal
from core.domain.errors import ShuttingDown
from core.domain.threads import finished_in_thread
from core.domain.types import Progress

_T = TypeVar("_T")


async def in_steps(terminal: Terminal, work: Callable[[Callable[[str, Progress], None]], _T]) -> _T:
    """Blocking work in a thread, which says by a name how far it is; Ctrl-C ends it there."""
    loop = asyncio.get_running_loop()
    stopped = threading.Event()
    with terminal.progress() as lines:

        def tell(name: str, progress: Progress) -> None:
            if stopped.is_set():
                raise ShuttingDown("Nothing was changed.")
            loop.call_soon_threadsafe(lines.update, name, progress)

        task = asyncio.create_task(finished_in_thread(work, tell))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.wait({task})
            raise
