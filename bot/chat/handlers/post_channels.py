"""Channels whose posts are searched: switched on and off, and how each of them stands."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from bot.chat.community import CommunityRules
from bot.chat.parser import Invocation
from bot.chat.presenters.search import Presenter
from bot.protocol.replies import Reply
from bot.protocol.requests import NamedChannel, Request
from core.domain.errors import BadSetting, Forbidden, InvalidRequest
from core.domain.ports import ChannelPosts
from core.domain.types import Post, PostChannel, PostsKept

_DISCORD_EPOCH_MS = 1_420_070_400_000
_SHIFT = 22
_LAST = 2**63 - 1


def day_of(invocation: Invocation, option: str) -> float | None:
    """The beginning of a day (UTC), in seconds since the epoch; None where none was given.

    Raises BadSetting.
    """
    text = invocation.text(option)
    if not text:
        return None
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise BadSetting(
            "“{text}” is not a day.", remedy="Write it as 2026-01-31.", text=text[:32]
        ) from None


class PostChannelHandler:
    """Answers /index where a community has several channels."""

    def __init__(self, channels: ChannelPosts, rules: CommunityRules) -> None:
        self._channels = channels
        self._rules = rules

    async def index(
        self, kept: PostsKept, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        """Do what the action says. Raises InvalidRequest, Forbidden, BadSetting, CatalogueError."""
        action = invocation.text("action") or "status"
        if request.command is None and action != "status":
            # Which channel is meant, and who may read it, Discord says with its own menu alone.
            raise InvalidRequest(
                "Choose /index in the menu that Discord shows when you type a slash.",
                remedy="There you can name the channel, too.",
            )
        if action == "on":
            return await self._on(kept, invocation, request, presenter)
        if action == "off":
            forgotten = 0
            for channel in request.named:
                forgotten += await self._channels.switch_off(
                    channel.chat, forget=invocation.flag("forget")
                )
            if not any(each.is_on for each in await self._channels.of(request.community)):
                await self._rules.index_posts(request, on=False)
            if invocation.flag("forget"):
                return presenter.posts.forgotten(forgotten)
            return presenter.posts.channels_off([each.name for each in request.named])
        return await self._status(kept, request, presenter)

    async def deleted(self, gone: Collection[Post]) -> None:
        """These posts are no more. Raises CatalogueError."""
        for chat in {post.chat for post in gone}:
            await self._channels.deleted(chat, {post.message for post in gone if post.chat == chat})

    async def _on(
        self, kept: PostsKept, invocation: Invocation, request: Request, presenter: Presenter
    ) -> Reply:
        if not request.hears_all:
            raise InvalidRequest(
                "Discord does not show me what people post here.",
                remedy="Whoever runs this bot switches on “Message Content Intent” in Discord's "
                "developer portal (Bot, Privileged Gateway Intents), then sets "
                "discord.message_content = true, and starts me again.",
            )
        if kept.full and not kept.pictures:
            raise InvalidRequest(
                "There is no room for pictures that are posted.",
                remedy="Whoever runs this bot can raise posts.max_pictures, or free the disk.",
            )
        readable = [each for each in request.named if each.readable]
        if not readable:
            raise Forbidden(
                "I may not read that channel.",
                remedy="Give me “View Channel” and “Read Message History” there.",
            )
        since = day_of(invocation, "since")
        begins = 0 if since is None else max(int(since * 1000) - _DISCORD_EPOCH_MS, 0) << _SHIFT
        begins = min(begins, _LAST)
        # Before the first post: what is taken in where no channel is on is left out.
        await self._rules.index_posts(request, on=True)
        for each in readable:
            await self._channels.switch_on(_begun(each, request.community, begins))
        names = [each.name for each in readable]
        left_out = [each.name for each in request.named if not each.readable]
        return presenter.posts.channels_on(names, left_out)

    async def _status(self, kept: PostsKept, request: Request, presenter: Presenter) -> Reply:
        known = {each.chat: each for each in await self._channels.of(request.community)}
        rows = [
            (each.name, known[each.chat], each.readable)
            for each in request.named
            if each.chat in known
        ]
        threads = [each for each in known.values() if each.parent and each.is_on]
        seen = request.channels
        behind = sum(not each.complete for each in threads if each.place in seen)
        return presenter.posts.channel_status(
            kept, rows, threads_behind=behind, hears_all=request.hears_all
        )


def _begun(channel: NamedChannel, community: str, begins: int) -> PostChannel:
    return PostChannel(
        chat=channel.chat,
        community=community,
        place=channel.place,
        begins=begins,
        position=begins,
    )
