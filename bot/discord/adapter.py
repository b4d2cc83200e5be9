"""The Discord adapter: puts its parts together, starts them and stops them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yarl
from discord.gateway import DiscordWebSocket

from bot.chat.access_list import Roster
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.chat.supervision import EndedError, ended
from bot.discord.answers import AnswerRules, InteractionAnswers
from bot.discord.attachments import FetchBounds
from bot.discord.client import DiscordClient, Guilds, Handlers
from bot.discord.connection import addresses, explained
from bot.discord.delivery import Delivery
from bot.discord.drawing import Drawer
from bot.discord.files import ReplyFiles
from bot.discord.followed import FollowedChannels, announce
from bot.discord.in_flight import Work
from bot.discord.messages import Messages
from bot.discord.places import Places
from bot.discord.post_sweep import PostedPictures
from bot.discord.posts import PostFollower
from bot.discord.requests import Locales, MemberRights
from bot.discord.shards import Shards
from bot.discord.sync import sync_commands
from bot.rendering.thumbnails import Thumbnails
from core.domain.errors import PlatformUnreachable
from core.domain.ports import Library, PictureDecoder

_CLOSE_S = 5.0
_NO_REASON = "Discord ended the connection."
_START_AGAIN = "It is tried again by itself."


@dataclass(frozen=True, slots=True)
class DiscordParts:
    commands: Commands
    library: Library
    thumbnails: Thumbnails
    decoder: PictureDecoder
    failures: Failures
    presenters: Callable[[str], Presenter]


@dataclass(frozen=True, slots=True)
class DiscordOptions:
    """How to reach Discord, and what to take from it.

    ``state_file`` remembers which commands Discord knows. ``api_url`` (as
    ``https://discord.com/api/v10``) and ``gateway_url`` (as ``wss://gateway.discord.gg/``)
    are Discord's own where they are None. ``roster`` names users and roles. ``message_content``
    asks Discord for all messages, which a bot must be allowed in the developer portal, and
    without which no photo is answered that nobody asked about. ``shards`` are those of this
    process, as ``0-3/8``, None: all. ``max_bytes`` and
    ``fetch_timeout_s`` bound a posted picture.
    Further times in seconds: ``connect_timeout_s`` until all connections stand, and ``shard_s``
    more for each shard but the first, named or advised, since Discord takes one in five seconds;
    ``drain_s`` for answers under way when stopping, ``progress_s`` between two drawings of a
    progress, since Discord takes five edits in five seconds; ``sweep_every_s`` between two looks
    at all posts, with ``sweep_pause_s`` between two requests; ``post_pause_s`` before posts are
    read again that could not be had.
    """

    token: str = field(repr=False)
    state_file: Path
    api_url: str | None = None
    gateway_url: str | None = None
    roster: Roster = field(default_factory=Roster)
    message_content: bool = False
    shards: str | None = None
    max_bytes: int = 10 * 2**20
    fetch_timeout_s: float = 10.0
    connect_timeout_s: float = 60.0
    shard_s: float = 6.0
    drain_s: float = 10.0
    progress_s: float = 2.0
    sweep_every_s: float = 3600.0
    sweep_pause_s: float = 2.0
    post_pause_s: float = 1.0


class DiscordAdapter:
    """Answers on Discord between :meth:`start` and :meth:`stop`."""

    def __init__(self, parts: DiscordParts, options: DiscordOptions) -> None:
        self._parts = parts
        self._options = options
        self._addresses = ExitStack()
        self._work: Work | None = None
        self._client: DiscordClient | None = None
        self._running: asyncio.Task[None] | None = None
        self._ended: str | None = None
        self._beside: list[asyncio.Task[None]] = []
        self.posts: PostFollower | None = None

    async def start(self) -> None:
        """Log in and connect; returns once every shard is connected.

        From then on, the library itself reconnects. Raises SettingsError for a wrong token,
        PlatformUnreachable where Discord cannot be reached.
        """
        self._ended = None
        options = self._options
        self._client = self._make()
        self._addresses.enter_context(addresses(options.api_url, options.gateway_url))
        try:
            async with asyncio.timeout(options.connect_timeout_s) as limit:
                await self._connect(self._client, limit)
        except BaseException as error:
            await self.stop()
            why = explained(error)
            if why is None:
                raise
            raise why from error

    async def ended(self) -> None:
        """Wait until the library gives the connection up, and raise why."""
        assert self._running is not None
        try:
            await ended({self._running})
        except EndedError:
            raise PlatformUnreachable(_NO_REASON, remedy=_START_AGAIN) from None
        except Exception as error:
            why = explained(error)
            if why is None:
                raise
            raise why from error

    async def stop(self) -> None:
        """Answer what is under way, then leave. Does nothing where nothing was started."""
        beside, self._beside = self._beside, []
        for task in beside:
            task.cancel()
        if beside:
            await asyncio.wait(beside)
        try:
            if self._work is not None:
                await self._work.close(self._options.drain_s)
            if self._client is not None:
                with contextlib.suppress(TimeoutError):
                    # Closing waits for the other side, which may be dead.
                    async with asyncio.timeout(_CLOSE_S):
                        await self._client.close()
                await self._client.http.close()
        finally:
            if self._running is not None:
                self._running.cancel()
                await asyncio.wait({self._running})
            self._addresses.close()
            self._work = self._client = self._running = self._ended = None

    def unready(self) -> str | None:
        """Why Discord's users get no answer now; None where they do."""
        if self._ended is not None:
            return self._ended
        if self._client is None or not self._client.connected.is_set():
            return "Discord is not connected"
        down = self._client.down
        return f"{down} of {self._client.wanted} Discord shards are down" if down else None

    def _make(self) -> DiscordClient:
        options, parts = self._options, self._parts
        delivery = Delivery(
            parts.commands,
            Drawer(ReplyFiles(parts.library, parts.thumbnails, parts.decoder)),
            parts.failures,
            parts.presenters,
            progress_s=options.progress_s,
        )
        self._work = Work(parts.commands, delivery, reads_all=options.message_content)
        shards = Shards.named(options.shards) if options.shards else None
        locales = Locales()
        bounds = FetchBounds(options.max_bytes, options.fetch_timeout_s)
        places, showing = Places(), PostedPictures()
        channels = FollowedChannels(
            parts.commands.channels,
            places,
            partial(announce, presenters=parts.presenters),
            pause_s=options.post_pause_s,
        )
        self.posts = PostFollower(parts.commands, channels, bounds, pause_s=options.post_pause_s)
        rules = AnswerRules(
            MemberRights(options.roster),
            bounds,
            reads_all=options.message_content,
            places=places,
            posts=self.posts,
            showing=showing,
        )
        handlers = Handlers(
            InteractionAnswers(parts.commands, delivery, self._work, locales, rules),
            Messages(parts.commands, self._work, locales, rules),
            Guilds(parts.commands.contributions, shards),
            self.posts,
        )
        client = showing.client = DiscordClient(
            handlers,
            parts.presenters,
            gateway_url=options.gateway_url,
            reads_all=options.message_content,
            shards=shards,
        )
        return client

    async def _connect(self, client: DiscordClient, limit: asyncio.Timeout) -> None:
        options = self._options
        await client.login(options.token)
        assert client.application_id is not None
        # The library asks, too, but tells nobody before the last one is connected.
        advised, gateway, _ = await client.http.get_bot_gateway()
        wanted = client.wanted if options.shards else advised
        begun = limit.when()
        assert begun is not None
        limit.reschedule(begun + options.shard_s * (wanted - 1))
        await sync_commands(client.menu, client.application_id, options.state_file)
        if options.api_url and not options.gateway_url:
            # A shard that reconnects must not take our token to another Discord.
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
        running = self._running = asyncio.create_task(client.connect())
        connected = asyncio.create_task(client.connected.wait())
        try:
            await asyncio.wait({running, connected}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            connected.cancel()
        if running.done():
            if not running.cancelled():
                await running
            raise PlatformUnreachable(_NO_REASON, remedy=_START_AGAIN)
        running.add_done_callback(self._note_end)
        assert self.posts is not None
        self._beside = [
            asyncio.create_task(self.posts.channels.keep_following()),
            asyncio.create_task(self.posts.run(client)),
            asyncio.create_task(
                self.posts.keep_sweeping(
                    client,
                    every_s=self._options.sweep_every_s,
                    pause_s=self._options.sweep_pause_s,
                )
            ),
        ]

    def _note_end(self, running: asyncio.Task[None]) -> None:
        if running.cancelled() or self._client is None or self._work is None:
            return
        error = running.exception()
        # What nobody foresaw may quote what people wrote.
        reason = (error and explained(error)) or type(error).__name__
        self._ended = f"{_NO_REASON} {reason}" if error is not None else _NO_REASON
