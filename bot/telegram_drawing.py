"""Draws neutral replies as Telegram messages, within what Telegram and the chat allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.error import BadRequest, Forbidden

from bot.replies import (
    Button,
    CaptionList,
    ContactSheet,
    LabelBars,
    PictureCard,
    Pictures,
    Reply,
    Text,
)
from bot.sheets import Sheets
from bot.telegram_limits import GroupBudget
from bot.telegram_memory import Asked, TelegramMemory
from bot.telegram_messages import Place
from bot.telegram_photos import Photo, Photos
from bot.telegram_text import (
    CAPTION_UNITS,
    MESSAGE_UNITS,
    card_caption,
    card_lines,
    cut,
    sheet_caption,
    text_of,
    units,
)
from bot.telegram_words import telegram_words
from bot.words import Words

_IN_A_ROW = 3
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class Drawing:
    """Sends replies. Raises what Telegram raises where nothing could be sent."""

    def __init__(
        self,
        bot: Bot,
        photos: Photos,
        sheets: Sheets,
        memory: TelegramMemory,
        budget: GroupBudget,
    ) -> None:
        self._bot = bot
        self._photos = photos
        self._sheets = sheets
        self._memory = memory
        self._budget = budget

    async def draw(
        self, reply: Reply, place: Place, asked: Asked, *, community: str, words: Words
    ) -> Message:
        """Send a reply and return the message that carries its text and buttons.

        A private reply to somebody in a group goes to their own chat with the bot, without
        buttons, since these would act there for another community; where the bot may not
        write there, it says so in the group. An error is told where it was asked.
        """
        if reply.private and place.is_group and reply.error is None:
            tells = any(
                isinstance(p, Pictures | ContactSheet | CaptionList | LabelBars)
                for p in reply.parts
            )
            if asked.caller > 0:
                own = Place(asked.caller)
                try:
                    return await self._send(replace(reply, buttons=()), own, community, words)
                except Forbidden:
                    pass  # they have never written to the bot, or blocked it
            if asked.caller > 0 or tells:
                return await self._ask_to_open(place, words)
        message = await self._send(reply, place, community, words)
        if reply.buttons:
            await self._memory.keep_asked(self._bot.id, place.chat_id, message.message_id, asked)
        return message

    async def edit(self, message: Message, reply: Reply) -> None:
        """Write a reply of words alone over a message. Raises BadRequest and its kin."""
        self._budget.spend(message.chat.id)
        await message.edit_text(
            cut(text_of(reply), MESSAGE_UNITS),
            link_preview_options=_NO_PREVIEW,
            reply_markup=_keyboard(reply.buttons),
        )

    async def _send(self, reply: Reply, place: Place, community: str, words: Words) -> Message:
        pictures = next((p for p in reply.parts if isinstance(p, Pictures)), None)
        cards = pictures.cards if pictures is not None else ()
        sheet = next((p.png for p in reply.parts if isinstance(p, ContactSheet)), None)
        bars = next((p.png for p in reply.parts if isinstance(p, LabelBars)), None)
        text, keyboard = text_of(reply), _keyboard(reply.buttons)
        try:
            if sheet is None and bars is None and pictures is not None:
                if len(cards) == 1 or self._budget.has_room(place.chat_id, len(cards) + 1):
                    return await self._album(text, cards, place, community, keyboard)
                heading = next((p.text for p in reply.parts if isinstance(p, Text)), "")
                drawn = await self._sheets.contact_sheet(None, heading, pictures, community)
                sheet = drawn.png
            png = sheet or bars
            if png is not None and (cards or units(text) <= CAPTION_UNITS):
                return await self._photo(png, sheet_caption(text, cards), place, keyboard)
        except (BadRequest, Forbidden) as error:
            if "not enough rights" not in error.message.lower():
                raise
            text = f"{text}\n\n{telegram_words(words.translate)['no_photos']}"
        lines = card_lines(cards, MESSAGE_UNITS // 2)
        return await self._text("\n\n".join(filter(None, (text, lines))), place, keyboard)

    async def _album(
        self,
        text: str,
        cards: Sequence[PictureCard],
        place: Place,
        community: str,
        keyboard: InlineKeyboardMarkup | None,
    ) -> Message:
        photos = await self._photos.ready(cards, community)
        try:
            return await self._send_photos(text, cards, photos, place, keyboard)
        except BadRequest as error:
            known = any(isinstance(photo.media, str) for photo in photos)
            if not known or "file" not in error.message.lower():
                raise
        # Telegram has forgotten a file that we still knew the id of.
        photos = await self._photos.ready(cards, community, fresh=True)
        return await self._send_photos(text, cards, photos, place, keyboard)

    async def _send_photos(
        self,
        text: str,
        cards: Sequence[PictureCard],
        photos: Sequence[Photo],
        place: Place,
        keyboard: InlineKeyboardMarkup | None,
    ) -> Message:
        if len(cards) == len(photos) == 1:
            caption = card_caption(cards[0], cut(text, CAPTION_UNITS // 2))
            message = await self._photo(photos[0].media, caption, place, keyboard)
            await self._photos.sent(photos, [message])
            return message
        if len(photos) == 1:
            only = await self._photo(photos[0].media, card_caption(photos[0].card), place, None)
            await self._photos.sent(photos, [only])
        elif photos:
            self._budget.spend(place.chat_id, len(photos))
            messages = await self._bot.send_media_group(
                place.chat_id,
                [InputMediaPhoto(p.media, caption=card_caption(p.card)) for p in photos],
                message_thread_id=place.thread_id,
                reply_parameters=_answering(place),
            )
            await self._photos.sent(photos, messages)
        shown = {photo.card for photo in photos}
        missing = card_lines([card for card in cards if card not in shown], MESSAGE_UNITS // 2)
        return await self._text("\n\n".join(filter(None, (text, missing))), place, keyboard)

    async def _photo(
        self, media: str | bytes, caption: str, place: Place, keyboard: InlineKeyboardMarkup | None
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

    async def _text(
        self, text: str, place: Place, keyboard: InlineKeyboardMarkup | None
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

    async def _ask_to_open(self, place: Place, words: Words) -> Message:
        said = telegram_words(words.translate)
        link = InlineKeyboardButton(said["open_chat"], url=f"{self._bot.link}?start=help")
        return await self._text(said["open_private"], place, InlineKeyboardMarkup([[link]]))


def _answering(place: Place) -> ReplyParameters | None:
    # Whoever asked may have deleted the question meanwhile; the answer is sent all the same.
    if place.reply_to is None:
        return None
    return ReplyParameters(place.reply_to, allow_sending_without_reply=True)


def _keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    """Buttons of single pictures in rows of three, the others below, one a row."""
    keys = [(b, InlineKeyboardButton(b.label, callback_data=b.action)) for b in buttons]
    small = [key for button, key in keys if button.subject is not None]
    rows = [small[at : at + _IN_A_ROW] for at in range(0, len(small), _IN_A_ROW)]
    rows += [[key] for button, key in keys if button.subject is None]
    return InlineKeyboardMarkup(rows) if rows else None
