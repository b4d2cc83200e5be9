"""The words of pictures that people post in a chat, in one language."""

from __future__ import annotations

from collections.abc import Sequence

from bot.i18n.messages import Words
from core.domain.types import PostChannel

_NAMED = 10


class PostWords:
    """What is said of posts, and of taking them in and out."""

    def __init__(self, words: Words) -> None:
        self._ = words.gettext
        self._n = words.ngettext
        self._formats = words.formats

    def switched_on(self) -> str:
        return self._("From now on, pictures that are posted here can be found with /find, here.")

    def what_is_kept(self) -> str:
        """Said below it: what is kept, and who sees it."""
        return self._(
            "I keep a small copy of each picture, its text, and who posted it and when. Nobody "
            "outside this chat can search them."
        )

    def how_to_leave(self) -> str:
        """Said below it: how a member takes theirs out."""
        return self._(
            "You do not want yours found? Send me /privacy out: your posts are taken out, and "
            "none is taken in again."
        )

    def channels_on(self, names: Sequence[str]) -> str:
        """Said to whoever switched channels on."""
        return self._n(
            "Pictures that are posted in {names} can be found from now on. I read what was "
            "posted there before, too; /index status tells how far I am.",
            "Pictures that are posted in {names} can be found from now on. I read what was "
            "posted there before, too; /index status tells how far I am.",
            len(names),
        ).format(names=self._channels(names))

    def channels_off(self, names: Sequence[str]) -> str:
        """Said to whoever switched channels off."""
        return self._(
            "No more posts are taken in from {names}. What is there stays searchable; with "
            "forget, it is deleted."
        ).format(names=self._channels(names))

    def unreadable(self, names: Sequence[str]) -> str:
        """Said of channels that the bot may not read."""
        return self._(
            "I may not read {names}: give me “View Channel” and “Read Message History” there."
        ).format(names=self._channels(names))

    def channel(self, channel: PostChannel, *, readable: bool) -> str:
        """How a channel stands."""
        if not channel.is_on:
            return self._("off")
        if not readable:
            return self._("I may not read it: View Channel, Read Message History")
        if channel.complete:
            return self._("up to date")
        return self._("reading what was posted before")

    def threads_behind(self, count: int) -> str:
        """Said of threads and forum posts that are still being read."""
        return self._n(
            "{count} thread is still being read.", "{count} threads are still being read.", count
        ).format(count=self._formats.whole(count))

    def no_intent(self) -> str:
        """Said where Discord shows the bot no posts."""
        return self._(
            "Discord does not show me what people post here. Whoever runs this bot switches on "
            "“Message Content Intent” in Discord's developer portal (Bot, Privileged Gateway "
            "Intents), then sets discord.message_content = true, and starts me again."
        )

    def _channels(self, names: Sequence[str]) -> str:
        shown = ", ".join(f"#{name}" for name in names[:_NAMED])
        more = len(names) - _NAMED
        return f"{shown}, {self.and_more(more)}" if more > 0 else shown

    def state(self, *, is_on: bool) -> tuple[str, str]:
        return self._("Posted pictures"), self._("searched here") if is_on else self._("off")

    def pictures(self, pictures: int, posts: int) -> tuple[str, str]:
        posted = self._n("{count} post", "{count} posts", posts)
        return self._("Pictures"), self._("{pictures} of {posts}").format(
            pictures=self._formats.whole(pictures),
            posts=posted.format(count=self._formats.whole(posts)),
        )

    def since(self, day: float) -> tuple[str, str]:
        return self._("Since"), self._formats.day(day)

    def full(self) -> str:
        return self._(
            "No more pictures are taken in: this chat has as many as it may have. Whoever runs "
            "this bot can raise posts.max_pictures, or set posts.keep_days."
        )

    def no_history(self) -> str:
        """Said below the state: what is missing, and why."""
        return self._(
            "Bots see no older posts, and are not told of deleted ones: administrators take a "
            "picture out with /remove. Whoever runs this bot can import the chat's history with "
            "tangerine import-chat."
        )

    def switched_off(self, left: int) -> str:
        return self._n(
            "No more posts are taken in. {count} picture stays searchable; /index off forget "
            "deletes it.",
            "No more posts are taken in. {count} pictures stay searchable; /index off forget "
            "deletes them.",
            left,
        ).format(count=self._formats.whole(left))

    def forgotten(self, posts: int) -> str:
        return self._n(
            "Taken out for good: {count} post.", "Taken out for good: {count} posts.", posts
        ).format(count=self._formats.whole(posts))

    def opted_out(self, posts: int) -> str:
        return self._n(
            "Taken out for good: {count} post. From now on none of your posts is taken in, in "
            "any chat. /privacy in undoes that.",
            "Taken out for good: {count} posts. From now on none of your posts is taken in, in "
            "any chat. /privacy in undoes that.",
            posts,
        ).format(count=self._formats.whole(posts))

    def opted_in(self) -> str:
        return self._(
            "Pictures that you post are taken in again, in chats that search theirs. What was "
            "taken out stays out."
        )

    def by(self, author: str, posted_at: float) -> str:
        day = self._formats.day(posted_at)
        return f"{author} · {day}" if author else day

    def more(self, count: int) -> str:
        return self._n("posted {count} more time", "posted {count} more times", count).format(
            count=self._formats.whole(count)
        )

    def posted_before(self, count: int) -> str:
        return self._n(
            "This was posted here before, {count} time:",
            "This was posted here before, {count} times:",
            count,
        ).format(count=self._formats.whole(count))

    def and_more(self, count: int) -> str:
        return self._("and {count} more").format(count=self._formats.whole(count))

    def never_posted(self, *, is_on: bool) -> str:
        if is_on:
            return self._("I know no earlier post of this picture here.")
        return self._(
            "Pictures that are posted here are not searched. Administrators switch that on with "
            "/index on."
        )
