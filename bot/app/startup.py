"""The way to a running engine: alive from the first moment, ready once the model is loaded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

import structlog

from bot.engine.engine import Engine, open_engine
from bot.observability.health import told_to_strangers
from bot.terminal.console import Loading, Terminal
from config.settings import Settings
from core.domain.errors import ModelUnavailable

_Result = TypeVar("_Result")

_log = structlog.get_logger("bot.starting")

# A model may come back: its disk is mounted late, its hub out of reach. Within a minute of
# that it is noticed.
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0
# Loading cannot be broken off, and nothing is lost by ending in the middle of it.
_GRACE_S = 10.0


Opening = Callable[[Settings], AbstractAsyncContextManager[Engine]]
"""How an engine is made of settings."""


class Starting:
    """Opens the engine as soon as its model can be loaded, and says why it is not yet."""

    def __init__(
        self,
        settings: Settings,
        terminal: Terminal,
        *,
        opening: Opening = open_engine,
        first_pause_s: float = _FIRST_PAUSE_S,
        grace_s: float = _GRACE_S,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """``first_pause_s``: before the second attempt of ``opening``; it doubles with each.

        ``grace_s`` after the last one was given up, ``end`` is called.
        """
        self._settings = settings
        self._terminal = terminal
        self._opening = opening
        self._first_pause_s = first_pause_s
        self._grace_s = grace_s
        self._end = end
        self._reason = "the model is being loaded"

    def unready(self) -> list[str]:
        """Why there is no engine yet, for as long as there is none."""
        return [self._reason]

    async def engine(self, stack: AsyncExitStack, stop: asyncio.Event) -> Engine | None:
        """The engine, closed with ``stack``; None where ``stop`` was set before.

        A model that cannot be loaded is told once and tried again, until it can be. Raises
        what else :func:`bot.engine.engine.open_engine` raises.
        """
        return await _unless(stop, self._open(stack), self._give_up)

    async def _open(self, stack: AsyncExitStack) -> Engine:
        pause_s, told = self._first_pause_s, ""
        while True:
            try:
                with Loading(self._terminal, f"loading {self._settings.model}"):
                    engine = await stack.enter_async_context(self._opening(self._settings))
                _log.debug("engine.ready")
            except ModelUnavailable as error:
                if told != error.message:
                    self._terminal.error(error.message, error.remedy)
                    self._terminal.note("It is tried again from time to time.")
                    told = error.message
                self._reason = told_to_strangers(error)
            else:
                return engine
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _give_up(self) -> None:
        # A thread, since the event loop waits for the one that loads when it ends.
        ending = threading.Timer(self._grace_s, self._end, (0,))
        ending.daemon = True
        ending.start()


async def _unless(
    stop: asyncio.Event, work: Coroutine[Any, Any, _Result], give_up: Callable[[], None]
) -> _Result | None:
    """The result of ``work``; where ``stop`` is set before, None, and the work is cancelled."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        give_up()
        return None
    finally:
        for task in (doing, stopping):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
