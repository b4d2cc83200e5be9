"""Changing what lies over the collections; each function works inside a given transaction.

Transactions that write are one at a time (:mod:`index.catalogue.database`), which is what makes two
equal pictures posted at the same moment one picture.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    insert,
    select,
    update,
)

from core.domain.types import Look, ModelIdentity, Picture
from index.catalogue.contents import generation_of, identity_of, pack
from index.catalogue.frames import pack_frames
from index.catalogue.ids import fresh_ids
from index.catalogue.records import text_hash
from index.catalogue.rows import (
    chunks,
    count,
    delete_where_in,
    drop_vectors_of,
    insert_all,
    put_looks,
    replace,
    row_of,
)
from index.catalogue.schema import (
    caption_vectors,
    overlays,
    picture_vectors,
    posts,
    removals,
    runs,
    tombstones,
    uploads,
)
from index.catalogue.writes import put_generation
from index.library.overlay_revisions import last_revision
from index.library.visibility import made_of
from index.snapshots.overlay import NewUpload, Viewpoint, upload_path

EMPTY_POST: Mapping[str, Any] = {
    **dict.fromkeys(("picture_id", "author", "author_name", "author_handle", "caption"), ""),
    **dict.fromkeys(("album", "file_id", "file_unique_id"), ""),
    "thread": None,
    "posted_at": 0.0,
}
"""What is left of a post whose picture was taken out: where it is, and nothing of who or what."""

_ADDED = (uploads.c.removed_at.is_(None), uploads.c.posted.is_(False))


def advance(connection: Connection, touched: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Note a change of each collection and scope; the new revision of every collection."""
    scopes: dict[str, set[str]] = {}
    for collection, scope in touched:
        scopes.setdefault(collection, set()).add(scope)
    revisions = {}
    for collection, names in scopes.items():
        revisions[collection] = last_revision(connection, collection) + 1
        replace(
            connection,
            overlays,
            ("collection", "scope"),
            [
                {"collection": collection, "scope": name, "revision": revisions[collection]}
                for name in names
            ],
        )
    return revisions


def adopt_model(connection: Connection, collection: str, identity: ModelIdentity) -> ModelIdentity:
    """The model of the collection; this one where it had none, being never indexed."""
    known = identity_of(connection, collection)
    if known is not None:
        return known
    put_generation(connection, collection, generation_of(connection, collection), identity)
    return identity


def live_count(connection: Connection, collection: str, scope: str) -> int:
    """How many pictures people added in this scope, without those removed."""
    here = and_(uploads.c.collection == collection, uploads.c.scope == scope)
    return count(connection, uploads, here, *_ADDED)


def total_count(connection: Connection) -> int:
    """How many pictures people added in all scopes and collections, without those removed."""
    return count(connection, uploads, *_ADDED)


def insert_upload(
    connection: Connection,
    collection: str,
    viewpoint: Viewpoint,
    new: NewUpload,
    *,
    model: ModelIdentity,
    now: float,
    picture_id: str | None = None,
) -> Picture:
    """The new picture with its vectors, under this id or a new one: one that none has had."""
    if picture_id is None:
        [picture_id] = fresh_ids(connection, 1)
    key = text_hash(new.caption) if new.caption else ""
    row = row_of(
        uploads,
        new,
        id=picture_id,
        collection=collection,
        scope=viewpoint.scope,
        community=viewpoint.community,
        text_hash=key,
        added_at=now,
    )
    connection.execute(insert(uploads).values(row))
    # A full run that goes on at the moment need not encode it once more.
    run = int(connection.execute(select(func.max(runs.c.id))).scalar() or 0)
    of_model = {"fingerprint": model.fingerprint, "run": run}
    made = row_of(picture_vectors, new, **of_model) | {
        "vector": pack(new.vector),
        "frames": pack_frames(new.frames),
    }
    replace(connection, picture_vectors, ("sha256", "fingerprint"), [made])
    put_looks(connection, {new.sha256: Look(new.placeholder, now)})
    if new.caption_vector is not None:
        replace(
            connection,
            caption_vectors,
            ("text_hash", "fingerprint"),
            [{"text_hash": key, "vector": pack(new.caption_vector), **of_model}],
        )
    size = new.width, new.height
    return Picture(picture_id, collection, upload_path(picture_id), new.caption, new.sha256, *size)


def drop_replaced(
    connection: Connection, collection: str, scope: str, contents: Collection[str], now: float
) -> tuple[tuple[str, str], ...]:
    """Delete removed uploads that are added again, so that they cannot be restored as well."""
    return delete_uploads(
        connection,
        and_(
            uploads.c.collection == collection,
            uploads.c.scope == scope,
            uploads.c.removed_at.is_not(None),
            made_of(contents),
        ),
        now,
    )


def delete_uploads(
    connection: Connection, condition: ColumnElement[bool], now: float
) -> tuple[tuple[str, str], ...]:
    """Delete these uploads for good; the collections and ids of their files.

    Of posts that had one of them nothing but their number is left.
    """
    gone = connection.execute(select(uploads).where(condition)).all()
    ids = [row.id for row in gone]
    delete_where_in(connection, uploads.c.id, ids)
    for some in chunks(ids):
        connection.execute(update(posts).where(posts.c.picture_id.in_(some)).values(**EMPTY_POST))
    insert_all(connection, tombstones, [{"id": each, "removed_at": now} for each in ids])
    if ids:
        # At once, even where a killed reindex left work for the next one: people asked for it.
        drop_vectors_of(connection, [row.sha256 for row in gone], [row.text_hash for row in gone])
    return tuple((row.collection, row.id) for row in gone)


def forget_person(
    connection: Connection, requester: str, now: float
) -> tuple[tuple[tuple[str, str], ...], frozenset[tuple[str, str]]]:
    """Delete a person's uploads and the person's name; the files, and the scopes touched."""
    mine = uploads.c.uploader == requester
    touched = connection.execute(
        select(uploads.c.collection, uploads.c.scope)
        .where(mine, uploads.c.removed_at.is_(None))
        .distinct()
    ).all()
    files = delete_uploads(connection, mine, now)
    for table in (uploads, removals):
        connection.execute(
            update(table).where(table.c.removed_by == requester).values(removed_by="")
        )
    return files, frozenset((row.collection, row.scope) for row in touched)


def removals_by(connection: Connection, requester: str) -> int:
    return sum(
        count(connection, table, table.c.removed_by == requester) for table in (uploads, removals)
    )
