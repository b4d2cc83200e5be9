"""Single messages as Telegram takes them: cut to size, counted, below their question."""

from __future__ import annotations

from collections.abc import Sequence

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)

from bot.protocol.replies import Button, Document
from bot.telegram.messages import Place
from bot.telegram.rate_limiter import GroupBudget, PatientLimiter
from bot.telegram.text import CAPTION_UNITS, MESSAGE_UNITS, cut

_IN_A_ROW = 3
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class Sending:
    """Sends one thing at a time. Raises what Telegram raises."""

    def __init__(self, bot: Bot, budget: GroupBudget, limiter: PatientLimiter) -> None:
        self._bot = bot
        self._budget = budget
        self._limiter = limiter

    def has_room(self, chat_id: int, messages: int) -> bool:
        """Whether a chat takes so many more messages in this minute, and takes any now."""
        return self._budget.has_room(chat_id, messages) and not self._limiter.holds_up(chat_id)

    async def text(
        self, text: str, place: Place, keyboard: InlineKeyboardMarkup | None = None
    ) -> Message:
        self._budget.spend(place.chat_id)
        return await self._bot.send_message(
            place.chat_id,
            cut(text, MESSAGE_UNITS),
            link_preview_options=_NO_PREVIEW,
            message_thread_id=place.thread_id,
            reply_parameters=_answering(place),
            reply_markup=keyboard,
        )

    async def edit(
        self, message: Message, text: str, keyboard: InlineKeyboardMarkup | None
    ) -> None:
        self._budget.spend(message.chat.id)
        await message.edit_text(
            cut(text, MESSAGE_UNITS), link_preview_options=_NO_PREVIEW, reply_markup=keyboard
        )

    async def photo(
        self,
        media: str | bytes,
        caption: str,
        place: Place,
        keyboard: InlineKeyboardMarkup | None = None,
    ) -> Message:
        self._budget.spend(place.chat_id)
        return await self._bot.send_photo(
            place.chat_id,
            media,
            caption=cut(caption, CAPTION_UNITS),
            message_thread_id=place.thread_id,
            reply_parameters=_answering(place),
            reply_markup=keyboard,
        )

    async def album(
        self, photos: Sequence[tuple[str | bytes, str]], place: Place
    ) -> Sequence[Message]:
        """Two to ten pictures with their captions, which fit already."""
        self._budget.spend(place.chat_id, len(photos))
        return await self._bot.send_media_group(
            place.chat_id,
            [InputMediaPhoto(media, caption=caption) for media, caption in photos],
            message_thread_id=place.thread_id,
            reply_parameters=_answering(place),
        )

    async def document(self, document: Document, place: Place) -> Message:
        """A file; Telegram takes 50 MB."""
        self._budget.spend(place.chat_id)
        return await self._bot.send_document(
            place.chat_id,
            document.data,
            filename=document.name,
            message_thread_id=place.thread_id,
            reply_parameters=_answering(place),
        )


def keyboard_of(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """Buttons of single pictures in rows of three, the others below, one a row."""
    keys = [(b, InlineKeyboardButton(b.label, callback_data=b.action)) for b in buttons]
    small = [key for button, key in keys if button.subject is not None]
    rows = [small[at : at + _IN_A_ROW] for at in range(0, len(small), _IN_A_ROW)]
    rows += [[key] for button, key in keys if button.subject is None]
    return InlineKeyboardMarkup(rows) if rows else None


def _answering(place: Place) -> ReplyParameters | None:
    # The question may have been deleted meanwhile; the answer is sent all the same.
    if place.reply_to is None:
        return None
    return ReplyParameters(place.reply_to, allow_sending_without_reply=True)
