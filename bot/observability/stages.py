"""The ports that a search goes through, with a clock at each: where the time of an answer goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.protocol.ports import Tracer
from core.domain.ports import Embedder, Library, PictureDecoder, Snapshot
from core.domain.types import (
    CollectionStatus,
    DecodedPicture,
    Lane,
    ModelIdentity,
    Picture,
    PixelSpec,
    Vectors,
)
from core.domain.viewer import Viewer

Observe = Callable[[str, float], None]
"""Gets the name of a stage and its seconds, whether it succeeded or raised."""


class Stages:
    """Where the time of the stages is told: to a histogram, and as spans of the request."""

    def __init__(self, observe: Observe, tracer: Tracer) -> None:
        self._observe = observe
        self._tracer = tracer

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Tell of what is done inside, whether it succeeds or raises."""
        started = time.perf_counter()
        with self._tracer.span(stage):
            try:
                yield
            finally:
                self._observe(stage, time.perf_counter() - started)


class TimedLibrary:
    """A Library whose ``open`` is the stage "open": which snapshot, and is it still current."""

    def __init__(self, library: Library, stages: Stages) -> None:
        self._library = library
        self._stages = stages

    @property
    def names(self) -> Sequence[str]:
        """See the port."""
        return self._library.names

    def shares(self, collection: str, community: Viewer | str) -> bool:
        """See the port."""
        return self._library.shares(collection, community)

    def visible(self, community: Viewer | str) -> Sequence[str]:
        """See the port."""
        return self._library.visible(community)

    async def open(self, collection: str | None, community: Viewer | str) -> Snapshot:
        """See the port."""
        with self._stages.timed("open"):
            return await self._library.open(collection, community)

    async def picture_file(self, picture_id: str, community: Viewer | str) -> tuple[Picture, Path]:
        """See the port."""
        return await self._library.picture_file(picture_id, community)

    def has_file(self, picture: Picture) -> bool:
        """See the port."""
        return self._library.has_file(picture)

    def file_of(self, picture: Picture) -> Path | None:
        """See the port."""
        return self._library.file_of(picture)

    def expected(self, collection: str) -> int | None:
        """See the port."""
        return self._library.expected(collection)

    async def status(self, community: Viewer | str) -> Sequence[CollectionStatus]:
        """See the port."""
        return await self._library.status(community)


class TimedDecoder:
    """A PictureDecoder whose ``decode`` is the stage "decode", its queue included."""

    def __init__(self, decoder: PictureDecoder, stages: Stages) -> None:
        self._decoder = decoder
        self._stages = stages

    async def decode(
        self, source: bytes | Path, spec: PixelSpec, *, preview: int = 0
    ) -> DecodedPicture:
        """See the port."""
        with self._stages.timed("decode"):
            return await self._decoder.decode(source, spec, preview=preview)

    async def thumbnail(self, source: bytes | Path, edge: int) -> bytes:
        """See the port."""
        return await self._decoder.thumbnail(source, edge)


class TimedEmbedder:
    """An Embedder whose vectors are the stage "embed": cache or queue, and the encoder."""

    def __init__(self, embedder: Embedder, stages: Stages) -> None:
        self._embedder = embedder
        self._stages = stages

    @property
    def identity(self) -> ModelIdentity:
        """See the port."""
        return self._embedder.identity

    @property
    def pixel_spec(self) -> PixelSpec:
        """See the port."""
        return self._embedder.pixel_spec

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        """See the port."""
        with self._stages.timed("embed"):
            return await self._embedder.embed_text(text, lane=lane)

    async def embed_pixels(self, pixels: NDArray[np.uint8], *, lane: Lane = Lane.CHAT) -> Vectors:
        """See the port."""
        with self._stages.timed("embed"):
            return await self._embedder.embed_pixels(pixels, lane=lane)
