"""Posts of channels whose pictures are searched: their history, then what comes, goes, changes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Sequence

import aiohttp
import discord
import structlog
from cachetools import LRUCache

from bot.chat.commands import Commands
from bot.chat.presenters.search import Presenter
from bot.discord.attachments import FetchBounds
from bot.discord.layout import Page
from bot.discord.places import Places
from bot.discord.post_reading import PostPicture, chat_of, id_of, pictures_in, post_channel
from bot.discord.post_sweep import sweep
from bot.discord.requests import community_of
from bot.i18n.discord import drawing_words
from core.domain.errors import BadPicture, NotFound, TangerineError, Unavailable
from core.domain.ports import ChannelPosts, Posts
from core.domain.types import PostChannel, Reached

_PAGE = 100
"""Messages of one request (developers' reference, "Get Channel Messages")."""

_AT_ONCE = 16
_PATIENCE = 12
_LONGEST_S = 300.0
_REMEMBERED = 10_000
_LIVE, _HISTORY = 0, 1
UNREACHED = (discord.DiscordServerError, discord.RateLimited, aiohttp.ClientError, OSError)
"""What it is to be tried again after."""

_log = structlog.get_logger("bot.discord")

Followed = discord.abc.GuildChannel | discord.Thread


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


class PostFollower:
    """Takes in what people post, one page of a channel after another, behind all who ask.

    How far each channel was read is kept with its posts, in one commit. So nothing waits in
    memory alone: a message only wakes its channel, and whatever ends this, it goes on there.
    ``pause_s`` is how long it waits, the first time, where Discord or the encoder cannot be had.
    """

    def __init__(
        self,
        commands: Commands,
        places: Places,
        bounds: FetchBounds,
        announce: Callable[[Followed], Awaitable[None]],
        *,
        pause_s: float = 1.0,
    ) -> None:
        self._commands = commands
        self._places = places
        self._bounds = bounds
        self._announce = announce
        self._pause_s = pause_s
        self._rows: dict[int, PostChannel] = {}
        self._queue: asyncio.PriorityQueue[tuple[int, int, int]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._waiting: set[int] = set()
        self._open = 0
        self._failures: dict[int, int] = {}
        self._changed: dict[int, set[int]] = {}
        self._gone: LRUCache[int, None] = LRUCache(_REMEMBERED)
        self._log = _log

    @property
    def ports(self) -> tuple[Posts, ChannelPosts] | None:
        """Where posts go; None where none are kept."""
        posts, channels = self._commands.posts, self._commands.channels
        return None if posts is None or channels is None else (posts, channels)

    @property
    def idle(self) -> bool:
        """Whether all that was heard of is taken in, and nothing is to be tried again."""
        return not self._open

    def follows(self, channel_id: int) -> bool:
        """Whether what is posted in a channel or thread is taken in."""
        row = self._rows.get(channel_id)
        return row is not None and row.is_on

    async def refresh(self, guild: discord.Guild) -> None:
        """Follow what is to be followed in a server; again whenever that has changed."""
        if self.ports is None:
            return
        self._open += 1
        try:
            await self._refresh(guild, self.ports[1])
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
            self.wake(id_of(row.chat), live=False)

    async def find_threads(self, guild: discord.Guild) -> None:
        """Follow the threads of channels that are followed, archived ones too."""
        self._open += 1
        try:
            await self._find_threads(guild)
        finally:
            self._open -= 1

    async def _find_threads(self, guild: discord.Guild) -> None:
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
        if self.ports is None or parent is None or not parent.is_on or thread.id in self._rows:
            return
        _, channels = self.ports
        found = post_channel(thread, parent.begins)
        await channels.begin(found)
        self._rows[thread.id] = found
        known = [row.place for row in self._rows.values() if row.community == found.community]
        self._places.note(thread.guild.id, known)
        self.wake(thread.id, live=False)

    def wake(self, channel_id: int, *, live: bool) -> None:
        """There is something to read in a channel."""
        if channel_id not in self._waiting:
            self._waiting.add(channel_id)
            self._open += 1
            self._queue.put_nowait((_LIVE if live else _HISTORY, next(self._order), channel_id))

    async def heard(self, message: discord.Message) -> None:
        """A message was written."""
        if isinstance(message.channel, discord.Thread):
            await self.thread(message.channel)
        row = self._rows.get(message.channel.id)
        if row is None or not row.is_on or not (message.attachments or message.embeds):
            return
        if message.id <= row.position:
            # Discord tells messages of one moment in any order.
            self._changed.setdefault(message.channel.id, set()).add(message.id)
        self.wake(message.channel.id, live=row.complete)

    def changed(self, channel_id: int, message_id: int) -> None:
        """A message was edited, or Discord shows what its links lead to."""
        row = self._rows.get(channel_id)
        if row is not None:
            self._changed.setdefault(channel_id, set()).add(message_id)
            self.wake(channel_id, live=True)

    async def deleted(self, channel_id: int, message_ids: Collection[int]) -> None:
        """Messages were deleted: theirs is shown to nobody from now on."""
        if self.ports is None or channel_id not in self._rows:
            return
        for each in message_ids:
            self._gone[each] = None
        await self.ports[1].deleted(chat_of(channel_id), message_ids)

    async def channel_deleted(self, channel_id: int) -> None:
        """A channel or a thread was deleted, with all that was posted there."""
        if self.ports is None or channel_id not in self._rows:
            return
        await self.ports[1].switch_off(chat_of(channel_id), forget=True)
        chat = chat_of(channel_id)
        self._rows = {n: row for n, row in self._rows.items() if chat not in {row.chat, row.parent}}

    async def keep_sweeping(
        self, client: discord.Client, *, every_s: float, pause_s: float
    ) -> None:
        """Look from time to time for what was deleted or edited unnoticed, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.sweep(client, pause_s=pause_s)

    async def sweep(self, client: discord.Client, *, pause_s: float) -> None:
        """Look once at all posts."""
        if self.ports is None:
            return
        for guild in list(client.guilds):
            try:
                if not guild.unavailable:
                    await sweep(client, guild, self.ports[1], self.changed, pause_s=pause_s)
                    await self.refresh(guild)
            except Exception as error:  # noqa: BLE001 - one defect must not end all later sweeps
                self._log.error("posts not swept", error=type(error).__name__)

    async def run(self, client: discord.Client) -> None:
        """Read what is to be read, until cancelled."""
        while True:
            _, _, channel_id = await self._queue.get()
            self._waiting.discard(channel_id)
            try:
                await self._read(client, channel_id)
                self._failures.pop(channel_id, None)
            except (discord.Forbidden, discord.NotFound):
                self._log.info("channel not readable", channel=channel_id)
            except (*UNREACHED, TangerineError, discord.HTTPException) as error:
                self._later(channel_id, error)
            except Exception as error:  # noqa: BLE001 - one defect must not end all others
                self._log.error("posts not taken in", error=type(error).__name__)
            finally:
                self._open -= 1

    def _later(self, channel_id: int, error: Exception) -> None:
        failures = self._failures[channel_id] = self._failures.get(channel_id, 0) + 1
        pause = min(self._pause_s * 2 ** (failures - 1), _LONGEST_S)
        self._log.info("posts later", error=type(error).__name__, seconds=pause)
        self._open += 1

        def again() -> None:
            self._open -= 1
            self.wake(channel_id, live=False)

        asyncio.get_running_loop().call_later(pause, again)

    async def _read(self, client: discord.Client, channel_id: int) -> None:
        """What was changed in a channel, and its next page."""
        if self.ports is None:
            return
        _, channels = self.ports
        row = await channels.find(chat_of(channel_id))
        if row is None:
            return
        self._rows[channel_id] = row
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            return  # a forum has posts, which are threads, and no messages
        await self._look_at_changed(client, channel, row)
        if row.is_on:
            await self._next_page(client, channel, row)

    async def _next_page(
        self, client: discord.Client, channel: discord.abc.Messageable, row: PostChannel
    ) -> None:
        assert self.ports is not None
        _, channels = self.ports
        channel_id = id_of(row.chat)
        after = discord.Object(row.position)
        page = [
            message
            async for message in channel.history(limit=_PAGE, after=after, oldest_first=True)
        ]
        complete = len(page) < _PAGE
        if page:
            found: list[PostPicture] = []
            for message in page:
                found += self._pictures(client, message)
                last = message is page[-1]
                if last or len(found) >= _AT_ONCE:
                    await self._keep(found, Reached(row.chat, message.id, complete and last))
                    found = []
        elif not row.complete:
            await channels.reach(Reached(row.chat, row.position, complete=True))
        now = await channels.find(row.chat)
        if now is not None:
            self._rows[channel_id] = now
            if not complete and now.position > row.position:
                self.wake(channel_id, live=False)

    async def _keep(self, found: Sequence[PostPicture], reached: Reached | None) -> None:
        assert self.ports is not None
        posts, channels = self.ports
        wanted, _ = await posts.wanted([each.post for each in found]) if found else ((), None)
        pictures = {each.post: each for each in found}
        read = await asyncio.gather(*(self._fetched(pictures[post]) for post in wanted))
        given = [
            (post, data)
            for post, data in zip(wanted, read, strict=True)
            if data is not None and post.message not in self._gone
        ]
        if given:
            await posts.add(given, reached)
            # What was deleted meanwhile was not there to be deleted then.
            for post in {post.message: post for post, _ in given}.values():
                if post.message in self._gone:
                    await channels.deleted(post.chat, (post.message,))
        elif reached is not None:
            await channels.reach(reached)

    async def _fetched(self, each: PostPicture) -> bytes | None:
        """The bytes of a picture; None where there are none to be had. Raises Unavailable."""
        try:
            return await each.picture.read()
        except (BadPicture, NotFound) as error:
            self._log.info("post unreadable", code=error.code)
        except Unavailable as error:
            if self._failures.get(id_of(each.post.chat), 0) < _PATIENCE:
                raise
            # What Discord has not handed over for so long must not hold up all that follows.
            self._log.warning("post left out", code=error.code)
        return None

    async def _look_at_changed(
        self, client: discord.Client, channel: discord.abc.Messageable, row: PostChannel
    ) -> None:
        changed = self._changed.get(id_of(row.chat), set())
        while changed:
            message_id = changed.pop()
            try:
                await self._look_again(client, channel, row, message_id)
            except BaseException:
                changed.add(message_id)
                raise

    async def _look_again(
        self,
        client: discord.Client,
        channel: discord.abc.Messageable,
        row: PostChannel,
        message_id: int,
    ) -> None:
        """At a message that may have other pictures or another text, or be no more."""
        assert self.ports is not None
        _, channels = self.ports
        if message_id > row.position:
            return  # not read yet
        try:
            message = await channel.fetch_message(message_id)
        except discord.NotFound:
            await channels.deleted(row.chat, (message_id,))
            return
        found = self._pictures(client, message)
        await channels.edited(
            row.chat, message_id, {each.post.part: each.post.caption for each in found}
        )
        if row.is_on:
            await self._keep(found, None)

    def _pictures(self, client: discord.Client, message: discord.Message) -> list[PostPicture]:
        own = client.user.id if client.user else 0
        return pictures_in(message, own, self._bounds)
