"""Takes each update once and hands it to whoever answers its kind, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from cachetools import LRUCache
from telegram import Message, Update
from telegram.error import TelegramError

from bot.telegram.albums import Albums
from bot.telegram.answers import MessageAnswers
from bot.telegram.buttons import Buttons
from bot.telegram.chats import Chats
from bot.telegram.inline import Inline
from bot.telegram.messages import hear
from bot.telegram.posts import PostIntake
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
        posts: PostIntake,
    ) -> None:
        self._service = service
        self._albums = albums
        self._answers = answers
        self._buttons = buttons
        self._inline = inline
        self._chats = chats
        self._posts = posts
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
        edited = update.edited_message or update.edited_channel_post
        if update.message is not None:
            if not await self._chats.moved(update.message):
                await self._said(update.message)
        elif update.channel_post is not None:
            await self._said(update.channel_post, commands_alone=True)
        elif edited is not None:
            await self._posts.hear_edit(edited)
        elif update.callback_query is not None:
            await self._buttons.press(update.callback_query)
        elif update.inline_query is not None:
            await self._inline.ask(update.inline_query)
        elif update.chat_member is not None:
            self._chats.member_changed(update.chat_member)
        elif update.my_chat_member is not None:
            await self._chats.bot_changed(update.my_chat_member)

    async def _said(self, message: Message, *, commands_alone: bool = False) -> None:
        """Answer what is meant for the bot, and take in what is posted."""
        me = self._service.bot.bot
        late = self._albums.is_late(message)
        album = await self._albums.gather(message)
        heard = hear(album, me) if album is not None else None
        if heard is None or heard.unasked:
            # Before the answer, which may take long.
            if album is not None or late:
                await self._posts.hear(album or [message], me)
        elif commands_alone and heard.command is None:
            return
        if heard is not None and not (heard.unasked and commands_alone):
            await self._answers.answer(heard)
