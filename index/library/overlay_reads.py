"""Reading what lies over the collections; each function works inside a given transaction.

Two conditions decide everywhere who sees what: :func:`shown` for uploads and :func:`hidden`
for pictures of the folder.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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
from index.catalogue.contents import BLOCK, EncodedPictures, of_folder, unpack
from index.catalogue.frames import by_place, frames_of, moving_contents
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
from index.vectors.exact import room_for


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


def revision_of(connection: Connection, collection: str, scope: str) -> int:
    """The last change that concerns a scope, 0 before the first."""
    mine = and_(overlays.c.collection == collection, overlays.c.scope == scope)
    return int(connection.execute(select(overlays.c.revision).where(mine)).scalar() or 0)


def last_revision(connection: Connection, collection: str) -> int:
    """The number of the collection's last change, 0 before the first."""
    newest = select(func.max(overlays.c.revision)).where(overlays.c.collection == collection)
    return int(connection.execute(newest).scalar() or 0)


def overlay_of(
    connection: Connection, collection: str, viewpoint: Viewpoint, model: ModelIdentity
) -> Overlay:
    """What lies over the collection for this community.

    Not what it alone sees, which :mod:`index.library.shelves` keeps. Uploads that this model has
    not encoded yet are left out: the next reindex does it.
    """
    removed = connection.execute(
        select(removals.c.sha256).where(
            removals.c.collection == collection, removals.c.scope.in_(viewpoint.scopes)
        )
    ).scalars()
    added = shown(viewpoint)
    if not viewpoint.everything:
        added = and_(uploads.c.scope == SHARED, added)
    read = read_uploads(connection, collection, added, model)
    return Overlay(
        removed=frozenset(removed),
        pictures=read.encoded.pictures,
        picture_vectors=read.encoded.picture_vectors,
        captions=read.encoded.captions,
        caption_vectors=read.encoded.caption_vectors,
        frames=read.encoded.frames,
    )


@dataclass(frozen=True, slots=True, eq=False)
class PlacedUploads:
    """Uploads with their vectors, and the channel and the time of each."""

    encoded: EncodedPictures
    places: tuple[str, ...]
    added_at: tuple[float, ...]

    def only(self, chosen: Collection[int]) -> PlacedUploads:
        """Those at these places of the sequence."""
        kept = set(chosen)
        ids = {self.encoded.pictures[n].id for n in kept}
        return PlacedUploads(
            self.encoded.only(lambda picture: picture.id in ids),
            tuple(place for n, place in enumerate(self.places) if n in kept),
            tuple(at for n, at in enumerate(self.added_at) if n in kept),
        )

    def then(self, others: PlacedUploads) -> PlacedUploads:
        """These, followed by others."""
        return PlacedUploads(
            self.encoded.then(others.encoded),
            self.places + others.places,
            self.added_at + others.added_at,
        )


def read_uploads(
    connection: Connection, collection: str, condition: ColumnElement[bool], model: ModelIdentity
) -> PlacedUploads:
    """Those of this kind that the model has encoded, in the order in which they were added.

    Their vectors are laid out as for a scan, and nothing is in memory twice. Raises CatalogueError.
    """
    mine = and_(uploads.c.collection == collection, condition)
    most = count(connection, uploads, mine)
    vectors, meanings = room_for(most, model.dimension), room_for(most, model.dimension)
    pictures: list[Picture] = []
    captions: list[tuple[str, int]] = []
    places: list[str] = []
    added_at: list[float] = []
    query = (
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
        .where(mine)
        .order_by(uploads.c.added_at, uploads.c.id)
    )
    for rows in connection.execution_options(yield_per=BLOCK).execute(query).partitions():
        said = [(row, place) for place, row in enumerate(rows, len(pictures)) if row.words]
        block = slice(len(pictures), len(pictures) + len(rows))
        vectors[block] = unpack([row.vector for row in rows], model.dimension, collection)
        words = slice(len(captions), len(captions) + len(said))
        meanings[words] = unpack([row.words for row, _ in said], model.dimension, collection)
        pictures += map(picture_of, rows)
        captions += ((row.caption, place) for row, place in said)
        places += (row.place for row in rows)
        added_at += (row.added_at for row in rows)
    vectors.setflags(write=False)
    meanings.setflags(write=False)
    moving = moving_contents(connection, model.fingerprint)
    contents = [picture.sha256 for picture in pictures]
    frames = frames_of(
        connection, model.fingerprint, model.dimension, moving.intersection(contents)
    )
    encoded = EncodedPictures(
        pictures=tuple(pictures),
        picture_vectors=vectors[: len(pictures)],
        captions=tuple(captions),
        caption_vectors=meanings[: len(captions)],
        frames=by_place(contents, frames),
    )
    return PlacedUploads(encoded, tuple(places), tuple(added_at))


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
