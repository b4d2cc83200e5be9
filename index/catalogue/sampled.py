"""A fixed part of a collection that is too large for a node, read as a whole one is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from sqlalchemy import Connection, select

from core.domain.types import FrameVectors, Picture, Vectors
from index.catalogue.contents import Contents, Excerpt
from index.catalogue.schema import pictures


class SampledContents(Contents):
    """At most ``size`` pictures of a collection: those whose contents (SHA-256) are the lowest.

    That is chance, and the same ones on each node; a change of others changes nothing.
    """

    def __init__(self, connection: Connection, collection: str, size: int) -> None:
        super().__init__(connection, collection)
        self._size = size

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        return self._excerpt.pictures

    @cached_property
    def captions(self) -> tuple[tuple[str, int], ...]:
        return self._excerpt.captions

    def silent(self, ids: Iterable[str] | None = None) -> dict[str, int]:
        del ids  # they are few anyway
        return dict(self._excerpt.silent)

    def picture_vectors(self) -> Iterator[Vectors]:
        yield self._excerpt.picture_vectors

    def caption_vectors(self) -> Iterator[Vectors]:
        yield self._excerpt.caption_vectors

    def frames(self) -> dict[int, FrameVectors]:
        return dict(self._excerpt.frames)

    @cached_property
    def _excerpt(self) -> Excerpt:
        ids = self.connection.execute(
            select(pictures.c.id)
            .where(pictures.c.collection == self.collection)
            .order_by(pictures.c.sha256, pictures.c.id)
            .limit(self._size)
        ).scalars()
        return self.only(list(ids), ())
