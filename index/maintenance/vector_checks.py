"""Whether the catalogue has every vector that it needs, and whether each can be one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection, and_, select

from core.domain.types import ModelIdentity
from index.catalogue.contents import BLOCK
from index.catalogue.frames import unpack_frames
from index.catalogue.records import Suspects, text_hash
from index.catalogue.schema import caption_vectors, captions, picture_vectors, pictures, uploads
from index.maintenance.differences import REPAIR, Difference, Fault
from index.snapshots.overlay import upload_path

_UNIT = 1e-3
"""How far the length of a unit vector in float32 may be from 1: a thousand times what
rounding does, and far below what a flipped exponent does."""


def vector_differences(
    connection: Connection, collection: str, model: ModelIdentity
) -> Iterator[Difference]:
    """One for each picture or caption whose vector is missing or damaged.

    A caption without a vector is none: the model could not encode it, which the report of
    the reindex has told.
    """
    table, encoded = picture_vectors, picture_vectors.c.fingerprint == model.fingerprint
    for owner, named, uploaded in (
        (pictures, pictures.c.path, False),
        (uploads, uploads.c.id, True),
    ):
        rows = connection.execute(
            select(named, owner.c.sha256, table.c.vector, table.c.frames)
            .join(table, and_(table.c.sha256 == owner.c.sha256, encoded), isouter=True)
            .where(owner.c.collection == collection),
            execution_options={"yield_per": BLOCK},
        )
        for name, key, stored, frames in rows:
            wrong = _wrong(stored, model.dimension) or _wrong_frames(frames, model.dimension)
            if wrong:
                path = upload_path(name) if uploaded else name
                suspects = Suspects(pictures=frozenset({key}))
                yield _difference(collection, path, f"{wrong} of the model", suspects)
    yield from _of_captions(connection, collection, model)
    yield from _of_hashes(connection, collection)


def _of_captions(
    connection: Connection, collection: str, model: ModelIdentity
) -> Iterator[Difference]:
    table, encoded = caption_vectors, caption_vectors.c.fingerprint == model.fingerprint
    of_folder = (
        select(pictures.c.path, table.c.text_hash, table.c.vector)
        .select_from(pictures)
        .join(captions, captions.c.picture_id == pictures.c.id)
        .join(table, and_(table.c.text_hash == captions.c.text_hash, encoded))
        .where(pictures.c.collection == collection)
    )
    of_chat = (
        select(uploads.c.id, uploads.c.text_hash, table.c.vector)
        .join(table, and_(table.c.text_hash == uploads.c.text_hash, encoded), isouter=True)
        .where(uploads.c.collection == collection, uploads.c.text_hash != "")
    )
    for query, uploaded in ((of_folder, False), (of_chat, True)):
        rows = connection.execute(query, execution_options={"yield_per": BLOCK})
        for name, key, stored in rows:
            if wrong := _wrong(stored, model.dimension):
                path = upload_path(name) if uploaded else name
                suspects = Suspects(texts=frozenset({key}))
                yield _difference(
                    collection, path, f"{wrong} of the model for its caption", suspects
                )


def _of_hashes(connection: Connection, collection: str) -> Iterator[Difference]:
    """Captions that were not written with the hash that is beside them."""
    rows = connection.execute(
        select(pictures.c.path, captions.c.text, captions.c.text_hash)
        .join(pictures, pictures.c.id == captions.c.picture_id)
        .where(pictures.c.collection == collection),
        execution_options={"yield_per": BLOCK},
    )
    for path, text, key in rows:
        if text_hash(text) != key:
            message = f"{path} has a damaged caption in the catalogue"
            yield Difference(collection, Fault.CAPTION_ROW, message, REPAIR, path=path)


def _difference(collection: str, path: str, words: str, suspects: Suspects) -> Difference:
    return Difference(
        collection, Fault.VECTOR, f"{path} has {words}", REPAIR, path=path, suspects=suspects
    )


def _wrong_frames(stored: bytes | None, dimension: int) -> str:
    """The same of the frames of a picture that moves."""
    if stored is None:
        return ""
    try:
        vectors = unpack_frames(stored, dimension).vectors
    except ValueError:
        return "damaged vectors of its frames"
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return "" if (abs(lengths - 1.0) <= _UNIT).all() else "damaged vectors of its frames"


def _wrong(stored: bytes | None, dimension: int) -> str:
    """What is wrong with a vector as the catalogue stores it; empty where nothing is."""
    if stored is None:
        return "no vector"
    vector = np.frombuffer(stored, dtype="<f4") if len(stored) % 4 == 0 else np.empty(0)
    # A damaged number may be anything, also one whose square is none.
    with np.errstate(all="ignore"):
        length = float(np.linalg.norm(vector.astype(np.float64)))
    if vector.shape != (dimension,) or not abs(length - 1.0) <= _UNIT:
        return "a damaged vector"
    return ""
