"""Where the bot is: chats that it joins, leaves or that get another id, and what it hears there."""

from __future__ import annotations

from dataclasses import replace

import structlog
from telegram import Bot, ChatMemberUpdated, Message
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError

from bot.i18n.messages import Words
from bot.i18n.telegram import telegram_words
from bot.protocol.replies import Reply, Text
from bot.telegram.messages import community_of
from bot.telegram.rights import Rights, is_inside
from core.domain.errors import TangerineError
from core.domain.ports import Contributions


class Chats:
    """Hands on what happens to chats, so that what was added there is kept or deleted."""

    def __init__(self, contributions: Contributions, rights: Rights) -> None:
        self._contributions = contributions
        self._rights = rights
        self._log = structlog.get_logger("telegram")

    def member_changed(self, change: ChatMemberUpdated) -> None:
        """Somebody joined, left, was promoted or demoted."""
        self._rights.forget(change.chat.id, change.new_chat_member.user.id)

    async def bot_changed(self, change: ChatMemberUpdated) -> None:
        """The bot itself was added or removed; somebody blocked it or let it in again."""
        was, now = is_inside(change.old_chat_member), is_inside(change.new_chat_member)
        if was == now:
            return  # promoted, demoted or restricted
        community = community_of(change.chat.id)
        try:
            if now:
                await self._contributions.joined(community)
            else:
                await self._contributions.left(community)
        except TangerineError as error:
            self._log.error("not noted that the bot came or went", code=error.code)

    async def moved(self, message: Message) -> bool:
        """Whether this message says that a group became a supergroup; then that is done.

        Both chats are told, in any order; the second time there is nothing left to move.
        """
        chat_id = message.chat.id
        if message.migrate_to_chat_id is not None:
            old, new = chat_id, message.migrate_to_chat_id
        elif message.migrate_from_chat_id is not None:
            old, new = message.migrate_from_chat_id, chat_id
        else:
            return False
        try:
            await self._contributions.moved(community_of(old), community_of(new))
        except TangerineError as error:
            self._log.error("not noted that a group got another id", code=error.code)
        return True


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
