"""A platform's adapter, kept running: started again whenever it ends, at this node's turn."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any, Final, Protocol

from bot.app.turns import Always, Turn
from bot.chat.failures import Failures
from bot.chat.supervision import PAUSES, Pauses
from bot.terminal.console import Terminal
from core.domain.errors import SettingsError, TangerineError

_MOMENT_S: Final = 1.0


class Adapter(Protocol):
    async def start(self) -> None:
        """Connect. Raises SettingsError until somebody acts, Unavailable for now."""

    async def ended(self) -> None:
        """Wait until what :meth:`start` began ends by itself, and raise why."""

    async def stop(self) -> None:
        """Answer what is under way and leave; nothing where nothing runs."""

    def unready(self) -> str | None:
        """Why nobody gets an answer now, None where they do."""


class Platform:
    """An adapter that is kept running in the background: it is restarted whenever it ends.

    A platform that cannot be reached, refuses its token, or sends what its library does not
    expect, never stops the others, nor the program. It connects when it is this node's ``turn``,
    and leaves at the turn's end; after a failure another node may try.
    """

    def __init__(
        self,
        name: str,
        adapter: Adapter,
        terminal: Terminal,
        failures: Failures,
        *,
        turn: Turn | None = None,
        pauses: Pauses = PAUSES,
    ) -> None:
        self._name = name
        self._adapter = adapter
        self._terminal = terminal
        self._failures = failures
        self._turn = turn or Always()
        self._pauses = pauses
        self._waits = False
        self._failure: str | None = None
        self._told: object = None
        self._running: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._name.lower()

    def start(self) -> None:
        self._running = asyncio.create_task(self._keep_running(), name=self._name)

    async def stop(self) -> None:
        """Stop connecting, or disconnect. Raises nothing."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._leave()
        await self._turn.leave()

    def unready(self) -> str | None:
        """Why nobody gets an answer; None also while another node gives them."""
        return self._failure or (None if self._waits else self._adapter.unready())

    def connected(self) -> bool:
        return not self._waits and self.unready() is None

    async def _keep_running(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            connected_at = float("inf")
            failures += 1
            pause_s = 0.0
            try:
                await self._come()
                await self._adapter.start()
                connected_at = clock()
                self._failure = self._told = None
                self._terminal.note(f"{self._name}: connected")
                await self._ended()
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                pause_s = self._explain(error, failures)  # not ours: something inside gave up
            except Exception as error:  # noqa: BLE001 - every failure is reported and retried
                pause_s = self._explain(error, failures)
            await self._leave()
            await self._turn.leave()
            if not pause_s or clock() - connected_at > self._pauses.longest_s:
                failures = 0
            await asyncio.sleep(pause_s)

    async def _come(self) -> None:
        """Wait for this node's turn; tell once where that takes more than a moment."""
        coming = asyncio.create_task(self._turn.come())
        try:
            await asyncio.wait({coming}, timeout=_MOMENT_S)
            if not coming.done():
                self._waits, self._failure = True, None
                self._terminal.note(f"{self._name}: another node answers; this one stands by")
            await coming
        finally:
            self._waits = False
            await _cancelled(coming)

    async def _ended(self) -> None:
        """Wait until the turn is over, or what is connected ends by itself, and raise why."""
        over, ended = (
            asyncio.create_task(self._turn.over()),
            asyncio.create_task(self._adapter.ended()),
        )
        try:
            await asyncio.wait({over, ended}, return_when=asyncio.FIRST_COMPLETED)
            (ended if ended.done() else over).result()
        finally:
            await _cancelled(over, ended)

    def _explain(self, error: BaseException, failures: int) -> float:
        """Tell once why it does not run; seconds until it is tried again."""
        pause_s = self._pauses.after(failures)
        if isinstance(error, TangerineError):
            if self._told != error.message:
                self._terminal.error(error.message, error.remedy)
            self._failure = self._told = error.message
            if isinstance(error, SettingsError):
                return self._pauses.longest_s  # it takes somebody who changes something
            return max(pause_s, getattr(error, "retry_after", 0.0))
        place = (type(error), _place_of(error))
        if self._told != place:
            incident = self._failures.incident(error, platform=self.name)
            self._failure = f"{self._name} ended unexpectedly (error {incident})"
            self._terminal.error(
                f"{self._failure}: {type(error).__name__}. It is tried again in {pause_s:.0f} s, "
                "then after longer pauses; the log has the place under this number."
            )
        self._told = place
        return pause_s

    async def _leave(self) -> None:
        # A task of its own: a stop that comes meanwhile waits for it instead of cutting it off.
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._adapter.stop())
        await asyncio.wait({self._leaving})
        leaving, self._leaving = self._leaving, None
        error = None if leaving.cancelled() else leaving.exception()
        if error is not None:
            incident = self._failures.incident(error, platform=self.name)
            self._terminal.error(
                f"{self._name} could not be left in order (error {incident}): "
                f"{type(error).__name__}. Nothing is lost by it."
            )


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _place_of(error: BaseException) -> tuple[str, int] | None:
    """The file and line that an exception comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    return (frames[-1].filename, frames[-1].lineno or 0) if frames else None
