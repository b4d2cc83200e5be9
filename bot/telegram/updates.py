"""Each update is taken once, an album as one, and answered in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from cachetools import LRUCache, TTLCache
from telegram import Message, Update
from telegram.error import TelegramError

from bot.telegram.answers import MessageAnswers
from bot.telegram.buttons import Buttons
from bot.telegram.chats import Chats
from bot.telegram.inline import Inline
from bot.telegram.messages import IncomingMessage, hear
from bot.telegram.posts import PostIntake
from bot.telegram.service import Service
from core.domain.ports import Clock

_LATE_S = 300.0
_REMEMBERED = 10_000
MOST = 10
"""Pictures of an album at most (Bot API, "sendMediaGroup")."""


class Albums:
    """Gathers the messages of an album until none came for ``quiet_s`` seconds."""

    def __init__(self, clock: Clock, *, quiet_s: float = 0.6) -> None:
        self._quiet_s = quiet_s
        self._open: dict[tuple[int, str], list[Message]] = {}
        self._done: TTLCache[tuple[int, str], bool] = TTLCache(
            _REMEMBERED, _LATE_S, clock.monotonic
        )

    def is_late(self, message: Message) -> bool:
        """Whether a message belongs to an album that was answered already."""
        return (message.chat.id, message.media_group_id) in self._done

    async def gather(self, message: Message) -> list[Message] | None:
        """The whole album in its order for one of its messages, None for all the others.

        A message that is no part of an album is returned alone and at once; a part that
        comes after the album was answered gets None too.
        """
        if message.media_group_id is None:
            return [message]
        key = (message.chat.id, message.media_group_id)
        if key in self._done:
            return None
        if key in self._open:
            self._open[key].append(message)
            return None
        album = self._open[key] = [message]
        try:
            while True:
                before = len(album)
                await asyncio.sleep(self._quiet_s)
                if len(album) in {before, MOST}:
                    break
        finally:
            del self._open[key]
            self._done[key] = True
        return sorted(album, key=lambda part: part.message_id)


class Updates:
    """Takes each update once, and always answers it."""

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

    async def take_post(self, update: Update) -> None:
        """Only the post of an update that was answered, or could not be, before a restart."""
        edited = update.edited_message or update.edited_channel_post
        message = update.message or update.channel_post
        async with self._counted():
            if edited is not None:
                await self._posts.hear_edit(edited)
            elif message is not None:
                await self._heard(message)

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
        heard = await self._heard(message)  # before the answer, which may take long
        if commands_alone and heard is not None and not heard.unasked and heard.command is None:
            return
        if heard is not None and not (heard.unasked and commands_alone):
            await self._answers.answer(heard)

    async def _heard(self, message: Message) -> IncomingMessage | None:
        """What is meant for the bot; what is posted is taken in."""
        me = self._service.bot.bot
        late = self._albums.is_late(message)
        album = await self._albums.gather(message)
        heard = hear(album, me) if album is not None else None
        if album is not None or late:
            parts = album or [message]
            if heard is None or heard.unasked:
                await self._posts.hear(parts, me)
            else:
                await self._posts.drop(parts)
        return heard
