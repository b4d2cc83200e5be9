"""Posts that Discord has no more: noticed when one is to be shown, and by a slow sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import discord
import structlog

from bot.chat.post_sweeps import look_at_posts
from bot.discord.post_reading import id_of
from bot.discord.readers import bot_reads
from bot.discord.targets import DELIVERY_ERRORS
from core.domain.ports import ChannelPosts
from core.domain.types import Post, PostChannel

_PAGE = 100
_ANSWER_S = 2.5


class PostedPictures:
    """The Showing port: each picture by a link that Discord has just made.

    What cannot be asked for within ``timeout_s`` has none: its thumbnail is shown.
    """

    def __init__(self, *, timeout_s: float = _ANSWER_S) -> None:
        self._timeout_s = timeout_s
        self.client: discord.Client | None = None

    async def links(self, posts: Sequence[Post]) -> Mapping[Post, str | None]:
        found: dict[Post, str | None] = {}

        async def look(post: Post) -> None:
            with suppress(*DELIVERY_ERRORS):
                found[post] = await self._link(post)

        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await asyncio.gather(*map(look, posts))
        return found

    async def _link(self, post: Post) -> str | None:
        assert self.client is not None
        channel = self.client.get_partial_messageable(
            id_of(post.chat), guild_id=id_of(post.community)
        )
        try:
            message = await channel.fetch_message(post.message)
        except discord.NotFound:
            return None
        for attachment in message.attachments:
            if attachment.id == post.part:
                return attachment.url
        if 0 < post.part <= len(message.embeds):
            embed = message.embeds[post.part - 1]
            return embed.image.proxy_url or embed.thumbnail.proxy_url
        return None


async def sweep(
    client: discord.Client,
    guild: discord.Guild,
    channels: ChannelPosts,
    look_again: Callable[[int, int], None],
    *,
    pause_s: float,
) -> None:
    """Look at all posts of a server once, a hundred messages a request.

    Those that are no more are deleted; edited ones are handed to ``look_again``, with their
    channel. What the bot may not read any more is deleted, to be read anew where it may again.
    """
    community = f"discord:{guild.id}"
    for row in await channels.of(community):
        place = guild.get_channel(id_of(row.parent or row.chat))
        if place is None or not bot_reads(place):
            await channels.switch_off(row.chat, forget=True)
            if place is not None and row.is_on and not row.parent:
                again = replace(row, position=row.begins, complete=False)
                await channels.switch_on(again)
            continue
        try:
            await _sweep_channel(client, row, channels, look_again, pause_s=pause_s)
        except DELIVERY_ERRORS as error:
            _log.info("posts not swept", error=type(error).__name__)


async def _sweep_channel(
    client: discord.Client,
    row: PostChannel,
    channels: ChannelPosts,
    look_again: Callable[[int, int], None],
    *,
    pause_s: float,
) -> None:
    channel_id = id_of(row.chat)
    channel = client.get_partial_messageable(channel_id, guild_id=id_of(row.community))

    async def look(known: Sequence[int]) -> int:
        start = discord.Object(known[0] - 1)
        page = {
            message.id: message
            async for message in channel.history(limit=_PAGE, after=start, oldest_first=True)
        }
        # A short page reaches to the end: what is not on it is no more.
        last = max(page) if len(page) == _PAGE else known[-1]
        looked = [each for each in known if each <= last]
        gone = [each for each in looked if each not in page]
        if gone:
            await channels.deleted(row.chat, gone)
        kept = await channels.known(row.chat, [each for each in looked if each in page])
        for message_id in {post.message for post in kept if _differs(post, page[post.message])}:
            look_again(channel_id, message_id)
        await asyncio.sleep(pause_s)
        return last

    await look_at_posts(channels, row.chat, look, at_once=_PAGE)


def _differs(post: Post, message: discord.Message) -> bool:
    edited = message.edited_at
    there = {each.id for each in message.attachments} | set(range(1, len(message.embeds) + 1))
    return post.part not in there or (edited is not None and edited.timestamp() > post.posted_at)


_log = structlog.get_logger("bot.discord")
