"""The words of pictures that people post in a chat, in one language."""

from __future__ import annotations

from bot.i18n.messages import Words


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
