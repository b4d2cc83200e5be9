"""Who sees what, as conditions of queries: these alone decide it, everywhere.

:func:`shown` for uploads, :func:`hidden` for pictures of the folder.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, exists, or_

from core.domain.viewer import PostFilter
from index.catalogue.schema import pictures, posts, removals, uploads
from index.snapshots.overlay import SHARED, Viewpoint


def shown(viewpoint: Viewpoint) -> ColumnElement[bool]:
    """Of :data:`~index.catalogue.schema.uploads`: those that this community sees.

    Pictures of posts are seen in their own chat alone, and there in the channels that the viewer
    may read. It misses its own uploads only where they were removed, and those of all who share
    the collection also where it hid them for itself.
    """
    here = and_(uploads.c.removed_at.is_(None), _readable(viewpoint))
    if viewpoint.wanted is not None:
        here = and_(here, _wanted(viewpoint.wanted))
    if viewpoint.everything:
        # What people post is for their chat, not for whoever runs the bot.
        return and_(here, uploads.c.posted.is_(False))
    hidden_here = exists().where(
        removals.c.collection == uploads.c.collection,
        removals.c.scope == viewpoint.community,
        removals.c.sha256 == uploads.c.sha256,
    )
    shared = uploads.c.scope == SHARED
    return and_(here, or_(uploads.c.scope == viewpoint.community, and_(shared, ~hidden_here)))


def _readable(viewpoint: Viewpoint) -> ColumnElement[bool]:
    return uploads.c.place.in_(("", *sorted(viewpoint.channels)))


def _wanted(kind: PostFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [posts.c.picture_id == uploads.c.id]
    if kind.channel:
        conditions.append(or_(posts.c.chat == kind.channel, posts.c.parent == kind.channel))
    if kind.author:
        conditions.append(posts.c.author == kind.author)
    if kind.after is not None:
        conditions.append(posts.c.posted_at >= kind.after)
    if kind.before is not None:
        conditions.append(posts.c.posted_at < kind.before)
    return and_(uploads.c.posted.is_(True), exists().where(*conditions))


def hidden(viewpoint: Viewpoint) -> ColumnElement[bool]:
    """Rows of ``pictures`` that this community does not see any more."""
    return exists().where(
        removals.c.collection == pictures.c.collection,
        removals.c.scope.in_(viewpoint.scopes),
        removals.c.sha256 == pictures.c.sha256,
    )


def made_of(contents: Collection[str]) -> ColumnElement[bool]:
    """Of :data:`~index.catalogue.schema.uploads`: those that hold, or came from, these contents."""
    return or_(uploads.c.sha256.in_(contents), uploads.c.posted_sha256.in_(contents))
