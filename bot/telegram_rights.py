"""Who administers a chat, asked of Telegram when it matters."""

from __future__ import annotations

from cachetools import TTLCache
from telegram import Bot
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, Forbidden, TelegramError

from core.errors import Unavailable
from core.ports import Clock

_ADMINISTERING = {ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR}
_REFUSAL_S = 60.0
_REMEMBERED = 10_000


class Rights:
    """Asks for a right each time it is used, so that a demotion counts at once.

    Only a "no" is remembered, for a minute at most, so that members cannot make the bot
    flood Telegram. ``operators`` are ids of users who may do anything everywhere.
    """

    def __init__(self, bot: Bot, clock: Clock, *, operators: frozenset[int] = frozenset()) -> None:
        self._bot = bot
        self._operators = operators
        self._refused: TTLCache[tuple[int, int], bool] = TTLCache(
            _REMEMBERED, _REFUSAL_S, clock.monotonic
        )

    async def administers(self, speaker: int, chat_id: int) -> bool:
        """Whether a speaker administers a chat. Raises Unavailable where Telegram is silent.

        Who speaks in the name of the group itself is an anonymous administrator; nobody
        administers a private chat, and no other channel a group.
        """
        if speaker in self._operators:
            return True
        if chat_id >= 0 or speaker < 0:
            return speaker == chat_id < 0
        if (chat_id, speaker) in self._refused:
            return False
        try:
            member = await self._bot.get_chat_member(chat_id, speaker)
        except (BadRequest, Forbidden):
            return False  # not a member, or the bot is none any more
        except TelegramError as error:
            raise Unavailable(
                "Telegram does not say who administers this chat.",
                remedy="Try again in a moment.",
                retry_after=5.0,
            ) from error
        administers = member.status in _ADMINISTERING
        if not administers:
            self._refused[chat_id, speaker] = True
        return administers

    def forget(self, chat_id: int, user_id: int) -> None:
        """Somebody's rights have changed."""
        self._refused.pop((chat_id, user_id), None)
