"""Messages and rights: from an update to a neutral request, its reply and its drawing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog
from cachetools import LRUCache
from telegram import Bot, CallbackQuery, InlineQuery, Message, Update
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, TelegramError

from bot.commands import Commands
from bot.definitions import find_command
from bot.failures import Failures
from bot.presenter import Presenter
from bot.replies import Reply
from bot.requests import Request
from bot.telegram_albums import Albums
from bot.telegram_drawing import Drawing
from bot.telegram_files import Files
from bot.telegram_jobs import Background, Following
from bot.telegram_memory import Asked
from bot.telegram_messages import PLATFORM, Heard, Place, community_of, hear, place_of
from bot.telegram_rights import Rights

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Service:
    """What every kind of update needs."""

    bot: Bot
    commands: Commands
    failures: Failures
    presenters: Callable[[str], Presenter]
    drawing: Drawing
    following: Following
    background: Background
    files: Files
    rights: Rights

    def explain(self, error: Exception, locale: str, *, asked: tuple[str, ...] = ()) -> Reply:
        """An exception of ours as a reply."""
        presenter = self.presenters(locale)
        info = self.failures.explain(error, presenter.words, asked=asked, platform=PLATFORM)
        return presenter.failed(info)

    async def show(self, reply: Reply, place: Place, asked: Asked, request: Request) -> None:
        """Draw a reply and follow its job. Raises TelegramError where nothing can be sent."""
        words = self.presenters(request.locale).words

        async def draw(reply: Reply, place: Place) -> Message:
            return await self.drawing.draw(
                reply, place, asked, community=request.community, words=words
            )

        try:
            message = await draw(reply, place)
        except ChatMigrated as error:
            # The group became a supergroup while the answer was made.
            message = await draw(reply, Place(error.new_chat_id))
        except BadRequest as error:
            place = replace(place, thread_id=None)
            if "thread not found" not in error.message.lower():
                reply = self.explain(error, request.locale, asked=(request.text,))
            message = await draw(reply, place)
        if reply.job is not None:
            self.background.start(self.following.follow(reply.job, message, place, request, words))


class Updates:
    """Takes each update once, and answers it whatever happens."""

    def __init__(
        self,
        service: Service,
        albums: Albums,
        *,
        on_button: Callable[[CallbackQuery], Any],
        on_inline: Callable[[InlineQuery], Any],
    ) -> None:
        self._service = service
        self._albums = albums
        self._on_button = on_button
        self._on_inline = on_inline
        self._seen: LRUCache[int, bool] = LRUCache(_REMEMBERED)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._log = structlog.get_logger("telegram")

    async def take(self, update: Update) -> None:
        """Answer one update; one that was taken before is dropped."""
        if update.update_id in self._seen:
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

    async def drain(self, seconds: float) -> None:
        """Wait for the answers under way, then cancel those that are still not sent."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=seconds)
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
            album = await self._albums.gather(update.message)
            heard = hear(album, self._service.bot.bot) if album is not None else None
            if heard is not None:
                await self._answer(heard)
        elif update.callback_query is not None:
            await self._on_button(update.callback_query)
        elif update.inline_query is not None:
            await self._on_inline(update.inline_query)
        elif update.chat_member is not None:
            changed = update.chat_member
            self._service.rights.forget(changed.chat.id, changed.new_chat_member.user.id)

    async def _answer(self, heard: Heard) -> None:
        service, chat = self._service, heard.message.chat
        place = place_of(heard.message, reply_to=heard.message.message_id)
        refs = heard.pictures or heard.replied
        locale = (heard.user.language_code if heard.user else None) or "en"
        request = Request(
            platform=PLATFORM,
            community=community_of(chat.id),
            requester=f"{PLATFORM}:{heard.speaker}",
            locale=locale,
            text=heard.text,
            pictures=service.files.attachments(heard.pictures),
            replied=service.files.attachments(heard.replied),
            drawings=True,
        )
        asked = Asked(heard.speaker, tuple(ref.file_id for ref in refs[:1] if ref.is_picture))
        service.background.start(self._show_activity(place, pictures=heard.command != "help"))
        try:
            reply = await service.commands.handle(await self._with_rights(request, heard))
            await service.show(reply, place, asked, request)
        except TelegramError:
            raise
        except Exception as error:  # noqa: BLE001 - what went wrong is said in the chat
            reply = service.explain(error, locale, asked=(heard.text,))
            await service.show(reply, place, asked, request)

    async def _with_rights(self, request: Request, heard: Heard) -> Request:
        # Asked only where it matters: a question to Telegram takes longer than a search.
        command = find_command(heard.command) if heard.command else None
        if command is None or not (command.who == "admin" or command.name == "help"):
            return request
        service, chat_id = self._service, heard.message.chat.id
        admin = await service.rights.administers(heard.speaker, chat_id)
        return replace(request, is_admin=admin)

    async def _show_activity(self, place: Place, *, pictures: bool) -> None:
        action = ChatAction.UPLOAD_PHOTO if pictures else ChatAction.TYPING
        # A hint that is not shown is no loss: the answer itself says more.
        with contextlib.suppress(TelegramError):
            await self._service.bot.send_chat_action(
                place.chat_id, action, message_thread_id=place.thread_id
            )
