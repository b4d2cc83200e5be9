"""Channels whose posts are followed: how far they were read, and what was edited or deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from core.domain.threads import finished_in_thread
from core.domain.types import Post, PostChannel, Reached
from index.indexing.posts import ChatPosts
from index.library.post_channels import PostChannels
from index.library.posts import PostRepository


class ChatChannels:
    """The ChannelPosts port. Work that has begun to write is finished also where cancelled."""

    def __init__(
        self, posts: ChatPosts, repository: PostRepository, channels: PostChannels
    ) -> None:
        self._posts = posts
        self._repository = repository
        self._channels = channels

    async def of(self, community: str) -> Sequence[PostChannel]:
        return await finished_in_thread(self._channels.of, community)

    async def find(self, chat: str) -> PostChannel | None:
        return await finished_in_thread(self._channels.find, chat)

    async def switch_on(self, channel: PostChannel) -> bool:
        return await finished_in_thread(self._channels.switch_on, channel)

    async def begin(self, thread: PostChannel) -> None:
        await finished_in_thread(self._channels.begin, thread)

    async def announced(self, chat: str) -> None:
        await finished_in_thread(self._channels.announced, chat)

    async def switch_off(self, chat: str, *, forget: bool) -> int:
        async with self._posts.adding:
            await finished_in_thread(self._channels.switch_off, chat, forget=forget)
            if not forget:
                return 0
            return await finished_in_thread(self._repository.removals.delete_chat, chat)

    async def reach(self, reached: Reached) -> None:
        await finished_in_thread(self._channels.reach, reached)

    async def known(self, chat: str, messages: Collection[int]) -> Sequence[Post]:
        return await finished_in_thread(self._repository.reads.of_messages, chat, messages)

    async def after(self, chat: str, message: int, count: int) -> Sequence[int]:
        return await finished_in_thread(self._repository.reads.messages_after, chat, message, count)

    async def edited(self, chat: str, message: int, captions: Mapping[int, str]) -> None:
        async with self._posts.adding:
            await finished_in_thread(
                self._repository.removals.delete, chat, (message,), but=captions
            )
        for post in await self.known(chat, (message,)):
            await self._posts.say(post, captions[post.part])

    async def deleted(self, chat: str, messages: Collection[int]) -> int:
        async with self._posts.adding:
            return await finished_in_thread(self._repository.removals.delete, chat, messages)
