"""Rows of posts and of the pictures that they share; each function works in a given transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, select, update

from core.domain.types import Post, Vectors
from index.catalogue.contents import pack
from index.catalogue.records import text_hash
from index.catalogue.rows import chunks, drop_vectors_of, replace
from index.catalogue.schema import caption_vectors, opted_out, posts, uploads
from index.library.overlay_writes import EMPTY_POST, delete_uploads

Files = tuple[tuple[str, str], ...]
"""Collection and id of files that no row knows any more."""

Touched = dict[tuple[str, str], set[str]]
"""Collections and scopes of which people see something else, and the pictures there."""


def post_of(row: Row[Any]) -> Post:
    """The post of a row of :data:`~index.catalogue.schema.posts`."""
    fields = {column.name: getattr(row, column.name) for column in posts.columns}
    return Post(**fields)


def row_of(post: Post) -> dict[str, object]:
    """The row of a post."""
    return {column.name: getattr(post, column.name) for column in posts.columns}


Key = tuple[int, int]
"""A picture of a chat: its message, and which of the message's pictures it is."""


def known_posts(connection: Connection, chat: str, messages: Collection[int]) -> set[Key]:
    """The pictures of these messages that there is a row of, empty ones too."""
    mine = and_(posts.c.chat == chat, posts.c.message.in_(messages))
    found = connection.execute(select(posts.c.message, posts.c.part).where(mine))
    return {(row.message, row.part) for row in found}


def refusing(connection: Connection, people: Collection[str]) -> set[str]:
    """Those of these people who opted out."""
    mine = select(opted_out.c.person).where(opted_out.c.person.in_(people))
    return set(connection.execute(mine).scalars())


def posted_pictures(
    connection: Connection,
    collection: str,
    community: str,
    which: ColumnElement[bool],
    *conditions: ColumnElement[bool],
) -> Sequence[str]:
    """The ids of the pictures of posts of this kind that are there, the first one first.

    ``which``: what few have in common, wherever they are.
    """
    # Those first: the database would read all that the community has.
    few = connection.execute(select(uploads.c.id).where(which)).scalars().all()
    found: list[tuple[float, str]] = []
    for some in chunks(few):
        rows = connection.execute(
            select(uploads.c.added_at, uploads.c.id).where(
                uploads.c.id.in_(some),
                uploads.c.collection == collection,
                uploads.c.scope == community,
                uploads.c.posted.is_(True),
                uploads.c.removed_at.is_(None),
                *conditions,
            )
        )
        found += [(row.added_at, row.id) for row in rows]
    return [picture_id for _, picture_id in sorted(found)]


def same_file(unique_id: str) -> ColumnElement[bool]:
    """Of uploads: those of a post with this file, as the platform tells equal ones."""
    return uploads.c.id.in_(select(posts.c.picture_id).where(posts.c.file_unique_id == unique_id))


def take_out(
    connection: Connection, condition: ColumnElement[bool], now: float, *, erase: bool = False
) -> tuple[int, Files, Touched]:
    """Take posts out, and the pictures that no other post has; how many, and what follows.

    Their rows stay, empty, so that an import does not bring them back; ``erase`` deletes them.
    """
    mine = and_(condition, posts.c.picture_id != "")
    gone = list(connection.execute(select(posts.c.picture_id).where(mine)).scalars())
    if erase:
        connection.execute(delete(posts).where(condition))
    else:
        connection.execute(update(posts).where(mine).values(**EMPTY_POST))
    touched: Touched = {}
    files: list[tuple[str, str]] = []
    for some in chunks(sorted(set(gone))):
        ours = and_(uploads.c.id.in_(some), uploads.c.posted.is_(True))
        scopes = select(uploads.c.collection, uploads.c.scope).where(ours).distinct()
        for row in connection.execute(scopes):
            touched.setdefault((row.collection, row.scope), set()).update(some)
        alone = and_(ours, ~exists().where(posts.c.picture_id == uploads.c.id))
        files.extend(delete_uploads(connection, alone, now))
        recaption(connection, some, {})
    return len(gone), tuple(files), touched


def recaption(
    connection: Connection,
    picture_ids: Collection[str],
    meanings: Mapping[str, tuple[str, Vectors]],
) -> None:
    """Give pictures of posts the text of the first of their posts that has one.

    ``meanings``: the fingerprint and the vector of texts that may be new, by the text; what is
    missing there the next reindex encodes.
    """
    for picture_id in picture_ids:
        row = connection.execute(
            select(uploads).where(uploads.c.id == picture_id, uploads.c.posted.is_(True))
        ).first()
        if row is None:
            continue
        first = (
            select(posts.c.caption)
            .where(posts.c.picture_id == picture_id, posts.c.caption != "")
            .order_by(posts.c.posted_at, posts.c.message)
            .limit(1)
        )
        caption = connection.execute(first).scalar() or ""
        if caption == row.caption:
            continue
        key = text_hash(caption) if caption else ""
        connection.execute(
            update(uploads).where(uploads.c.id == picture_id).values(caption=caption, text_hash=key)
        )
        if caption in meanings:
            fingerprint, vector = meanings[caption]
            meaning = {"fingerprint": fingerprint, "run": 0, "vector": pack(vector)}
            replace(
                connection,
                caption_vectors,
                ("text_hash", "fingerprint"),
                [{"text_hash": key, **meaning}],
            )
        drop_vectors_of(connection, [], [row.text_hash])
