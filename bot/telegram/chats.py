"""Where the bot is, what it hears there, and who may do what."""

from __future__ import annotations

from dataclasses import replace

import structlog
from cachetools import TTLCache
from telegram import Bot, ChatMember, ChatMemberRestricted, ChatMemberUpdated, Message
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.chat.access_list import Roster
from bot.chat.actions import Who
from bot.i18n.messages import Words
from bot.i18n.telegram import telegram_words
from bot.protocol.replies import Reply, Text
from bot.protocol.requests import Request
from bot.telegram.messages import community_of
from core.domain.errors import TangerineError, Unavailable
from core.domain.ports import Clock, Contributions

_ADMINISTERING = {ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR}
_OUTSIDE = {ChatMemberStatus.LEFT, ChatMemberStatus.BANNED}
_REFUSAL_S = 60.0
_REMEMBERED = 10_000


def is_inside(member: ChatMember) -> bool:
    """Whether somebody with this status is in the chat."""
    if isinstance(member, ChatMemberRestricted):
        return member.is_member
    return member.status not in _OUTSIDE


class Rights:
    """Asks for a right each time it is used, so that a demotion counts at once.

    Only a "no" is remembered, for a minute at most, so that members cannot make the bot
    flood Telegram. ``roster`` names users who may do anything, or add pictures, everywhere.
    """

    def __init__(
        self,
        bot: Bot,
        clock: Clock,
        *,
        roster: Roster | None = None,
    ) -> None:
        self._bot = bot
        self._roster = roster or Roster()
        self._refused: TTLCache[tuple[int, int], bool] = TTLCache(
            _REMEMBERED, _REFUSAL_S, clock.monotonic
        )

    async def grant(self, request: Request, speaker: int, chat_id: int, who: Who) -> Request:
        """The request with the rights of a speaker, as far as ``who`` makes them matter.

        A question to Telegram takes longer than a search, so it is asked only where the
        answer decides. Raises Unavailable where Telegram is silent.
        """
        request = replace(
            request,
            may_add=speaker in self._roster.adders,
            is_operator=speaker in self._roster.admins,
        )
        if who in {"all", "operator"} or (who == "adder" and request.may_add):
            return request
        return replace(request, is_admin=await self.administers(speaker, chat_id))

    async def administers(self, speaker: int, chat_id: int) -> bool:
        """Whether a speaker administers a chat. Raises Unavailable where Telegram is silent.

        Who speaks in the name of the group itself is an anonymous administrator; nobody
        administers a private chat, and no other channel a group.
        """
        if speaker in self._roster.admins:
            return True
        if chat_id >= 0 or speaker < 0:
            return speaker == chat_id < 0
        if (chat_id, speaker) in self._refused:
            return False
        member = await self._member(speaker, chat_id)
        administers = member is not None and member.status in _ADMINISTERING
        if not administers:
            self._refused[chat_id, speaker] = True
        return administers

    async def belongs(self, user: int, chat_id: int) -> bool:
        """Whether a person is in a chat now. Raises Unavailable where Telegram is silent."""
        member = await self._member(user, chat_id)
        return member is not None and is_inside(member)

    async def _member(self, user: int, chat_id: int) -> ChatMember | None:
        try:
            return await self._bot.get_chat_member(chat_id, user)
        except (BadRequest, Forbidden):
            return None  # not a member, or the bot is none any more
        except TelegramError as error:
            raise Unavailable(
                "Telegram does not say who administers this chat.",
                retry_after=5.0,
            ) from error

    def forget(self, chat_id: int, user_id: int) -> None:
        self._refused.pop((chat_id, user_id), None)


class Chats:
    """Hands on what happens to chats, so that what was added there is kept or deleted."""

    def __init__(self, contributions: Contributions, rights: Rights) -> None:
        self._contributions = contributions
        self._rights = rights
        self._log = structlog.get_logger("telegram")

    def member_changed(self, change: ChatMemberUpdated) -> None:
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
        try:
            if chat_id >= 0 or await hears_all(self._bot, chat_id):
                return reply
        except TelegramError:
            return reply  # no reason to alarm anybody
        note = Text(telegram_words(words.translate)["privacy_mode"])
        return replace(reply, parts=(*reply.parts, note))


async def hears_all(bot: Bot, chat_id: int) -> bool:
    """Whether Telegram hands the bot all that is said in a group. Raises TelegramError."""
    # Asked again, since the operator may just have changed it.
    me = await bot.get_me()
    if me.can_read_all_group_messages:
        return True
    member = await bot.get_chat_member(chat_id, me.id)
    return member.status == ChatMemberStatus.ADMINISTRATOR
