"""Takes each update once and hands it to whoever answers its kind, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from cachetools import LRUCache
from telegram import Update
from telegram.error import TelegramError

from bot.telegram.albums import Albums
from bot.telegram.answers import MessageAnswers
from bot.telegram.buttons import Buttons
from bot.telegram.chats import Chats
from bot.telegram.inline import Inline
from bot.telegram.messages import hear
from bot.telegram.service import Service

_REMEMBERED = 10_000


class Updates:
    """Takes each update once, and answers it whatever happens."""

    def __init__(
        self,
        service: Service,
        albums: Albums,
        *,
        answers: MessageAnswers,
        buttons: Buttons,
        inline: Inline,
        chats: Chats,
    ) -> None:
        self._service = service
        self._albums = albums
        self._answers = answers
        self._buttons = buttons
        self._inline = inline
        self._chats = chats
        self._seen: LRUCache[int, bool] = LRUCache(_REMEMBERED)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._log = structlog.get_logger("telegram")

    async def take(self, update: Update) -> None:
        """Answer one update; one that was taken before is dropped."""
        if update.update_id in self._seen or self._closed:
            return
        self._seen[update.update_id] = True
        async with self._counted():
            try:
                await self._take(update)
            except TelegramError as error:
                # Where even words cannot be sent, only the log can say so.
                self._log.warning("cannot answer", error=type(error).__name__, reason=str(error))
            except Exception as error:  # noqa: BLE001 - one bad update must not end the others
                self._service.explain(error, "en")

    async def give_up(self) -> None:
        """Cancel the answers under way, and begin no more."""
        self._closed = True
        late = list(self._under_way)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            yield
        finally:
            self._under_way.discard(task)

    async def _take(self, update: Update) -> None:
        if update.message is not None:
            if await self._chats.moved(update.message):
                return
            album = await self._albums.gather(update.message)
            heard = hear(album, self._service.bot.bot) if album is not None else None
            if heard is not None:
                await self._answers.answer(heard)
        elif update.callback_query is not None:
            await self._buttons.press(update.callback_query)
        elif update.inline_query is not None:
            await self._inline.ask(update.inline_query)
        elif update.chat_member is not None:
            self._chats.member_changed(update.chat_member)
        elif update.my_chat_member is not None:
            await self._chats.bot_changed(update.my_chat_member)
