"""Reading what lies over the collections; each function works inside a given transaction.

Two conditions decide everywhere who sees what: :func:`shown` for uploads and :func:`hidden`
for pictures of the folder.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    exists,
    func,
    or_,
    select,
)

from core.domain.types import ModelIdentity, Picture
from core.domain.viewer import PostFilter
from index.catalogue.contents import of_folder, unpack
from index.catalogue.frames import by_place, frames_of
from index.catalogue.rows import chunks, count
from index.catalogue.schema import (
    caption_vectors,
    captions,
    collections,
    overlays,
    picture_vectors,
    pictures,
    posts,
    removals,
    uploads,
)
from index.snapshots.overlay import SHARED, KeptUpload, Overlay, Viewpoint, upload_path


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


def revisions_of(
    connection: Connection, collection: str, viewpoint: Viewpoint
) -> tuple[int, int, int]:
    """The last change of the collection: at all, for all who share it, for this community."""
    rows = {
        row.scope: int(row.revision)
        for row in connection.execute(
            select(overlays.c.scope, overlays.c.revision).where(
                overlays.c.collection == collection, overlays.c.scope.in_(viewpoint.scopes)
            )
        )
    }
    total = last_revision(connection, collection)
    return total, rows.get(SHARED, 0), rows.get(viewpoint.community, 0)


def last_revision(connection: Connection, collection: str) -> int:
    """The number of the collection's last change, 0 before the first."""
    newest = select(func.max(overlays.c.revision)).where(overlays.c.collection == collection)
    return int(connection.execute(newest).scalar() or 0)


def overlay_of(
    connection: Connection, collection: str, viewpoint: Viewpoint, model: ModelIdentity
) -> Overlay:
    """What lies over the collection for this community.

    Uploads that this model has not encoded yet are left out: the next reindex does it.
    """
    removed = connection.execute(
        select(removals.c.sha256).where(
            removals.c.collection == collection, removals.c.scope.in_(viewpoint.scopes)
        )
    ).scalars()
    rows = connection.execute(
        select(uploads, picture_vectors.c.vector, caption_vectors.c.vector.label("words"))
        .join(
            picture_vectors,
            (picture_vectors.c.sha256 == uploads.c.sha256)
            & (picture_vectors.c.fingerprint == model.fingerprint),
        )
        .join(
            caption_vectors,
            (caption_vectors.c.text_hash == uploads.c.text_hash)
            & (caption_vectors.c.fingerprint == model.fingerprint),
            isouter=True,
        )
        .where(uploads.c.collection == collection, shown(viewpoint))
        .order_by(uploads.c.added_at, uploads.c.id)
    ).all()
    captioned = [(row, place) for place, row in enumerate(rows) if row.words is not None]
    contents = [row.sha256 for row in rows]
    return Overlay(
        removed=frozenset(removed),
        pictures=tuple(picture_of(row) for row in rows),
        picture_vectors=unpack([row.vector for row in rows], model.dimension, collection),
        frames=by_place(
            contents, frames_of(connection, model.fingerprint, model.dimension, {*contents})
        ),
        captions=tuple((row.caption, place) for row, place in captioned),
        caption_vectors=unpack([row.words for row, _ in captioned], model.dimension, collection),
    )


def counts_of(connection: Connection, collection: str, viewpoint: Viewpoint) -> tuple[int, int]:
    mine = and_(pictures.c.collection == collection, ~hidden(viewpoint))
    model = select(collections.c.model_fingerprint).where(collections.c.name == collection)
    encoded = exists().where(
        picture_vectors.c.sha256 == uploads.c.sha256,
        picture_vectors.c.fingerprint == model.scalar_subquery(),
    )
    added = and_(uploads.c.collection == collection, shown(viewpoint), encoded)
    captioned = captions.join(pictures, captions.c.picture_id == pictures.c.id)
    return (
        count(connection, pictures, mine) + count(connection, uploads, added),
        count(connection, captioned, mine)
        + count(connection, uploads, added, uploads.c.text_hash != ""),
    )


def visible_upload(
    connection: Connection, collection: str, viewpoint: Viewpoint, *conditions: ColumnElement[bool]
) -> Row[Any] | None:
    """The first upload of this kind that the community sees, None where there is none."""
    return connection.execute(
        select(uploads)
        .where(uploads.c.collection == collection, shown(viewpoint), *conditions)
        .order_by(uploads.c.added_at, uploads.c.id)
        .limit(1)
    ).first()


def visible_picture(
    connection: Connection, collection: str, viewpoint: Viewpoint, *conditions: ColumnElement[bool]
) -> Picture | None:
    """The first such picture of the folder that the community sees."""
    row = connection.execute(
        select(pictures, captions.c.text)
        .join(
            captions,
            (captions.c.picture_id == pictures.c.id) & (captions.c.position == 0),
            isouter=True,
        )
        .where(pictures.c.collection == collection, ~hidden(viewpoint), *conditions)
        .order_by(pictures.c.path)
        .limit(1)
    ).first()
    if row is None:
        return None
    return of_folder(row, row.text or "")


def equal_picture(
    connection: Connection, collection: str, viewpoint: Viewpoint, contents: Collection[str]
) -> Picture | None:
    """A picture that the community sees and that was made of one of these contents."""
    found = visible_picture(connection, collection, viewpoint, pictures.c.sha256.in_(contents))
    if found is not None:
        return found
    row = visible_upload(connection, collection, viewpoint, made_of(contents))
    return None if row is None else picture_of(row)


def made_of(contents: Collection[str]) -> ColumnElement[bool]:
    """Of :data:`~index.catalogue.schema.uploads`: those that hold, or came from, these contents."""
    return or_(uploads.c.sha256.in_(contents), uploads.c.posted_sha256.in_(contents))


def kept_uploads(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[KeptUpload]:
    """Uploads of this kind, the removed ones too, in the order in which they were added."""
    rows = connection.execute(
        select(uploads).where(*conditions).order_by(uploads.c.added_at, uploads.c.id)
    )
    return [
        KeptUpload(
            picture=picture_of(row),
            scope=row.scope,
            community=row.community,
            uploader=row.uploader,
            added_at=row.added_at,
            removed=row.removed_at is not None,
        )
        for row in rows
    ]


def homes_of(connection: Connection, picture_ids: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in chunks(picture_ids):
        mine = select(uploads.c.id, uploads.c.collection).where(uploads.c.id.in_(some))
        found.update((row.id, row.collection) for row in connection.execute(mine))
    return found


def picture_of(row: Row[Any]) -> Picture:
    """The picture of a row of :data:`~index.catalogue.schema.uploads`."""
    path, size = upload_path(row.id), (row.width, row.height)
    return Picture(row.id, row.collection, path, row.caption, row.sha256, *size)
