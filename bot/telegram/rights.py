"""Who may do what in a chat, asked of Telegram when it matters."""

from __future__ import annotations

from dataclasses import replace

from cachetools import TTLCache
from telegram import Bot, ChatMember, ChatMemberRestricted
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.chat.access_list import Roster
from bot.chat.actions import Who
from bot.protocol.requests import Request
from core.domain.errors import Unavailable
from core.domain.ports import Clock

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
        """Somebody's rights have changed."""
        self._refused.pop((chat_id, user_id), None)
