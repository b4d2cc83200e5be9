"""Where the bot is: added to chats, removed from them, and chats that get another id."""

from __future__ import annotations

import structlog
from telegram import ChatMemberUpdated, Message

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
