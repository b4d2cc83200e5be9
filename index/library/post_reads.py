"""Reading posts; the functions work in a given transaction.

A viewer reads the posts of the whole community, and those of the channels that it may show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, select

from core.domain.errors import CatalogueError
from core.domain.types import Post, PostsKept
from core.domain.viewer import Viewer
from index.catalogue.rows import chunks
from index.catalogue.schema import posts, uploads
from index.library.overlay import Overlays
from index.library.post_rows import Key, known_posts, post_of, posted_pictures, refusing
from index.library.visibility import made_of


class PostReads:
    """Each in a transaction of its own. Blocking, thread-safe; raises CatalogueError."""

    def __init__(self, overlays: Overlays) -> None:
        self._overlays = overlays

    def of_messages(self, chat: str, messages: Collection[int]) -> Sequence[Post]:
        """The posts of these messages that are there: not those whose picture was taken out."""
        found: list[Post] = []
        with self._overlays.read() as connection:
            for some in chunks(messages):
                here = and_(posts.c.chat == chat, posts.c.message.in_(some))
                there = select(posts).where(here, posts.c.picture_id != "")
                found += map(post_of, connection.execute(there))
        return found

    def messages_after(self, chat: str, message: int, count: int) -> Sequence[int]:
        """The first ``count`` messages behind this one that have posts, ascending."""
        mine = and_(posts.c.chat == chat, posts.c.message > message, posts.c.picture_id != "")
        ordered = select(posts.c.message).where(mine).distinct().order_by(posts.c.message)
        with self._overlays.read() as connection:
            return list(connection.execute(ordered.limit(count)).scalars())

    def of_pictures(
        self, community: Viewer | str, picture_ids: Collection[str]
    ) -> Mapping[str, Sequence[Post]]:
        """The posts of each of these pictures that has any there, the first one first."""
        found: dict[str, list[Post]] = {}
        readable = _read_by(Viewer.of(community))
        with self._overlays.read() as connection:
            for some in chunks(picture_ids):
                mine = and_(readable, posts.c.picture_id.in_(some))
                ordered = select(posts).where(mine).order_by(posts.c.posted_at, posts.c.message)
                for row in connection.execute(ordered):
                    found.setdefault(row.picture_id, []).append(post_of(row))
        return found

    def by_content(self, collection: str, viewer: Viewer, sha256: str) -> Sequence[str]:
        """The ids of the pictures that were posted in these bytes where the viewer reads."""
        here, made = uploads.c.place.in_(("", *viewer.channels)), made_of([sha256])
        with self._overlays.read() as connection:
            return posted_pictures(connection, collection, viewer.community, made, here)

    def authors(self, community: str, handle: str) -> Sequence[str]:
        """Who posted there under this handle (without ``@``), in any case of letters."""
        mine = and_(
            posts.c.community == community,
            posts.c.author_handle != "",
            func.lower(posts.c.author_handle) == handle.lower(),
        )
        with self._overlays.read() as connection:
            return list(connection.execute(select(posts.c.author).where(mine).distinct()).scalars())


def count_posts(connection: Connection, viewer: Viewer, *, full: bool) -> PostsKept:
    """How many there are where the viewer reads; ``full``: no more may be kept."""
    counted = select(
        func.count(posts.c.picture_id.distinct()), func.count(), func.min(posts.c.posted_at)
    ).where(_read_by(viewer), posts.c.picture_id != "")
    pictures, count, first = connection.execute(counted).one()
    return PostsKept(int(pictures), int(count), first, full)


def unwanted(connection: Connection, given: Sequence[Post]) -> tuple[set[Key], set[str]]:
    """The pictures that are known, and the people who opted out. The posts are of one chat."""
    if len({post.chat for post in given}) > 1:
        raise CatalogueError("Posts of several chats cannot be kept in one step.")
    if not given:
        return set(), set()
    known = known_posts(connection, given[0].chat, {post.message for post in given})
    return known, refusing(connection, {post.author for post in given})


def posts_by(connection: Connection, person: str) -> Sequence[Post]:
    """What somebody has posted, everywhere, the first one first."""
    mine = and_(posts.c.author == person, posts.c.picture_id != "")
    ordered = select(posts).where(mine).order_by(posts.c.posted_at, posts.c.message)
    return [post_of(row) for row in connection.execute(ordered)]


def _read_by(viewer: Viewer) -> ColumnElement[bool]:
    return and_(posts.c.community == viewer.community, posts.c.place.in_(("", *viewer.channels)))
