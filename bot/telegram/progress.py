"""Progress of long work, edited in place, and the tasks that outlive an update."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from typing import Any

import structlog
from telegram import Message
from telegram.error import TelegramError

from bot.chat.commands import Commands
from bot.i18n.messages import Words
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from bot.telegram.drawing import ReplySender
from bot.telegram.memory import AnsweredMessage
from bot.telegram.messages import Place

# A group takes 20 messages and edits a minute; progress must leave most of them to others.
_GROUP_STEP_S = 6.0
_PRIVATE_STEP_S = 1.5


class Background:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._log = structlog.get_logger("telegram")

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something; a failure that it does not handle ends in the log."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._log.warning("could not finish", error=type(error).__name__)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Following:
    """Shows how a job comes along in one message, and at last how it ended."""

    def __init__(
        self, commands: Commands, drawing: ReplySender, *, step_s: float | None = None
    ) -> None:
        self._commands = commands
        self._drawing = drawing
        self._step_s = step_s

    async def follow(
        self, job: str, message: Message, place: Place, request: Request, words: Words
    ) -> None:
        """Edit the message until the job is over; if it was deleted, send the end as a new one."""
        step = self._step_s
        if step is None:
            step = _GROUP_STEP_S if place.is_group else _PRIVATE_STEP_S
        latest: Reply | None = None
        changed = asyncio.Event()

        async def read() -> None:
            nonlocal latest
            async for reply in self._commands.follow(job, request):
                latest = reply
                changed.set()

        reading = asyncio.create_task(read())
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=step)
                if latest is not None and changed.is_set() and not reading.done():
                    changed.clear()
                    await _quietly(self._drawing.edit(message, latest))
            await reading
        finally:
            reading.cancel()
        if latest is not None:
            await self._end(latest, message, place, request, words)

    async def _end(
        self, reply: Reply, message: Message, place: Place, request: Request, words: Words
    ) -> None:
        if not await self._drawing.rewrite(message, reply):
            await self._drawing.draw(
                reply, place, AnsweredMessage(0), community=request.community, words=words
            )


async def _quietly(call: Awaitable[None]) -> None:
    # The next step says it again.
    with contextlib.suppress(TelegramError):
        await call
