"""Reading a whole collection, block by block, to build an index from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from core.domain.errors import CatalogueError
from core.domain.types import FrameVectors, ModelIdentity, Picture, Vectors
from index.catalogue.frames import by_place, frames_of, moving_contents
from index.catalogue.records import text_hash
from index.catalogue.rows import captions_of, chunks, count
from index.catalogue.schema import caption_vectors, captions, collections, picture_vectors, pictures

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


def generation_of(connection: Connection, collection: str) -> int:
    """Counts up with every change of what a search may find; 0 before the first."""
    mine = select(collections.c.generation).where(collections.c.name == collection)
    return int(connection.execute(mine).scalar() or 0)


def model_columns(identity: ModelIdentity) -> dict[str, Any]:
    """A model as a row of :data:`~index.catalogue.schema.collections` names it."""
    return {f"model_{name}": value for name, value in asdict(identity).items()}


def of_folder(row: Row[Any], caption: str) -> Picture:
    """The picture of a row of :data:`~index.catalogue.schema.pictures`."""
    size = row.width, row.height
    return Picture(row.id, row.collection, row.path, caption, row.sha256, *size)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EncodedPictures:
    """Pictures with their vectors, float32 [n, d], and their encoded captions.

    ``frames``: those of pictures that move, by their places in ``pictures``.

    ``captions``: the text and the place in ``pictures`` of each, with their vectors,
    float32 [m, d].
    """

    pictures: tuple[Picture, ...]
    picture_vectors: Vectors
    captions: tuple[tuple[str, int], ...]
    caption_vectors: Vectors
    frames: Mapping[int, FrameVectors] = field(default_factory=dict)

    def only(self, chosen: Callable[[Picture], bool]) -> Self:
        """Some of the pictures, with their captions."""
        kept = [n for n, picture in enumerate(self.pictures) if chosen(picture)]
        places = {old: new for new, old in enumerate(kept)}
        words = [n for n, (_, place) in enumerate(self.captions) if place in places]
        return replace(
            self,
            pictures=tuple(self.pictures[n] for n in kept),
            picture_vectors=self.picture_vectors[kept],
            captions=tuple(
                (text, places[at]) for text, at in map(self.captions.__getitem__, words)
            ),
            caption_vectors=self.caption_vectors[words],
            frames={places[old]: frames for old, frames in self.frames.items() if old in places},
        )

    def then(self, others: EncodedPictures) -> Self:
        """These, followed by others."""
        vectors = [self.picture_vectors, others.picture_vectors]
        words = [self.caption_vectors, others.caption_vectors]
        first = len(self.pictures)
        return replace(
            self,
            pictures=(*self.pictures, *others.pictures),
            picture_vectors=np.concatenate(vectors),
            captions=(*self.captions, *((text, first + at) for text, at in others.captions)),
            caption_vectors=np.concatenate(words),
            frames={**self.frames, **{first + at: each for at, each in others.frames.items()}},
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Excerpt(EncodedPictures):
    """Some pictures, by path; ``silent``: see :meth:`Contents.silent`."""

    silent: Mapping[str, int]


class Contents:
    """One consistent view of a collection; valid while its transaction is open.

    Pictures are in the order of their paths. A caption whose text the model could not
    encode has no row of its own.
    """

    def __init__(self, connection: Connection, collection: str) -> None:
        self.connection = connection
        self.collection = collection

    @cached_property
    def identity(self) -> ModelIdentity | None:
        """The model of the collection, None before its first reindex."""
        return identity_of(self.connection, self.collection)

    @cached_property
    def generation(self) -> int:
        return generation_of(self.connection, self.collection)

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        rows = self.connection.execute(
            select(pictures)
            .where(pictures.c.collection == self.collection)
            .order_by(pictures.c.path)
        )
        return tuple(of_folder(row, next(iter(self._texts.get(row.id, ())), "")) for row in rows)

    @cached_property
    def captions(self) -> tuple[tuple[str, int], ...]:
        encoded = set(
            self.connection.execute(
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

    @property
    def count(self) -> int:
        return count(self.connection, pictures, pictures.c.collection == self.collection)

    def silent(self, ids: Iterable[str] | None = None) -> dict[str, int]:
        """How many captions of a picture could not be encoded, by its id, where any could not.

        ``ids``: of these pictures alone, which takes as long as they are many.
        """
        query = (
            select(captions.c.picture_id, func.count())
            .join(pictures, captions.c.picture_id == pictures.c.id)
            .join(caption_vectors, self._of_caption, isouter=True)
            .where(pictures.c.collection == self.collection, caption_vectors.c.text_hash.is_(None))
            .group_by(captions.c.picture_id)
        )
        queries = (
            [query]
            if ids is None
            else [query.where(captions.c.picture_id.in_(chunk)) for chunk in chunks(ids)]
        )
        return {
            picture_id: missing
            for each in queries
            for picture_id, missing in self.connection.execute(each)
        }

    def only(self, ids: Iterable[str], paths: Iterable[str]) -> Excerpt:
        """Those of these pictures that are there, named by their ids or by their paths.

        Takes as long as they are many. Raises CatalogueError where a vector is missing or has
        another dimension.
        """
        found = {
            row.id: row
            for column, names in ((pictures.c.id, ids), (pictures.c.path, paths))
            for chunk in chunks(names)
            for row in self.connection.execute(
                select(pictures, picture_vectors.c.vector)
                .join(picture_vectors, self._of_picture, isouter=True)
                .where(pictures.c.collection == self.collection, column.in_(chunk))
            )
        }
        rows = sorted(found.values(), key=lambda row: str(row.path))
        texts: dict[str, list[tuple[str, bytes | None]]] = {row.id: [] for row in rows}
        for chunk in chunks(found):
            for row in self.connection.execute(
                select(captions.c.picture_id, captions.c.text, caption_vectors.c.vector)
                .join(caption_vectors, self._of_caption, isouter=True)
                .where(captions.c.picture_id.in_(chunk))
                .order_by(captions.c.picture_id, captions.c.position)
            ):
                texts[row.picture_id].append((row.text, row.vector))
        encoded = [
            (text, place, vector)
            for place, row in enumerate(rows)
            for text, vector in texts[row.id]
            if vector is not None
        ]
        dimension = self.identity.dimension if self.identity is not None else 0
        return Excerpt(
            pictures=tuple(
                of_folder(row, next((text for text, _ in texts[row.id]), "")) for row in rows
            ),
            picture_vectors=unpack([row.vector for row in rows], dimension, self.collection),
            captions=tuple((text, place) for text, place, _ in encoded),
            caption_vectors=unpack([each for _, _, each in encoded], dimension, self.collection),
            frames=by_place(
                [row.sha256 for row in rows], self._frames_of({row.sha256 for row in rows})
            ),
            silent={
                key: missing
                for key, each in texts.items()
                if (missing := sum(vector is None for _, vector in each))
            },
        )

    def picture_vectors(self) -> Iterator[Vectors]:
        """The vectors of :attr:`pictures` in blocks: float32 [<= BLOCK, d].

        Raises CatalogueError where one is missing or has another dimension.
        """
        query = (
            select(picture_vectors.c.vector)
            .select_from(pictures)
            .join(picture_vectors, self._of_picture, isouter=True)
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
            .join(caption_vectors, self._of_caption)
            .where(pictures.c.collection == self.collection)
            .order_by(pictures.c.path, captions.c.position)
        )
        return self._blocks(query)

    def frames(self) -> dict[int, FrameVectors]:
        """The frames of those of :attr:`pictures` that move, by their rows."""
        if self.identity is None:
            return {}
        moving = moving_contents(self.connection, self._fingerprint)
        if not moving:
            return {}
        found = self._frames_of({each.sha256 for each in self.pictures} & moving)
        return by_place([each.sha256 for each in self.pictures], found)

    def _frames_of(self, contents: Collection[str]) -> dict[str, FrameVectors]:
        dimension = self.identity.dimension if self.identity is not None else 0
        return frames_of(self.connection, self._fingerprint, dimension, contents)

    @property
    def _fingerprint(self) -> str:
        return self.identity.fingerprint if self.identity is not None else ""

    @property
    def _of_picture(self) -> ColumnElement[bool]:
        return and_(
            picture_vectors.c.sha256 == pictures.c.sha256,
            picture_vectors.c.fingerprint == self._fingerprint,
        )

    @property
    def _of_caption(self) -> ColumnElement[bool]:
        return and_(
            caption_vectors.c.text_hash == captions.c.text_hash,
            caption_vectors.c.fingerprint == self._fingerprint,
        )

    @cached_property
    def _texts(self) -> dict[str, list[str]]:
        return captions_of(self.connection, self.collection)

    def _blocks(self, query: Select[tuple[bytes]]) -> Iterator[Vectors]:
        if self.identity is None:
            return
        rows = self.connection.execute(query, execution_options={"yield_per": BLOCK})
        for block in rows.partitions():
            vectors = [row.vector for row in block]
            yield unpack(vectors, self.identity.dimension, self.collection)
