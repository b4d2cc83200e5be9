"""Reading what lies over the collections; each function works inside a given transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, select

from core.domain.types import Picture
from index.catalogue.contents import of_folder
from index.catalogue.rows import chunks, count
from index.catalogue.schema import captions, collections, picture_vectors, pictures, uploads
from index.library.placed_uploads import picture_of
from index.library.visibility import hidden, made_of, shown
from index.snapshots.overlay import KeptUpload, Viewpoint


def chosen_posts(connection: Connection, collection: str, viewpoint: Viewpoint) -> frozenset[str]:
    """The ids of pictures of posts that the viewer may see and wants."""
    mine = and_(uploads.c.collection == collection, uploads.c.posted.is_(True), shown(viewpoint))
    return frozenset(connection.execute(select(uploads.c.id).where(mine)).scalars())


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
