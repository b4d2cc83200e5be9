"""Presses of buttons: always answered, obeyed for whom they are meant, once at a time."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from telegram import CallbackQuery, Message
from telegram.constants import ChatType
from telegram.error import BadRequest, TelegramError

from bot.chat.actions import Who
from bot.i18n.telegram import telegram_words
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from bot.telegram.files import FileRef, file_of
from bot.telegram.memory import AnsweredMessage
from bot.telegram.messages import PLATFORM, Place, channel_of, community_of, place_of, speaker_of
from bot.telegram.service import Service
from bot.telegram.text import ALERT_UNITS, cut, text_of
from core.domain.errors import TangerineError


class Buttons:
    """Answers presses.

    ``callback_data`` is the action alone, since actions may take all of its 64 bytes.
    Whom a keyboard answers is remembered by its message; where that is forgotten, the
    keyboard's message still replies to the question, and Telegram says whose that was.
    What is remembered is never a right: that is asked of Telegram at each press.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._under_way: set[tuple[int, int, int, str]] = set()

    async def press(self, query: CallbackQuery) -> None:
        """Answer a press, with what it asks for or with an alert for the presser alone."""
        locale = query.from_user.language_code or "en"
        message = query.message
        # Telegram leaves out messages that are gone, and marks old ones as inaccessible.
        if message is None or query.data is None:
            await _alert(query, self._said(locale, "button_expired"))
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
                await _alert(query, self._said(locale, "button_expired"))
            else:
                asked = asked or AnsweredMessage(query.from_user.id)
                await self._obey(query, asked, question, locale)
        except TangerineError as error:
            await _alert(query, text_of(self._service.explain(error, locale)))
        finally:
            self._under_way.discard(key)

    async def _asked(
        self, chat_id: int, message_id: int, question: Message | None
    ) -> AnsweredMessage | None:
        kept = await self._service.memory.asked(self._service.bot.id, chat_id, message_id)
        if kept is not None or question is None:
            return kept
        ref = file_of(question, whole=True)
        speaker, _ = speaker_of(question)
        return AnsweredMessage(
            speaker, (ref.file_id,) if ref is not None and ref.is_picture else ()
        )

    async def _obey(
        self, query: CallbackQuery, asked: AnsweredMessage, question: Message | None, locale: str
    ) -> None:
        service, message, data = self._service, query.message, query.data
        assert message is not None
        assert data is not None
        presser, home = query.from_user.id, asked.home or message.chat.id
        request = Request(
            platform=PLATFORM,
            community=community_of(home),
            requester=f"{PLATFORM}:{presser}",
            locale=locale,
            pictures=service.files.attachments([FileRef(file_id) for file_id in asked.pictures]),
            drawings=True,
            channel=channel_of(home),
            showing=service.showing,
        )
        # Administrators may press such buttons of others too, so it matters who is one.
        may_press = await service.commands.who(data, request)
        who: Who = "all" if may_press == "all" else "admin"
        request = await service.rights.grant(request, presser, home, who)
        refusal = await self._refusal(request, presser, asked, message.chat.id)
        if refusal is not None:
            await _alert(query, self._said(locale, refusal))
            return
        reply: Reply = await service.commands.act(data, request)
        if reply.error is not None:
            await _alert(query, text_of(reply))
            return
        with contextlib.suppress(TelegramError):
            await _alert(query, "")  # the answer itself says more
        if reply.private:
            asked = replace(asked, caller=presser)
        await self._show(reply, query, question, asked, request)

    async def _refusal(
        self, request: Request, presser: int, asked: AnsweredMessage, chat_id: int
    ) -> str | None:
        """Why somebody may not press this button, None where they may."""
        rights = self._service.rights
        if request.is_admin:
            return None
        if asked.home is not None and not await rights.belongs(presser, asked.home):
            return "not_member"
        if chat_id > 0 or presser == asked.caller:
            return None  # nobody else is in a private chat
        # Asked in the name of a chat: a press shows the person, who must speak for it.
        speaks = asked.caller < 0 and await rights.administers(presser, chat_id)
        return None if speaks else "not_yours"

    async def _show(
        self,
        reply: Reply,
        query: CallbackQuery,
        question: Message | None,
        asked: AnsweredMessage,
        request: Request,
    ) -> None:
        service, message = self._service, query.message
        assert message is not None
        here = message if isinstance(message, Message) else None
        if any(button.kind == "set" for button in reply.buttons):
            if service.commands.answers_photos(request):
                words = service.presenters(request.locale).words
                home = asked.home or message.chat.id
                reply = await service.privacy.noted(reply, home, words)
            if here is not None and await service.drawing.rewrite(here, reply):
                return
        reply_to = question.message_id if question is not None else message.message_id
        place = (
            place_of(here, reply_to=reply_to)
            if here is not None
            else Place(message.chat.id, reply_to=reply_to)
        )
        await service.show(reply, place, asked, request)

    def _said(self, locale: str, key: str) -> str:
        return telegram_words(self._service.presenters(locale).words.translate)[key]


async def _alert(query: CallbackQuery, text: str) -> None:
    # Pressed too long ago it cannot be told; an answer in the chat still comes.
    with contextlib.suppress(BadRequest):
        await query.answer(cut(text, ALERT_UNITS) or None, show_alert=bool(text))
