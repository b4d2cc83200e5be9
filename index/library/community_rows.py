"""Communities that leave, come back and change their names.

Each function works inside the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, or_, select, update

from index.catalogue.rows import count
from index.catalogue.schema import (
    community_settings,
    departures,
    grants,
    overlays,
    post_channels,
    posts,
    removals,
    uploads,
)
from index.library.community_settings import rename_settings
from index.library.grants import GRANTS, purge_grants
from index.library.moderation_rows import purge_moderation, rename_moderation
from index.library.overlay_writes import advance, delete_uploads
from index.library.specs import EVERYBODY
from index.snapshots.overlay import SHARED


@dataclass(frozen=True, slots=True)
class Cleared:
    """The files of uploads that are gone (collection and id), and the scopes touched."""

    files: tuple[tuple[str, str], ...]
    touched: frozenset[tuple[str, str]]


def note_departure(connection: Connection, community: str, now: float) -> None:
    """The bot has left; what counts is when it left first."""
    if not is_departed(connection, community):
        connection.execute(insert(departures).values(community=community, left_at=now))


def departed(connection: Connection, since: float) -> Sequence[str]:
    """Communities that the bot left at this time or before."""
    gone = select(departures.c.community).where(departures.c.left_at <= since)
    return connection.execute(gone).scalars().all()


def is_departed(connection: Connection, community: str) -> bool:
    return bool(count(connection, departures, departures.c.community == community))


def kept_communities(connection: Connection) -> frozenset[str]:
    """Every community of which something is kept that a departure would delete."""
    found: set[str] = set()
    for column in (
        uploads.c.community,
        uploads.c.scope,
        posts.c.community,
        post_channels.c.community,
        removals.c.scope,
        community_settings.c.community,
        grants.c.community,
    ):
        found.update(connection.execute(select(column).distinct()).scalars())
    return frozenset(found - {SHARED, EVERYBODY})


def note_return(connection: Connection, community: str) -> None:
    connection.execute(delete(departures).where(departures.c.community == community))


def purge_community(connection: Connection, community: str, now: float) -> Cleared:
    """Delete all that came from a community: uploads, what it hid, settings, moderation, grants."""
    theirs = or_(uploads.c.scope == community, uploads.c.community == community)
    shared = connection.execute(
        select(uploads.c.collection).where(theirs, uploads.c.scope == SHARED).distinct()
    ).scalars()
    touched = {(collection, SHARED) for collection in shared}
    files = delete_uploads(connection, theirs, now)
    for table in (posts, post_channels):
        connection.execute(delete(table).where(table.c.community == community))
    connection.execute(delete(removals).where(removals.c.scope == community))
    purge_moderation(connection, community)
    touched |= _retire(connection, community, SHARED)
    if purge_grants(connection, community):
        touched.add((GRANTS, SHARED))
    connection.execute(
        delete(community_settings).where(community_settings.c.community == community)
    )
    note_return(connection, community)
    return Cleared(files, frozenset(touched))


def rename_community(connection: Connection, old: str, new: str, now: float) -> Cleared:
    """All that was of ``old`` is of ``new``; what both have, they have once."""
    other = uploads.alias()
    twice = and_(
        uploads.c.scope == old,
        exists().where(
            other.c.scope == new,
            other.c.collection == uploads.c.collection,
            other.c.sha256 == uploads.c.sha256,
            other.c.removed_at.is_(None),
        ),
    )
    _merge_posts(connection, twice, new)
    files = delete_uploads(connection, twice, now)
    connection.execute(update(posts).where(posts.c.community == old).values(community=new))
    for column in (uploads.c.scope, uploads.c.community, uploads.c.removed_scope):
        connection.execute(update(uploads).where(column == old).values({column.name: new}))
    held = removals.alias()
    connection.execute(
        delete(removals).where(
            removals.c.scope == old,
            exists().where(
                held.c.scope == new,
                held.c.collection == removals.c.collection,
                held.c.sha256 == removals.c.sha256,
            ),
        )
    )
    connection.execute(update(removals).where(removals.c.scope == old).values(scope=new))
    rename_moderation(connection, old, new)
    touched = _retire(connection, old, new)
    rename_settings(connection, old, new)
    note_return(connection, old)
    note_return(connection, new)
    return Cleared(files, touched)


def _merge_posts(connection: Connection, twice: ColumnElement[bool], new: str) -> None:
    """Posts of pictures that are about to go have the equal ones of ``new``."""
    for row in connection.execute(select(uploads).where(twice, uploads.c.posted.is_(True))).all():
        equal = (
            select(uploads.c.id)
            .where(
                uploads.c.scope == new,
                uploads.c.collection == row.collection,
                uploads.c.sha256 == row.sha256,
                uploads.c.removed_at.is_(None),
            )
            .order_by(uploads.c.posted.desc())
            .limit(1)
        )
        kept = connection.execute(equal).scalar_one()
        connection.execute(
            update(posts).where(posts.c.picture_id == row.id).values(picture_id=kept)
        )


def _retire(connection: Connection, scope: str, heir: str) -> frozenset[tuple[str, str]]:
    """Forget a scope. Its heir takes over the counting, so that no revision comes twice."""
    mine = overlays.c.scope == scope
    names = connection.execute(select(overlays.c.collection).where(mine)).scalars()
    touched = frozenset((collection, heir) for collection in names)
    advance(connection, touched)
    connection.execute(delete(overlays).where(mine))
    return touched
