"""Who may have how many of the bot's hands: no person and no chat takes all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from telegram import Update
from telegram.ext import BaseUpdateProcessor

from bot.chat.admission import Lines

# Tasks of the library that stand in lines. Each line is bounded, so that it takes hundreds of
# flooded chats to come this far.
_MOST_UPDATES = 10_000

_log = structlog.get_logger("telegram")


class Tally:
    """Tells of what happens once at once, then how often it did, every ``every_s`` seconds.

    A flood is one line a minute, and not one line each time. Call it on the event loop.
    """

    def __init__(self, tell: Callable[[int], object], every_s: float = 60.0) -> None:
        """``tell`` is called with the number of times since it was called last."""
        self._tell = tell
        self._every_s = every_s
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self) -> None:
        self._count += 1
        if self._timer is None:
            self._told()

    def close(self) -> None:
        """Tell what was not told yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._count:
            self._tell(self._count)
        self._count = 0

    def _told(self) -> None:
        self.close()
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._next)

    def _next(self) -> None:
        self._timer = None
        if self._count:
            self._told()


class Shares(BaseUpdateProcessor):
    """Answers ``at_once`` updates at the same time: ``share`` of a chat, half of it a person's.

    Further updates of the same person or chat wait in a line of their own, without a hand;
    where ``line`` of them wait already, the next is dropped: an answer would come when
    nobody waits for it any more.
    """

    def __init__(
        self, at_once: int, *, share: int = 16, line: int = 48, told_every_s: float = 60.0
    ) -> None:
        """``told_every_s``: seconds from one line of the log about dropped updates to the next."""
        super().__init__(max(_MOST_UPDATES, at_once))
        self._at_once = at_once
        self._persons = Lines(share // 2, longest=line)
        self._chats = Lines(share, longest=line)
        self._taken = 0
        self._hands = asyncio.Semaphore(at_once)
        self._dropped = Tally(
            lambda count: _log.warning(
                "updates dropped", count=count, reason="one chat or person sends too many"
            ),
            told_every_s,
        )

    @property
    def full(self) -> bool:
        """Whether all hands are taken, so that the next update waits whoever sent it."""
        return self._taken >= self._at_once

    async def initialize(self) -> None:
        """Nothing is to be prepared."""

    async def shutdown(self) -> None:
        """Tell of the last that were dropped."""
        self._dropped.close()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        try:
            async with AsyncExitStack() as stack:
                # The person first: who waits for a share of a chat takes nothing from others.
                for lines, name in self._lines_of(update):
                    turn = stack.enter_context(lines.stand(name))
                    if turn is None:
                        self._dropped.add()
                        return
                    await stack.enter_async_context(turn)
                await stack.enter_async_context(self._hand())
                await coroutine
        finally:
            if asyncio.iscoroutine(coroutine):
                coroutine.close()  # where it was dropped; the library expects it to be awaited

    def _lines_of(self, update: object) -> Iterator[tuple[Lines, str]]:
        """The lines that an update stands in; in private the person is the chat."""
        if not isinstance(update, Update):
            return
        user, chat = update.effective_user, update.effective_chat
        if user is not None:
            yield self._persons, str(user.id)
        if chat is not None and (user is None or chat.id != user.id):
            yield self._chats, str(chat.id)

    @asynccontextmanager
    async def _hand(self) -> AsyncIterator[None]:
        async with self._hands:
            self._taken += 1
            try:
                yield
            finally:
                self._taken -= 1
