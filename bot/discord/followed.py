"""The channels and threads of each server whose posts are followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import discord
import structlog

from bot.chat.presenters.search import Presenter
from bot.discord.layout import Page
from bot.discord.places import Places
from bot.discord.post_reading import chat_of, id_of, post_channel
from bot.discord.requests import community_of
from bot.i18n.discord import drawing_words
from core.domain.errors import TangerineError
from core.domain.ports import ChannelPosts
from core.domain.types import PostChannel

UNREACHED = (discord.HTTPException, aiohttp.ClientError, OSError, TangerineError)
"""After what it is to be tried again."""

Followed = discord.abc.GuildChannel | discord.Thread

_PAUSE = 60

_log = structlog.get_logger("bot.discord")


class FollowedChannels:
    """Knows which channels are followed, as the catalogue has them, and tells ``places``.

    ``wake`` is told of each that has something to be read. ``pause_s`` x 60 later it is tried
    again where Discord or the catalogue could not be asked.
    """

    def __init__(
        self,
        channels: ChannelPosts | None,
        places: Places,
        announce: Callable[[Followed], Awaitable[None]],
        *,
        pause_s: float,
    ) -> None:
        self._channels = channels
        self._places = places
        self._announce = announce
        self._pause_s = pause_s
        self._rows: dict[int, PostChannel] = {}
        self._guilds: asyncio.Queue[discord.Guild] = asyncio.Queue()
        self._open = 0
        self.wake: Callable[[int], None] = lambda _: None

    @property
    def idle(self) -> bool:
        """Whether it is known what is to be followed."""
        return not self._open

    def of(self, channel_id: int) -> PostChannel | None:
        """A channel or thread that is known, also one that is followed no more."""
        return self._rows.get(channel_id)

    def note(self, row: PostChannel) -> None:
        """A channel stands so now."""
        self._rows[id_of(row.chat)] = row

    def follow(self, guild: discord.Guild) -> None:
        """Follow what is to be followed in a server; again whenever that has changed."""
        self._open += 1
        self._guilds.put_nowait(guild)

    async def keep_following(self) -> None:
        """Find out what is to be followed, until cancelled."""
        while True:
            guild = await self._guilds.get()
            try:
                if self._channels is not None:
                    await self._refresh(guild, self._channels)
                    await self._find_threads(guild)
            except UNREACHED as error:
                _log.info("channels later", error=type(error).__name__)
                asyncio.get_running_loop().call_later(self._pause_s * _PAUSE, self.follow, guild)
            except Exception as error:  # noqa: BLE001 - one defect must not end all others
                _log.error("channels not followed", error=type(error).__name__)
            finally:
                self._open -= 1

    async def _refresh(self, guild: discord.Guild, channels: ChannelPosts) -> None:
        rows = await channels.of(community_of(guild.id, 0))
        self._rows = {
            **{
                n: row
                for n, row in self._rows.items()
                if row.community != community_of(guild.id, 0)
            },
            **{id_of(row.chat): row for row in rows},
        }
        self._places.note(guild.id, (row.place for row in rows))
        for row in rows:
            channel = guild.get_channel(id_of(row.chat))
            if not row.is_on:
                continue
            if channel is not None and not row.announced:
                await self._announce(channel)
                await channels.announced(row.chat)
            self.wake(id_of(row.chat))

    async def _find_threads(self, guild: discord.Guild) -> None:
        """Follow the threads of channels that are followed, archived ones too."""
        for row in [row for row in self._rows.values() if row.is_on and not row.parent]:
            channel = guild.get_channel(id_of(row.chat))
            if not isinstance(channel, discord.TextChannel | discord.ForumChannel):
                continue
            for thread in channel.threads:
                await self.thread(thread)
            try:
                async for thread in channel.archived_threads(limit=None):
                    await self.thread(thread)
            except discord.Forbidden:
                continue

    async def thread(self, thread: discord.Thread) -> None:
        """Follow a thread, where its channel is followed."""
        parent = self._rows.get(thread.parent_id)
        known = thread.id in self._rows
        if self._channels is None or parent is None or not parent.is_on or known:
            return
        found = post_channel(thread, parent.begins)
        await self._channels.begin(found)
        self._rows[thread.id] = found
        here = [row.place for row in self._rows.values() if row.community == found.community]
        self._places.note(thread.guild.id, here)
        self.wake(thread.id)

    async def deleted(self, channel_id: int) -> None:
        """A channel or a thread was deleted, with all that was posted there."""
        if self._channels is None or channel_id not in self._rows:
            return
        await self._channels.switch_off(chat_of(channel_id), forget=True)
        chat = chat_of(channel_id)
        self._rows = {n: row for n, row in self._rows.items() if chat not in {row.chat, row.parent}}


async def announce(channel: Followed, *, presenters: Callable[[str], Presenter]) -> None:
    """Tell a channel once that what is posted there is searched, and how to be left out."""
    if not isinstance(channel, discord.abc.Messageable):
        return  # a forum: its posts are threads
    presenter = presenters(channel.guild.preferred_locale.value)
    words = drawing_words(presenter.words.translate)
    page = Page(presenter.posts.switched_on(), words, caller=0, limit=0)
    try:
        await channel.send(view=page.finish().view)
    except discord.HTTPException as error:
        # It is said below /index status, too.
        _log.info("channel not told", status=error.status, code=error.code)
