"""Whether the bot hears photos that nobody sends to it, and how to change that."""

from __future__ import annotations

from dataclasses import replace

from telegram import Bot
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError

from bot.i18n.messages import Words
from bot.i18n.telegram import telegram_words
from bot.protocol.replies import Reply, Text


class PrivacyMode:
    """Tells administrators where Telegram keeps a group's photos from the bot.

    A bot in privacy mode hears what is meant for it only, unless it is an administrator
    (Bot API, "Privacy mode").
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def noted(self, reply: Reply, chat_id: int, words: Words) -> Reply:
        """The reply, with what has to change before photos of this group can be answered."""
        if chat_id >= 0 or await self._hears_all(chat_id):
            return reply
        note = Text(telegram_words(words.translate)["privacy_mode"])
        return replace(reply, parts=(*reply.parts, note))

    async def _hears_all(self, chat_id: int) -> bool:
        try:
            # Asked anew, since the operator may just have changed it.
            me = await self._bot.get_me()
            if me.can_read_all_group_messages:
                return True
            member = await self._bot.get_chat_member(chat_id, me.id)
        except TelegramError:
            return True  # no reason to alarm anybody
        return member.status == ChatMemberStatus.ADMINISTRATOR
