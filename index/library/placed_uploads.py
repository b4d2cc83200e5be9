"""Uploads with their vectors, read into memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select

from core.domain.types import ModelIdentity, Picture
from index.catalogue.contents import BLOCK, EncodedPictures, unpack
from index.catalogue.frames import by_place, frames_of, moving_contents
from index.catalogue.rows import count
from index.catalogue.schema import caption_vectors, picture_vectors, removals, uploads
from index.library.visibility import shown
from index.snapshots.overlay import SHARED, Overlay, Viewpoint, upload_path
from index.vectors.exact import room_for


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
    in_blocks = {"yield_per": BLOCK}
    for rows in connection.execute(query, execution_options=in_blocks).partitions():
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


def picture_of(row: Row[Any]) -> Picture:
    """The picture of a row of :data:`~index.catalogue.schema.uploads`."""
    path, size = upload_path(row.id), (row.width, row.height)
    return Picture(row.id, row.collection, path, row.caption, row.sha256, *size)
