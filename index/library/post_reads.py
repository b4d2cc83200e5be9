"""Reading posts; each function works in a given transaction.

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
from index.library.post_rows import Key, known_posts, post_of, posted_pictures, refusing
from index.library.visibility import made_of


def posts_of_messages(
    connection: Connection, chat: str, messages: Collection[int]
) -> Sequence[Post]:
    """The posts of these messages that are there: not those whose picture was taken out."""
    found: list[Post] = []
    for some in chunks(messages):
        mine = and_(posts.c.chat == chat, posts.c.message.in_(some), posts.c.picture_id != "")
        found += map(post_of, connection.execute(select(posts).where(mine)))
    return found


def messages_after(connection: Connection, chat: str, message: int, count: int) -> Sequence[int]:
    """The first ``count`` messages behind this one that have posts, ascending."""
    mine = and_(posts.c.chat == chat, posts.c.message > message, posts.c.picture_id != "")
    ordered = select(posts.c.message).where(mine).distinct().order_by(posts.c.message)
    return list(connection.execute(ordered.limit(count)).scalars())


def posts_of_pictures(
    connection: Connection, viewer: Viewer, picture_ids: Collection[str]
) -> Mapping[str, Sequence[Post]]:
    """The posts of each of these pictures that has any there, the first one first."""
    found: dict[str, list[Post]] = {}
    for some in chunks(picture_ids):
        mine = and_(_read_by(viewer), posts.c.picture_id.in_(some))
        ordered = select(posts).where(mine).order_by(posts.c.posted_at, posts.c.message)
        for row in connection.execute(ordered):
            found.setdefault(row.picture_id, []).append(post_of(row))
    return found


def pictures_by_content(
    connection: Connection, collection: str, viewer: Viewer, sha256: str
) -> Sequence[str]:
    """The ids of the pictures that were posted in these bytes where the viewer reads."""
    here = uploads.c.place.in_(("", *viewer.channels))
    return posted_pictures(connection, collection, viewer.community, made_of([sha256]), here)


def authors_of(connection: Connection, community: str, handle: str) -> Sequence[str]:
    """Who posted in a community under this handle, in any case of letters."""
    mine = and_(
        posts.c.community == community,
        posts.c.author_handle != "",
        func.lower(posts.c.author_handle) == handle.lower(),
    )
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
