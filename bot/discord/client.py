"""The connection to Discord: which events we ask for, who gets them, in which servers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import discord
import structlog
import yarl

from bot.chat.presenters.search import Presenter
from bot.discord.answers import InteractionAnswers
from bot.discord.menu import CommandMenu
from bot.discord.messages import Messages
from bot.discord.posts import PostFollower
from bot.discord.requests import PLATFORM, community_of
from bot.discord.shards import Shards
from bot.discord.sync import MenuTranslator
from core.domain.errors import TangerineError
from core.domain.ports import Contributions

# Direct messages are communities, too, and nobody removes the bot from them.
_SERVER = re.compile(rf"{PLATFORM}:(\d+)")


class Guilds:
    """Hands on that the bot came or went. Nothing but cancellation leaves its methods."""

    def __init__(self, contributions: Contributions, shards: Shards | None = None) -> None:
        """``shards``: the bot is also in servers that this process hears nothing of."""
        self._contributions = contributions
        self._shards = shards

    async def joined(self, guild_id: int) -> None:
        """The bot is in this server, newly or as before."""
        try:
            await self._contributions.joined(community_of(guild_id, 0))
        except TangerineError as error:
            _log.error("not noted that the bot is in a server", code=error.code)

    async def present(self, guild_ids: Collection[int]) -> None:
        """These are all servers of our shards that the bot is in, as Discord says at first.

        Those it was removed from while it was not connected are noted now. An outage is none
        of them: an unavailable server is among the ids.
        """
        try:
            kept = await self._contributions.communities()
        except TangerineError as error:
            _log.error("not checked which servers the bot has left", code=error.code)
            return
        servers = {each for each in kept if self._is_ours(each)}
        gone = sorted(servers - {community_of(each, 0) for each in guild_ids})
        for community in gone:
            await self._note_left(community)
        if gone:
            _log.warning("not in all servers any more whose pictures are kept", servers=len(gone))

    def _is_ours(self, community: str) -> bool:
        found = _SERVER.fullmatch(community)
        return found is not None and (self._shards is None or self._shards.hold(int(found[1])))

    async def left(self, guild_id: int) -> None:
        """The bot was removed from this server, or the server is no more."""
        await self._note_left(community_of(guild_id, 0))

    async def _note_left(self, community: str) -> None:
        try:
            await self._contributions.left(community)
        except TangerineError as error:
            _log.error("not noted that the bot left a server", code=error.code)


_log = structlog.get_logger("bot.discord")


@dataclass(frozen=True, slots=True)
class Handlers:
    """What events are handed to; ``posts`` where the pictures that people post are searched."""

    answers: InteractionAnswers
    messages: Messages
    guilds: Guilds
    posts: PostFollower | None = None


class DiscordClient(discord.AutoShardedClient):
    """discord.py's client with our events; it connects, and reconnects, by itself.

    It asks for no privileged intent but "message content", and for that only where
    ``reads_all`` is set. Without it Discord still hands over what is written in direct
    messages and to the bot by name, and the target of a context menu. ``gateway_url`` stands
    in for the one that Discord's API names. ``shards`` None: all, as many as Discord advises.
    """

    def __init__(
        self,
        handlers: Handlers,
        presenters: Callable[[str], Presenter],
        *,
        gateway_url: str | None = None,
        reads_all: bool = False,
        shards: Shards | None = None,
    ) -> None:
        # Nobody here talks: what voice would need is not missing.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        intents = discord.Intents.none()
        intents.guilds = intents.guild_messages = intents.dm_messages = True
        intents.message_content = reads_all
        some: dict[str, Any] = {}
        if shards is not None:
            some = {"shard_ids": list(shards.ids), "shard_count": shards.count}
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            # Neither messages nor members are kept: each event brings those that it is about.
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            **some,
        )
        self._ours = handlers
        self._presenters = presenters
        self._gateway = yarl.URL(gateway_url) if gateway_url else None
        self._up: set[int] = set()
        self.connected = asyncio.Event()
        self.menu = CommandMenu(self, handlers.answers, presenters("en").words)

    async def setup_hook(self) -> None:
        """Make the menu speak all languages; the library calls this before it connects."""
        await self.menu.set_translator(MenuTranslator(self._presenters))

    @property
    def wanted(self) -> int:
        """How many shards this process connects, as far as it is known."""
        return len(self.shard_ids or range(self.shard_count or 1))

    @property
    def down(self) -> int:
        return max(self.wanted - len(self._up), 0)

    async def launch_shard(
        self, gateway: yarl.URL, shard_id: int, *, initial: bool = False
    ) -> None:
        """Connect one shard, over our own gateway where one is set."""
        await super().launch_shard(self._gateway or gateway, shard_id, initial=initial)

    async def on_message(self, message: discord.Message) -> None:
        """Answer people, never bots: two of them could go on for ever."""
        person = not message.author.bot and message.webhook_id is None
        if not person or message.is_system():
            return
        if self._ours.posts is not None:
            await self._ours.posts.heard(message)
        await self._ours.messages.message(self, message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Look at a post again that has other words or pictures, or a link with a picture now."""
        if self._ours.posts is not None:
            pictured = bool(payload.data.get("attachments") or payload.data.get("embeds"))
            self._ours.posts.changed(payload.channel_id, payload.message_id, pictured=pictured)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Show a deleted post to nobody any more."""
        if self._ours.posts is not None:
            await self._ours.posts.deleted(payload.channel_id, {payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Show deleted posts to nobody any more."""
        if self._ours.posts is not None:
            await self._ours.posts.deleted(payload.channel_id, payload.message_ids)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Delete what was posted in a channel that is no more."""
        if self._ours.posts is not None:
            await self._ours.posts.channels.deleted(channel.id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Delete what was posted in a thread that is no more."""
        if self._ours.posts is not None:
            await self._ours.posts.channels.deleted(payload.thread_id)

    async def on_thread_create(self, thread: discord.Thread) -> None:
        """Follow a new thread of a channel that is followed."""
        if self._ours.posts is not None:
            await self._ours.posts.channels.thread(thread)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Answer buttons; the menu answers its commands itself."""
        if interaction.type is discord.InteractionType.component:
            await self._ours.answers.button(interaction)

    async def on_ready(self) -> None:
        await self._ours.guilds.present([guild.id for guild in self.guilds])
        if self._ours.posts is not None:
            for guild in self.guilds:
                self._ours.posts.channels.follow(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._ours.guilds.joined(guild.id)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Note that the bot is in a server, perhaps let in again while it was not connected."""
        # After a start the library tells of servers seconds late: it may be out again by now.
        if self.get_guild(guild.id) is None:
            return
        await self._ours.guilds.joined(guild.id)
        if self._ours.posts is not None:
            self._ours.posts.channels.follow(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Note that the bot is out of a server; an outage of the server is another event."""
        await self._ours.guilds.left(guild.id)

    async def on_shard_connect(self, shard_id: int) -> None:
        self._note_up(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """Note that a shard is back; what it missed is read from where each channel was left."""
        self._note_up(shard_id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """Note that a shard is gone; the library connects it again."""
        self._up.discard(shard_id)
        _log.info("disconnected", shard=shard_id)

    async def on_error(self, event_method: str, /, *_: Any, **__: Any) -> None:
        """Log what no answer could be given to; what was written stays out of it."""
        _log.exception("event failed", handler=event_method)

    def _note_up(self, shard_id: int) -> None:
        self._up.add(shard_id)
        _log.info("connected", shard=shard_id)
        if not self.down:
            self.connected.set()
