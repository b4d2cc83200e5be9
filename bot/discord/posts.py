"""Posts of channels whose pictures are searched: their history, then what comes, goes, changes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

import discord
import structlog
from cachetools import LRUCache

from bot.chat.commands import Commands
from bot.chat.post_sweeps import keep_looking
from bot.chat.supervision import Pauses
from bot.discord.attachments import FetchBounds
from bot.discord.followed import UNREACHED, FollowedChannels
from bot.discord.post_reading import PostPicture, chat_of, id_of, pictures_in
from bot.discord.post_sweep import sweep
from core.domain.errors import BadPicture, NotFound, Unavailable
from core.domain.ports import ChannelPosts, Posts
from core.domain.types import PostChannel, Reached

_PAGE = 100
"""Messages of one request (developers' reference, "Get Channel Messages")."""

_AT_ONCE = 16
_PATIENCE = 12
_LONGEST_S = 300.0
_REMEMBERED = 10_000
_LIVE, _HISTORY = 0, 1
_log = structlog.get_logger("bot.discord")


class PostFollower:
    """Takes in what people post, one page of a channel after another, behind all who ask.

    How far each channel was read is kept with its posts, in one commit. So nothing waits in
    memory alone: a message only wakes its channel, and whatever ends this, it goes on there.
    ``pause_s`` is how long it waits, the first time, where Discord or the encoder cannot be had.
    """

    def __init__(
        self,
        commands: Commands,
        channels: FollowedChannels,
        bounds: FetchBounds,
        *,
        pause_s: float = 1.0,
    ) -> None:
        self._commands = commands
        self.channels = channels
        channels.wake = partial(self.wake, live=False)
        self._bounds = bounds
        self._pauses = Pauses(pause_s, _LONGEST_S)
        self._queue: asyncio.PriorityQueue[tuple[int, int, int]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._waiting: set[int] = set()
        self._open = 0
        self._failures: dict[int, int] = {}
        self._changed: dict[int, dict[int, bool]] = {}
        self._gone: LRUCache[int, None] = LRUCache(_REMEMBERED)

    @property
    def ports(self) -> tuple[Posts, ChannelPosts] | None:
        """Where posts go; None where none are kept."""
        posts, channels = self._commands.posts, self._commands.channels
        return None if posts is None or channels is None else (posts, channels)

    @property
    def idle(self) -> bool:
        """Whether all that was heard of is taken in, and nothing is to be tried again."""
        return not self._open and self.channels.idle

    def follows(self, channel_id: int) -> bool:
        """Whether what is posted in a channel or thread is taken in."""
        row = self.channels.of(channel_id)
        return row is not None and row.is_on

    def wake(self, channel_id: int, *, live: bool) -> None:
        """There is something to read in a channel."""
        if channel_id not in self._waiting:
            self._waiting.add(channel_id)
            self._open += 1
            self._queue.put_nowait((_LIVE if live else _HISTORY, next(self._order), channel_id))

    async def heard(self, message: discord.Message) -> None:
        """A message was written."""
        if isinstance(message.channel, discord.Thread):
            await self.channels.thread(message.channel)
        row = self.channels.of(message.channel.id)
        if row is None or not row.is_on or not (message.attachments or message.embeds):
            return
        # Discord tells messages of one moment in any order: its page may have been read.
        self._changed.setdefault(message.channel.id, {})[message.id] = True
        self.wake(message.channel.id, live=row.complete)

    def changed(self, channel_id: int, message_id: int, *, pictured: bool = True) -> None:
        """A message was edited, or Discord shows what its links lead to.

        ``pictured``: it may have a picture that is not known yet.
        """
        row = self.channels.of(channel_id)
        if row is not None:
            waiting = self._changed.setdefault(channel_id, {})
            waiting[message_id] = pictured or waiting.get(message_id, False)
            self.wake(channel_id, live=True)

    async def deleted(self, channel_id: int, message_ids: Collection[int]) -> None:
        """Messages were deleted: theirs is shown to nobody from now on."""
        if self.ports is None or self.channels.of(channel_id) is None:
            return
        for each in message_ids:
            self._gone[each] = None
        await self.ports[1].deleted(chat_of(channel_id), message_ids)

    async def keep_sweeping(
        self, client: discord.Client, *, every_s: float, pause_s: float
    ) -> None:
        """Look from time to time for what was deleted or edited unnoticed, until cancelled."""
        await keep_looking(partial(self.sweep, client, pause_s=pause_s), every_s=every_s)

    async def sweep(self, client: discord.Client, *, pause_s: float) -> None:
        """Look once at all posts."""
        if self.ports is None:
            return
        for guild in list(client.guilds):
            try:
                if not guild.unavailable:
                    await sweep(client, guild, self.ports[1], self.changed, pause_s=pause_s)
                    self.channels.follow(guild)
            except Exception as error:  # noqa: BLE001 - one defect must not end all later sweeps
                _log.error("posts not swept", error=type(error).__name__)

    async def run(self, client: discord.Client) -> None:
        """Read what is to be read, until cancelled."""
        while True:
            _, _, channel_id = await self._queue.get()
            self._waiting.discard(channel_id)
            try:
                await self._read(client, channel_id)
                self._failures.pop(channel_id, None)
            except (discord.Forbidden, discord.NotFound):
                _log.info("channel not readable", channel=channel_id)
            except UNREACHED as error:
                self._later(channel_id, error)
            except Exception as error:  # noqa: BLE001 - one defect must not end all others
                _log.error("posts not taken in", error=type(error).__name__)
            finally:
                self._open -= 1

    def _later(self, channel_id: int, error: Exception) -> None:
        failures = self._failures[channel_id] = self._failures.get(channel_id, 0) + 1
        pause = self._pauses.after(failures)
        _log.info("posts later", error=type(error).__name__, seconds=pause)
        self._open += 1

        def again() -> None:
            self._open -= 1
            self.wake(channel_id, live=False)

        asyncio.get_running_loop().call_later(pause, again)

    async def _read(self, client: discord.Client, channel_id: int) -> None:
        """What was changed in a channel, and its next page."""
        if self.ports is None:
            return
        posts, channels = self.ports
        row = await channels.find(chat_of(channel_id))
        if row is None:
            return
        self.channels.note(row)
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            # A forum has posts, which are threads, and no messages.
            await channels.reach(Reached(row.chat, row.position, complete=True))
            return
        await self._look_at_changed(client, channel, row)
        if row.is_on and posts.takes_in(row.community):
            await self._next_page(client, channel, row)

    async def _next_page(
        self, client: discord.Client, channel: discord.abc.Messageable, row: PostChannel
    ) -> None:
        assert self.ports is not None
        _, channels = self.ports
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
                    reached = Reached(row.chat, message.id, complete and last)
                    await self._keep(found, reached)
                    found = []
                    if not await self._noted(reached):
                        break  # there is no room, or it was switched off
            else:
                if not complete:
                    self.wake(id_of(row.chat), live=False)
        elif not row.complete:
            await channels.reach(Reached(row.chat, row.position, complete=True))
            self.channels.note(replace(row, complete=True))

    async def _noted(self, reached: Reached) -> bool:
        """Whether a channel was read so far."""
        assert self.ports is not None
        now = await self.ports[1].find(reached.chat)
        if now is None:
            return False
        self.channels.note(now)
        return now.position >= reached.position

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
            _log.info("post unreadable", code=error.code)
        except Unavailable as error:
            if self._failures.get(id_of(each.post.chat), 0) < _PATIENCE:
                raise
            # What Discord has not handed over for so long must not hold up all that follows.
            _log.warning("post left out", code=error.code)
        return None

    async def _look_at_changed(
        self, client: discord.Client, channel: discord.abc.Messageable, row: PostChannel
    ) -> None:
        assert self.ports is not None
        _, channels = self.ports
        changed = self._changed.get(id_of(row.chat), {})
        while changed:
            message_id, pictured = changed.popitem()
            try:
                if pictured or await channels.known(row.chat, (message_id,)):
                    await self._look_again(client, channel, row, message_id)
            except BaseException:
                changed.setdefault(message_id, pictured)
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
