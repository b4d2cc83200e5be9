"""Who may have how many of the bot's hands: no person and no chat takes all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
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


class Shares(BaseUpdateProcessor):
    """Answers ``at_once`` updates at the same time: ``share`` of a chat, half of it a person's.

    Further updates of the same person or chat wait in a line of their own, without a hand;
    where ``line`` of them wait already, the next is dropped: an answer would come when
    nobody waits for it any more.
    """

    def __init__(self, at_once: int, *, share: int = 16, line: int = 48) -> None:
        super().__init__(max(_MOST_UPDATES, at_once))
        self._at_once = at_once
        self._persons = Lines(share // 2, longest=line)
        self._chats = Lines(share, longest=line)
        self._taken = 0
        self._hands = asyncio.Semaphore(at_once)

    @property
    def full(self) -> bool:
        """Whether all hands are taken, so that the next update waits whoever sent it."""
        return self._taken >= self._at_once

    async def initialize(self) -> None:
        """Nothing is to be prepared."""

    async def shutdown(self) -> None:
        """Nothing is to be given back."""

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        try:
            async with AsyncExitStack() as stack:
                # The person first: who waits for a share of a chat takes nothing from others.
                for lines, name in self._lines_of(update):
                    turn = stack.enter_context(lines.stand(name))
                    if turn is None:
                        _log.warning("update dropped", reason="one chat or person sends too many")
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
