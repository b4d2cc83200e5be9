"""Draws neutral replies as Telegram messages, within what Telegram and the chat allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)
from telegram.error import BadRequest, Forbidden

from bot.i18n.messages import Words
from bot.i18n.telegram import telegram_words
from bot.protocol.replies import (
    CaptionList,
    ContactSheet,
    Document,
    LabelBars,
    PictureCard,
    Pictures,
    Reply,
    Text,
)
from bot.rendering.sheets import Sheets
from bot.telegram.memory import AnsweredMessage, TelegramMemory
from bot.telegram.messages import Place
from bot.telegram.photos import Photo, Photos
from bot.telegram.sending import Sending, keyboard_of
from bot.telegram.text import (
    CAPTION_UNITS,
    MESSAGE_UNITS,
    card_caption,
    card_lines,
    cut,
    sheet_caption,
    text_of,
    units,
)

# Parts that show what is in a collection, or what is kept of somebody.
_TELLING = (Pictures, ContactSheet, CaptionList, LabelBars, Document)


class ReplySender:
    """Sends replies. Raises what Telegram raises where nothing could be sent."""

    def __init__(
        self,
        bot: Bot,
        photos: Photos,
        sheets: Sheets,
        memory: TelegramMemory,
        sending: Sending,
    ) -> None:
        self._bot = bot
        self._photos = photos
        self._sheets = sheets
        self._memory = memory
        self._sending = sending

    def has_room(self, chat_id: int, messages: int) -> bool:
        """Whether a chat takes so many more messages in this minute."""
        return self._sending.has_room(chat_id, messages)

    async def draw(
        self, reply: Reply, place: Place, asked: AnsweredMessage, *, community: str, words: Words
    ) -> Message:
        """Send a reply and return the message that carries its text and buttons.

        A private reply to somebody in a group goes to their own chat with the bot, where its
        buttons go on acting for the group; where the bot may not write there, it says so in
        the group. An error is told where it was asked.
        """
        if reply.private and place.is_group and reply.error is None:
            tells = any(isinstance(part, _TELLING) for part in reply.parts)
            if asked.caller > 0:
                own, there = Place(asked.caller), replace(asked, home=place.chat_id)
                try:
                    return await self._send_and_keep(reply, own, there, community, words)
                except Forbidden:
                    pass  # they have never written to the bot, or blocked it
            if asked.caller > 0 or tells:
                return await self._refuse_private(place, asked, words)
        return await self._send_and_keep(reply, place, asked, community, words)

    async def _send_and_keep(
        self, reply: Reply, place: Place, asked: AnsweredMessage, community: str, words: Words
    ) -> Message:
        message = await self._send(reply, place, community, words)
        if reply.buttons:
            await self._memory.keep_asked(self._bot.id, place.chat_id, message.message_id, asked)
        return message

    async def rewrite(self, message: Message, reply: Reply) -> bool:
        """Write a reply of words alone over a message; whether it is shown there now.

        Raises what Telegram raises where that says nothing about the message itself.
        """
        try:
            await self.edit(message, reply)
        except BadRequest as error:
            # An edit that changes nothing is refused too, with what was wanted in its place.
            return "not modified" in error.message.lower()
        return True

    async def edit(self, message: Message, reply: Reply) -> None:
        """Write a reply of words alone over a message. Raises BadRequest and its subclasses."""
        await self._sending.edit(message, text_of(reply), keyboard_of(reply.buttons))

    async def _send(self, reply: Reply, place: Place, community: str, words: Words) -> Message:
        documents = [part for part in reply.parts if isinstance(part, Document)]
        message = None
        if len(documents) < len(reply.parts):
            message = await self._body(reply, place, community, words)
        for document in documents:
            sent = await self._sending.document(document, place)
            message = message or sent
        if message is None:
            raise ValueError("a reply without parts cannot be drawn")
        return message

    async def _body(self, reply: Reply, place: Place, community: str, words: Words) -> Message:
        pictures = next((p for p in reply.parts if isinstance(p, Pictures)), None)
        cards = pictures.cards if pictures is not None else ()
        sheet = next((p.png for p in reply.parts if isinstance(p, ContactSheet)), None)
        bars = next((p.png for p in reply.parts if isinstance(p, LabelBars)), None)
        text, keyboard = text_of(reply), keyboard_of(reply.buttons)
        try:
            if sheet is None and bars is None and pictures is not None:
                if len(cards) == 1 or self._sending.has_room(place.chat_id, len(cards) + 1):
                    return await self._album(text, cards, place, community, keyboard)
                heading = next((p.text for p in reply.parts if isinstance(p, Text)), "")
                drawn = await self._sheets.contact_sheet(None, heading, pictures, community)
                sheet = drawn.png
            png = sheet or bars
            if png is not None and (cards or units(text) <= CAPTION_UNITS):
                return await self._sending.photo(png, sheet_caption(text, cards), place, keyboard)
            if sheet is not None:
                # Long captions: too much for the words below a photo, so they follow it.
                await self._sending.photo(sheet, "", place, None)
        except (BadRequest, Forbidden) as error:
            if "not enough rights" not in error.message.lower():
                raise
            text = f"{text}\n\n{telegram_words(words.translate)['no_photos']}"
        lines = card_lines(cards, MESSAGE_UNITS // 2)
        return await self._sending.text("\n\n".join(filter(None, (text, lines))), place, keyboard)

    async def _album(
        self,
        text: str,
        cards: Sequence[PictureCard],
        place: Place,
        community: str,
        keyboard: InlineKeyboardMarkup | None,
    ) -> Message:
        async with self._photos.ready(cards, community) as photos:
            try:
                return await self._send_photos(text, cards, photos, place, keyboard)
            except BadRequest as error:
                known = any(isinstance(photo.media, str) for photo in photos)
                if not known or "file" not in error.message.lower():
                    raise
        # Telegram has forgotten a file that we still knew the id of.
        async with self._photos.ready(cards, community, fresh=True) as photos:
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
            message = await self._sending.photo(photos[0].media, caption, place, keyboard)
            await self._photos.sent(place.chat_id, photos, [message])
            return message
        if len(photos) == 1:
            only = await self._sending.photo(
                photos[0].media, card_caption(photos[0].card), place, None
            )
            await self._photos.sent(place.chat_id, photos, [only])
        elif photos:
            album = [(photo.media, card_caption(photo.card)) for photo in photos]
            messages = await self._sending.album(album, place)
            await self._photos.sent(place.chat_id, photos, messages)
        shown = {photo.card for photo in photos}
        said = [card for card in cards if card not in shown]
        if any(card.post is not None for card in cards):
            # Clients show the captions of an album in its single pictures alone; here are links.
            said = list(cards)
        lines = card_lines(said, MESSAGE_UNITS // 2)
        return await self._sending.text("\n\n".join(filter(None, (text, lines))), place, keyboard)

    async def _refuse_private(self, place: Place, asked: AnsweredMessage, words: Words) -> Message:
        said = telegram_words(words.translate)
        if asked.caller < 0:
            return await self._sending.text(said["not_anonymous"], place, None)
        link = InlineKeyboardButton(said["open_chat"], url=f"{self._bot.link}?start=help")
        return await self._sending.text(said["open_private"], place, InlineKeyboardMarkup([[link]]))
