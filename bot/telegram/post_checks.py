"""Posts that Telegram has no more: noticed when one is to be shown, and by a slow sweep."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog
from cachetools import TTLCache
from telegram import Bot
from telegram.error import BadRequest, RetryAfter, TelegramError

from bot.chat.commands import Commands
from bot.chat.post_sweeps import look_at_posts
from bot.telegram.chats import hears_all
from bot.telegram.messages import PLATFORM
from bot.telegram.rate_limiter import seconds_of
from core.domain.ports import ChannelPosts, Posts
from core.domain.types import Post

_PAGE = 100
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
        found: dict[Post, str | None] = {}

        async def look(post: Post) -> None:
            with suppress(TelegramError):
                if await self.is_gone(post):
                    found[post] = None

        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await asyncio.gather(*map(look, posts))
        return found

    async def is_gone(self, post: Post) -> bool:
        """Whether Telegram says that it has a post no more. Raises TelegramError."""
        chat_id = int(post.chat.partition(":")[2])
        if not self.can_tell(post) or not await self.hears_all(chat_id):
            return False
        try:
            await self._bot.set_message_reaction(chat_id, post.message, [])
        except BadRequest as error:
            if "message to react not found" not in error.message.lower():
                return False
            # The bot may have lost its rights a moment ago, and the sight of what is there.
            self._hears.pop(chat_id, None)
            return await self.hears_all(chat_id)
        return False

    @staticmethod
    def can_tell(post: Post) -> bool:
        """Whether "not found" would say anything of a post.

        An export has no ids of files, and its messages may be from before the bot came.
        """
        return bool(post.file_unique_id) and post.message > 0

    async def hears_all(self, chat_id: int) -> bool:
        """Whether the bot hears all of a chat, as of some minutes ago. Raises TelegramError."""
        known = self._hears.get(chat_id)
        if known is None:
            known = self._hears[chat_id] = await hears_all(self._bot, chat_id)
        return known


class PostSweep:
    """Asks about all posts, one after another, chat by chat.

    ``pause_s`` between two questions: four seconds are fifteen a minute, where Telegram takes
    twenty messages a minute in one group.
    """

    def __init__(self, checks: PostedMessages, commands: Commands, *, pause_s: float) -> None:
        self._checks = checks
        self._commands = commands
        self._pause_s = pause_s
        self._log = structlog.get_logger("telegram")

    async def once(self) -> None:
        """Look at all posts of all chats. Raises CatalogueError."""
        posts, channels = self._commands.posts, self._commands.channels
        if posts is None or channels is None:
            return
        kept = await self._commands.contributions.communities()
        chats = [each for each in kept if each.startswith(f"{PLATFORM}:-")]
        # So that those at the end have their turn, too, where the bot is started often.
        random.shuffle(chats)
        for chat in chats:
            look = partial(self._look, posts, channels, chat)
            try:
                number = int(chat.partition(":")[2])
                if await channels.after(chat, 0, 1) and await self._checks.hears_all(number):
                    await look_at_posts(channels, chat, look, at_once=_PAGE)
            except TelegramError as error:
                self._log.info("posts not swept", error=type(error).__name__)

    async def _look(
        self, posts: Posts, channels: ChannelPosts, chat: str, known: Sequence[int]
    ) -> int:
        for post in await channels.known(chat, known):
            if self._checks.can_tell(post) and await self._is_gone(post):
                # Its number stays, so that an older export does not bring it back.
                await posts.edited(replace(post, file_id="", file_unique_id=""))
        return known[-1]

    async def _is_gone(self, post: Post) -> bool:
        while True:
            await asyncio.sleep(self._pause_s)
            try:
                return await self._checks.is_gone(post)
            except RetryAfter as error:
                await asyncio.sleep(seconds_of(error))
