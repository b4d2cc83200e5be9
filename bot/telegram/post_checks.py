"""Posts that Telegram has no more: noticed when one is to be shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from cachetools import TTLCache
from telegram import Bot
from telegram.error import BadRequest, TelegramError

from bot.telegram.chats import hears_all
from core.domain.types import Post

_ANSWER_S = 2.5
_KNOWN_S = 300.0
_CHATS = 10_000


class PostedMessages:
    """The Showing port: which posts are gone; the others are shown by the ids of their files.

    Telegram tells no bot what was deleted. A bot that takes back a reaction, which it never gave,
    changes nothing and learns whether the message is there. Only posts that the bot heard itself
    count, in chats where it hears all: others it may be unable to see. What is not answered
    within ``timeout_s`` is taken to be there.
    """

    def __init__(self, bot: Bot, *, timeout_s: float = _ANSWER_S) -> None:
        self._bot = bot
        self._timeout_s = timeout_s
        self._hears: TTLCache[int, bool] = TTLCache(_CHATS, _KNOWN_S)

    async def links(self, posts: Sequence[Post]) -> Mapping[Post, str | None]:
        """See :meth:`bot.protocol.requests.Showing.links`."""
        found: dict[Post, str | None] = {}

        async def look(post: Post) -> None:
            if await self._is_gone(post):
                found[post] = None

        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await asyncio.gather(*map(look, posts))
        return found

    async def _is_gone(self, post: Post) -> bool:
        chat_id = int(post.chat.partition(":")[2])
        # An export has no ids of files, and its messages may be from before the bot came.
        if not post.file_unique_id or post.message <= 0:
            return False
        try:
            if not await self._hears_all(chat_id):
                return False
            await self._bot.set_message_reaction(chat_id, post.message, [])
        except BadRequest as error:
            return "message to react not found" in error.message.lower()
        except TelegramError:
            return False
        return False

    async def _hears_all(self, chat_id: int) -> bool:
        known = self._hears.get(chat_id)
        if known is None:
            known = self._hears[chat_id] = await hears_all(self._bot, chat_id)
        return known
