"""Presses of buttons: always answered, obeyed for the one who asked, once at a time."""

from __future__ import annotations

import contextlib

from telegram import CallbackQuery, Message
from telegram.constants import ChatType
from telegram.error import BadRequest

from bot.replies import Reply
from bot.requests import Request
from bot.telegram_files import FileRef, file_of
from bot.telegram_memory import Asked, TelegramMemory
from bot.telegram_messages import PLATFORM, Place, community_of, place_of, speaker_of
from bot.telegram_text import ALERT_UNITS, cut, text_of
from bot.telegram_updates import Service
from bot.telegram_words import telegram_words
from core.errors import TangerineError


class Buttons:
    """Answers presses.

    ``callback_data`` is the action alone, since actions may take all of its 64 bytes.
    Whom a keyboard answers is remembered by its message; where that is forgotten, the
    keyboard's message still replies to the question, and Telegram says whose that was.
    """

    def __init__(self, service: Service, memory: TelegramMemory) -> None:
        self._service = service
        self._memory = memory
        self._under_way: set[tuple[int, int, int, str]] = set()

    async def press(self, query: CallbackQuery) -> None:
        """Answer a press, with a page of results or with an alert for the presser alone."""
        locale = query.from_user.language_code or "en"
        said = telegram_words(self._service.presenters(locale).words.translate)
        message = query.message
        # Telegram leaves out messages that are gone, and marks old ones as inaccessible.
        if message is None or query.data is None:
            await _alert(query, said["button_expired"])
            return
        key = (query.from_user.id, message.chat.id, message.message_id, query.data)
        if key in self._under_way:
            await _alert(query, "")
            return
        self._under_way.add(key)
        try:
            question = message.reply_to_message if isinstance(message, Message) else None
            asked = await self._asked(message.chat.id, message.message_id, question)
            if asked is None and message.chat.type != ChatType.PRIVATE:
                await _alert(query, said["button_expired"])
            elif not await self._may(query, asked, message.chat.id):
                await _alert(query, said["not_yours"])
            else:
                await self._obey(query, asked, question, locale)
        except TangerineError as error:
            await _alert(query, text_of(self._service.explain(error, locale)))
        finally:
            self._under_way.discard(key)

    async def _asked(self, chat_id: int, message_id: int, question: Message | None) -> Asked | None:
        kept = await self._memory.asked(self._service.bot.id, chat_id, message_id)
        if kept is not None or question is None:
            return kept
        ref = file_of(question)
        speaker, _ = speaker_of(question)
        return Asked(speaker, (ref.file_id,) if ref is not None and ref.is_picture else ())

    async def _may(self, query: CallbackQuery, asked: Asked | None, chat_id: int) -> bool:
        if chat_id > 0 or asked is None:
            return True  # nobody else is in a private chat
        if asked.caller > 0:
            return query.from_user.id == asked.caller
        # Asked in the name of a chat: a press shows the person, who must speak for it.
        return await self._service.rights.administers(query.from_user.id, chat_id)

    async def _obey(
        self, query: CallbackQuery, asked: Asked | None, question: Message | None, locale: str
    ) -> None:
        service, message, data = self._service, query.message, query.data
        assert message is not None
        assert data is not None
        refs = [FileRef(file_id) for file_id in asked.pictures] if asked is not None else []
        request = Request(
            platform=PLATFORM,
            community=community_of(message.chat.id),
            requester=f"{PLATFORM}:{query.from_user.id}",
            locale=locale,
            pictures=service.files.attachments(refs),
            drawings=True,
        )
        reply: Reply = await service.commands.act(data, request)
        if reply.error is not None:
            await _alert(query, text_of(reply))
            return
        await _alert(query, "")
        reply_to = question.message_id if question is not None else message.message_id
        where = message if isinstance(message, Message) else None
        place = (
            place_of(where, reply_to=reply_to)
            if where is not None
            else Place(message.chat.id, reply_to=reply_to)
        )
        await service.show(reply, place, asked or Asked(query.from_user.id), request)


async def _alert(query: CallbackQuery, text: str) -> None:
    # Pressed too long ago it cannot be told; an answer in the chat still comes.
    with contextlib.suppress(BadRequest):
        await query.answer(cut(text, ALERT_UNITS) or None, show_alert=bool(text))
