"""Replies about pictures that people post, in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot.chat.presenters.post_words import PostWords
from bot.i18n.messages import Words
from bot.protocol.replies import Facts, Part, PostLine, Reply, Text
from core.domain.types import Post, PostChannel, PostsKept

_SHOWN = 10
_SUPERGROUP = "-100"


class PostPresenter:
    """Draws up replies. Pure: no search, no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._words = PostWords(words)

    def switched_on(self) -> Reply:
        said = (self._words.what_is_kept(), self._words.how_to_leave())
        return Reply((Text(self._words.switched_on(), "heading"), *map(Text, said)))

    def switched_off(self, left: int) -> Reply:
        return Reply((Text(self._words.switched_off(left)),))

    def channels_on(self, names: Sequence[str], left_out: Sequence[str]) -> Reply:
        """Whose posts are read from now on, and which channels the bot may not read."""
        parts: list[Part] = [Text(self._words.channels_on(names))]
        if left_out:
            parts.append(Text(self._words.unreadable(left_out), "note"))
        return Reply((*parts,))

    def channels_off(self, names: Sequence[str]) -> Reply:
        """Whose posts are followed no more."""
        return Reply((Text(self._words.channels_off(names)),))

    def channel_status(
        self,
        kept: PostsKept,
        channels: Sequence[tuple[str, PostChannel, bool]],
        *,
        threads_behind: int,
        hears_all: bool,
    ) -> Reply:
        """How each channel stands, and what is missing and why."""
        is_on = any(channel.is_on for _, channel, _ in channels)
        rows = [self._words.state(is_on=is_on), self._words.pictures(kept.pictures, kept.posts)]
        if kept.first_at is not None:
            rows.append(self._words.since(kept.first_at))
        rows += [
            (f"#{name}", self._words.channel(channel, readable=readable))
            for name, channel, readable in channels[:_SHOWN]
        ]
        parts: list[Part] = [Facts(tuple(rows))]
        if len(channels) > _SHOWN:
            parts.append(Text(self._words.and_more(len(channels) - _SHOWN)))
        if threads_behind:
            parts.append(Text(self._words.threads_behind(threads_behind), "note"))
        if is_on and kept.full:
            parts.append(Text(self._words.full()))
        if not hears_all:
            parts.append(Text(self._words.no_intent()))
        return Reply((*parts,))

    def status(self, kept: PostsKept, *, is_on: bool) -> Reply:
        rows = [self._words.state(is_on=is_on), self._words.pictures(kept.pictures, kept.posts)]
        if kept.first_at is not None:
            rows.append(self._words.since(kept.first_at))
        parts: list[Part] = [Facts(tuple(rows))]
        if is_on and kept.full:
            parts.append(Text(self._words.full()))
        return Reply((*parts, Text(self._words.no_history(), "note")))

    def forgotten(self, posts: int) -> Reply:
        return Reply((Text(self._words.forgotten(posts)),))

    def opted_out(self, posts: int) -> Reply:
        return Reply((Text(self._words.opted_out(posts)),), private=True)

    def opted_in(self) -> Reply:
        return Reply((Text(self._words.opted_in()),), private=True)

    def before(self, posts: Sequence[Post], public_name: str, *, is_on: bool) -> Reply:
        if not posts:
            return Reply((Text(self._words.never_posted(is_on=is_on)),))
        rows = []
        for post in posts[:_SHOWN]:
            by = self._words.by(post.author_name, post.posted_at)
            rows.append(Text(by, link=link_of(post, public_name)))
        if len(posts) > _SHOWN:
            rows.append(Text(self._words.and_more(len(posts) - _SHOWN)))
        heading = Text(self._words.posted_before(len(posts)), "heading")
        return Reply((heading, *rows))

    def line(
        self,
        posts: Sequence[Post],
        public_name: str,
        links: Mapping[Post, str] = MappingProxyType({}),
    ) -> PostLine | None:
        """What a hit says of its posts: the first one, and how often there were more.

        ``links``: where the platform shows pictures of posts now.
        """
        if not posts:
            return None
        first = posts[0]
        by = self._words.by(first.author_name, first.posted_at)
        if len(posts) > 1:
            by = f"{by} · {self._words.more(len(posts) - 1)}"
        file_id = next((post.file_id for post in posts if post.file_id), links.get(first, ""))
        return PostLine(by, link_of(first, public_name), file_id)


def link_of(post: Post, public_name: str) -> str:
    """Where a post is read, empty where there is no link.

    ``public_name``: by which its chat is found, empty for a private one. Messages of basic groups
    have none, nor do those from before a group became a supergroup.
    """
    platform, _, number = post.chat.partition(":")
    if platform == "discord":
        server = post.community.partition(":")[2]
        return f"https://discord.com/channels/{server}/{number}/{post.message}"
    if not number.startswith(_SUPERGROUP) or post.message <= 0:
        return ""
    chat = public_name or f"c/{number.removeprefix(_SUPERGROUP)}"
    topic = f"{post.thread}/" if post.thread is not None else ""
    return f"https://t.me/{chat}/{topic}{post.message}"
