"""Taking pictures out of a community's view and putting them back.

Each function works inside the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from core.domain.types import Picture
from index.catalogue.rows import insert_all
from index.catalogue.schema import pictures, removals, uploads
from index.library.overlay_reads import equal_picture, visible_picture, visible_upload
from index.library.placed_uploads import picture_of
from index.library.visibility import made_of, shown
from index.snapshots.overlay import SHARED, Viewpoint

_BACK = {"removed_at": None, "removed_by": None, "removed_scope": None, "removed_as": None}


@dataclass(frozen=True, slots=True)
class Changed:
    """A picture that is shown or gone now.

    ``files`` are the uploads whose files follow, ``scopes`` those who see something else.
    """

    picture: Picture
    files: tuple[str, ...]
    scopes: frozenset[str]


def unhide(
    connection: Connection, collection: str, viewpoint: Viewpoint, contents: Collection[str]
) -> Changed | None:
    """Show what was made of one of these contents again, if this community had it hidden.

    None where nothing of it is there, or where it is for others to show it.
    """
    made = (
        select(uploads.c.sha256)
        .where(
            uploads.c.collection == collection,
            uploads.c.scope == SHARED,
            uploads.c.removed_at.is_(None),
            made_of(contents),
        )
        .scalar_subquery()
    )
    mine = and_(
        removals.c.collection == collection,
        removals.c.scope.in_(viewpoint.controls),
        or_(removals.c.sha256.in_(contents), removals.c.sha256.in_(made)),
    )
    held = [dict(row) for row in connection.execute(select(removals).where(mine)).mappings()]
    connection.execute(delete(removals).where(mine))
    found = equal_picture(connection, collection, viewpoint, contents)
    if found is None:
        # Not there any more, or hidden by all who share it: as if nothing was asked.
        insert_all(connection, removals, held)
        return None
    return Changed(found, files=(), scopes=frozenset(row["scope"] for row in held))


def remove_picture(
    connection: Connection,
    collection: str,
    viewpoint: Viewpoint,
    picture_id: str,
    *,
    remover: str,
    now: float,
) -> Changed | None:
    """Take a picture, and whatever has the same content, from this community's view.

    What it controls is marked as removed, the rest is hidden. None where it sees no such
    picture.
    """
    row = visible_upload(connection, collection, viewpoint, uploads.c.id == picture_id)
    if row is not None:
        picture = picture_of(row)
    else:
        found = visible_picture(connection, collection, viewpoint, pictures.c.id == picture_id)
        if found is None:
            return None
        picture = found
    same = and_(
        uploads.c.collection == collection,
        uploads.c.sha256 == picture.sha256,
        shown(viewpoint),
    )
    deletable: ColumnElement[bool] = uploads.c.scope.in_(viewpoint.controls)
    if viewpoint.everything:
        deletable = or_(deletable, uploads.c.id == picture_id)
    mine = connection.execute(select(uploads.c.id, uploads.c.scope).where(same, deletable)).all()
    ids = [each.id for each in mine]
    connection.execute(
        update(uploads)
        .where(uploads.c.id.in_(ids))
        .values(
            removed_at=now,
            removed_by=remover,
            removed_scope=viewpoint.scope,
            removed_as=picture_id,
        )
    )
    content = picture.sha256
    shared = and_(uploads.c.scope == SHARED, uploads.c.sha256 == content)
    if visible_picture(
        connection, collection, viewpoint, pictures.c.sha256 == content
    ) or visible_upload(connection, collection, viewpoint, shared):
        connection.execute(
            insert(removals).values(
                collection=collection,
                scope=viewpoint.scope,
                sha256=content,
                picture_id=picture_id,
                removed_at=now,
                removed_by=remover,
            )
        )
    return Changed(
        picture,
        files=tuple(ids),
        scopes=frozenset({viewpoint.scope, *(each.scope for each in mine)}),
    )


def restore_picture(
    connection: Connection,
    collection: str,
    viewpoint: Viewpoint,
    picture_id: str,
    since: float,
) -> Changed | None:
    """Undo a removal that this community controls and that was made after ``since``.

    None where there is none, or where the picture would still not be seen: the caller then
    takes back what was done.
    """
    mine = and_(
        uploads.c.collection == collection,
        uploads.c.removed_as == picture_id,
        uploads.c.removed_scope.in_(viewpoint.controls),
        uploads.c.removed_at > since,
    )
    back = connection.execute(select(uploads.c.id, uploads.c.scope).where(mine)).all()
    connection.execute(update(uploads).where(mine).values(**_BACK))
    hiding = and_(
        removals.c.collection == collection,
        removals.c.picture_id == picture_id,
        removals.c.scope.in_(viewpoint.controls),
        removals.c.removed_at > since,
    )
    opened = set(connection.execute(select(removals.c.scope).where(hiding)).scalars())
    connection.execute(delete(removals).where(hiding))
    row = visible_upload(connection, collection, viewpoint, uploads.c.id == picture_id)
    picture = (
        picture_of(row)
        if row is not None
        else visible_picture(connection, collection, viewpoint, pictures.c.id == picture_id)
    )
    if picture is None or not (back or opened):
        return None
    return Changed(
        picture,
        files=tuple(each.id for each in back),
        scopes=frozenset({*opened, *(each.scope for each in back)}),
    )
