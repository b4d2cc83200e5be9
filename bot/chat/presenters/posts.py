"""Replies about pictures that people post, in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot.i18n.messages import Words
from bot.protocol.replies import Facts, Part, PostLine, Reply, Text
from core.domain.types import Post, PostChannel, PostsKept

_NAMED = 10
_SHOWN = 10
_SUPERGROUP = "-100"


class PostPresenter:
    """Draws up replies. Pure: no search, no I/O, no clock."""

    def __init__(self, words: Words) -> None:
        self._ = words.gettext
        self._n = words.ngettext
        self._formats = words.formats

    def switched_on(self) -> Reply:
        """What is taken in from now on, what is kept of it, and how a member takes theirs out."""
        _ = self._
        said = (
            _(
                "I keep a small copy of each picture, its text, and who posted it and when. Nobody "
                "outside this chat can search them."
            ),
            _(
                "You do not want yours found? Send me /privacy out: your posts are taken out, and "
                "none is taken in again."
            ),
        )
        heading = _("From now on, pictures that are posted here can be found with /find, here.")
        return Reply((Text(heading, "heading"), *map(Text, said)))

    def switched_off(self, left: int) -> Reply:
        """``left``: pictures that can still be found."""
        told = self._n(
            "No more posts are taken in. {count} picture stays searchable; /index off forget "
            "deletes it.",
            "No more posts are taken in. {count} pictures stay searchable; /index off forget "
            "deletes them.",
            left,
        )
        return Reply((Text(self._counted(told, left)),))

    def channels_on(self, names: Sequence[str], left_out: Sequence[str]) -> Reply:
        """Whose posts are read from now on, and which channels the bot may not read."""
        read = self._n(
            "Pictures that are posted in {names} can be found from now on. I read what was "
            "posted there before, too; /index status tells how far I am.",
            "Pictures that are posted in {names} can be found from now on. I read what was "
            "posted there before, too; /index status tells how far I am.",
            len(names),
        )
        unread = self._(
            "I may not read {names}: give me “View Channel” and “Read Message History” there."
        )
        parts: list[Part] = [Text(read.format(names=self._channels(names)))]
        if left_out:
            parts.append(Text(unread.format(names=self._channels(left_out)), "note"))
        return Reply((*parts,))

    def channels_off(self, names: Sequence[str]) -> Reply:
        """Whose posts are followed no more."""
        told = self._(
            "No more posts are taken in from {names}. What is there stays searchable; with "
            "forget, it is deleted."
        )
        return Reply((Text(told.format(names=self._channels(names))),))

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
        rows = [
            (f"#{name}", self._state_of(channel, readable=readable))
            for name, channel, readable in channels[:_SHOWN]
        ]
        parts: list[Part] = [Facts((*self._facts(kept, is_on=is_on), *rows))]
        if len(channels) > _SHOWN:
            parts.append(Text(self._and_more(len(channels) - _SHOWN)))
        if threads_behind:
            told = self._n(
                "{count} thread is still being read.",
                "{count} threads are still being read.",
                threads_behind,
            )
            parts.append(Text(self._counted(told, threads_behind), "note"))
        parts += self._full(kept, is_on=is_on)
        if not hears_all:
            no_intent = self._(
                "Discord does not show me what people post here. Whoever runs this bot switches on "
                "“Message Content Intent” in Discord's developer portal (Bot, Privileged Gateway "
                "Intents), then sets discord.message_content = true, and starts me again."
            )
            parts.append(Text(no_intent))
        return Reply((*parts,))

    def status(self, kept: PostsKept, *, is_on: bool) -> Reply:
        """How a chat stands, what is missing and why."""
        no_history = self._(
            "Bots see no older posts, and are not told of deleted ones: administrators take a "
            "picture out with /remove. Whoever runs this bot can import the chat's history with "
            "tangerine import-chat."
        )
        facts = Facts(self._facts(kept, is_on=is_on))
        return Reply((facts, *self._full(kept, is_on=is_on), Text(no_history, "note")))

    def forgotten(self, posts: int) -> Reply:
        told = self._n(
            "Taken out for good: {count} post.", "Taken out for good: {count} posts.", posts
        )
        return Reply((Text(self._counted(told, posts)),))

    def opted_out(self, posts: int) -> Reply:
        told = self._n(
            "Taken out for good: {count} post. From now on none of your posts is taken in, in "
            "any chat. /privacy in undoes that.",
            "Taken out for good: {count} posts. From now on none of your posts is taken in, in "
            "any chat. /privacy in undoes that.",
            posts,
        )
        return Reply((Text(self._counted(told, posts)),), private=True)

    def opted_in(self) -> Reply:
        told = self._(
            "Pictures that you post are taken in again, in chats that search theirs. What was "
            "taken out stays out."
        )
        return Reply((Text(told),), private=True)

    def before(self, posts: Sequence[Post], public_name: str, *, is_on: bool) -> Reply:
        """Where a picture was posted; ``is_on``: whether posts are taken in there."""
        if not posts:
            off = self._(
                "Pictures that are posted here are not searched. Administrators switch that on "
                "with /index on."
            )
            never = self._("I know no earlier post of this picture here.")
            return Reply((Text(never if is_on else off),))
        heading = self._n(
            "This was posted here before, {count} time:",
            "This was posted here before, {count} times:",
            len(posts),
        )
        rows = [Text(self._by(post), link=link_of(post, public_name)) for post in posts[:_SHOWN]]
        if len(posts) > _SHOWN:
            rows.append(Text(self._and_more(len(posts) - _SHOWN)))
        return Reply((Text(self._counted(heading, len(posts)), "heading"), *rows))

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
        by, more = self._by(first), len(posts) - 1
        if more:
            again = self._n("posted {count} more time", "posted {count} more times", more)
            by = f"{by} · {self._counted(again, more)}"
        file_id = next((post.file_id for post in posts if post.file_id), links.get(first, ""))
        return PostLine(by, link_of(first, public_name), file_id)

    def _facts(self, kept: PostsKept, *, is_on: bool) -> tuple[tuple[str, str], ...]:
        _ = self._
        posts = self._n("{count} post", "{count} posts", kept.posts)
        since = () if kept.first_at is None else ((_("Since"), self._formats.day(kept.first_at)),)
        pictures = _("{pictures} of {posts}").format(
            pictures=self._formats.whole(kept.pictures), posts=self._counted(posts, kept.posts)
        )
        return (
            (_("Posted pictures"), _("searched here") if is_on else _("off")),
            (_("Pictures"), pictures),
            *since,
        )

    def _full(self, kept: PostsKept, *, is_on: bool) -> Sequence[Text]:
        full = self._(
            "No more pictures are taken in: this chat has as many as it may have. Whoever runs "
            "this bot can raise posts.max_pictures, or set posts.keep_days."
        )
        return (Text(full),) if is_on and kept.full else ()

    def _state_of(self, channel: PostChannel, *, readable: bool) -> str:
        if not channel.is_on:
            return self._("off")
        if not readable:
            return self._("I may not read it: View Channel, Read Message History")
        if channel.complete:
            return self._("up to date")
        return self._("reading what was posted before")

    def _channels(self, names: Sequence[str]) -> str:
        shown = ", ".join(f"#{name}" for name in names[:_NAMED])
        more = len(names) - _NAMED
        return f"{shown}, {self._and_more(more)}" if more > 0 else shown

    def _and_more(self, count: int) -> str:
        return self._counted(self._("and {count} more"), count)

    def _by(self, post: Post) -> str:
        day = self._formats.day(post.posted_at)
        return f"{post.author_name} · {day}" if post.author_name else day

    def _counted(self, sentence: str, count: int) -> str:
        return sentence.format(count=self._formats.whole(count))


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
