"""Reading a whole collection, block by block, to build an index from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from sqlalchemy import Connection, Select, select

from core.errors import CatalogueError
from core.types import ModelIdentity, Picture, Vectors
from index.records import text_hash
from index.rows import captions_of
from index.schema import caption_vectors, captions, collections, picture_vectors, pictures

BLOCK = 4096
"""Vectors in memory at once: 8 MiB at 512 dimensions."""

_STORED = np.dtype("<f4")


def pack(vector: Vectors) -> bytes:
    """A vector, float32 [d], as the catalogue stores it: little-endian."""
    return np.asarray(vector, dtype=_STORED).tobytes()


def unpack(stored: Sequence[bytes | None], dimension: int, collection: str) -> Vectors:
    """Vectors as the catalogue stores them: float32 [n, dimension].

    Raises CatalogueError where one is missing or has another dimension.
    """
    size = dimension * _STORED.itemsize
    present = [vector for vector in stored if vector is not None and len(vector) == size]
    if len(present) != len(stored):
        raise CatalogueError(
            f"The catalogue lacks vectors of the collection {collection!r}.",
            remedy=f"Run: tangerine reindex --full --collection {collection}",
        )
    joined = np.frombuffer(b"".join(present), dtype=_STORED)
    return joined.reshape(len(present), dimension).astype(np.float32, copy=False)


def identity_of(connection: Connection, collection: str) -> ModelIdentity | None:
    """The model of a collection, None before its first reindex."""
    row = connection.execute(select(collections).where(collections.c.name == collection)).first()
    if row is None or row.model_fingerprint is None:
        return None
    return ModelIdentity(
        name=row.model_name, fingerprint=row.model_fingerprint, dimension=row.model_dimension
    )


class Contents:
    """One consistent view of a collection; valid while its transaction is open.

    Pictures are in the order of their paths. A caption whose text the model could not
    encode has no row of its own.
    """

    def __init__(self, connection: Connection, collection: str) -> None:
        self._connection = connection
        self.collection = collection

    @property
    def connection(self) -> Connection:
        """The transaction, for what else is read in the same view."""
        return self._connection

    @cached_property
    def identity(self) -> ModelIdentity | None:
        """The model of the collection, None before its first reindex."""
        return identity_of(self._connection, self.collection)

    @cached_property
    def generation(self) -> int:
        """The generation of this view."""
        found = self._connection.execute(
            select(collections.c.generation).where(collections.c.name == self.collection)
        ).scalar()
        return int(found or 0)

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """Every picture, by path."""
        rows = self._connection.execute(
            select(pictures)
            .where(pictures.c.collection == self.collection)
            .order_by(pictures.c.path)
        )
        return tuple(
            Picture(
                id=row.id,
                collection=self.collection,
                path=row.path,
                caption=next(iter(self._texts.get(row.id, ())), ""),
                sha256=row.sha256,
                width=row.width,
                height=row.height,
            )
            for row in rows
        )

    @cached_property
    def captions(self) -> tuple[tuple[str, int], ...]:
        """Every encoded caption and the row of its picture."""
        encoded = set(
            self._connection.execute(
                select(caption_vectors.c.text_hash).where(
                    caption_vectors.c.fingerprint == self._fingerprint
                )
            ).scalars()
        )
        return tuple(
            (text, row)
            for row, picture in enumerate(self.pictures)
            for text in self._texts.get(picture.id, ())
            if text_hash(text) in encoded
        )

    def picture_vectors(self) -> Iterator[Vectors]:
        """The vectors of :attr:`pictures` in blocks: float32 [<= BLOCK, d].

        Raises CatalogueError where one is missing or has another dimension.
        """
        query = (
            select(picture_vectors.c.vector)
            .select_from(pictures)
            .join(
                picture_vectors,
                (picture_vectors.c.sha256 == pictures.c.sha256)
                & (picture_vectors.c.fingerprint == self._fingerprint),
                isouter=True,
            )
            .where(pictures.c.collection == self.collection)
            .order_by(pictures.c.path)
        )
        return self._blocks(query)

    def caption_vectors(self) -> Iterator[Vectors]:
        """The vectors of :attr:`captions` in blocks: float32 [<= BLOCK, d]."""
        query = (
            select(caption_vectors.c.vector)
            .select_from(pictures)
            .join(captions, captions.c.picture_id == pictures.c.id)
            .join(
                caption_vectors,
                (caption_vectors.c.text_hash == captions.c.text_hash)
                & (caption_vectors.c.fingerprint == self._fingerprint),
            )
            .where(pictures.c.collection == self.collection)
            .order_by(pictures.c.path, captions.c.position)
        )
        return self._blocks(query)

    @property
    def _fingerprint(self) -> str:
        return self.identity.fingerprint if self.identity is not None else ""

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        return captions_of(self._connection, self.collection)

    def _blocks(self, query: Select[tuple[bytes]]) -> Iterator[Vectors]:
        if self.identity is None:
            return
        rows = self._connection.execute(query, execution_options={"yield_per": BLOCK})
        for block in rows.partitions():
            vectors = [row.vector for row in block]
            yield unpack(vectors, self.identity.dimension, self.collection)
