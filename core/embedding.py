"""The encoder as everybody else sees it: async, batched, with a cache of recent queries."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Self

import numpy as np
from cachetools import LRUCache

from core.batching import BatcherHealth, BatchRecord, Kinship, MicroBatcher
from core.ports import Encoder
from core.types import Lane, ModelIdentity, Pixels, PixelSpec, Vectors

_AT_ONCE_ON_CPU = 12
"""Texts, or pictures, in one call of an encoder on a CPU: all its cores are busy with so many.

64 texts of mixed lengths for CLIP's text tower take 1.3 to 1.5 times as long in calls of 32 in
the order they came, and the half of them that is answered first waits twice as long."""


class BatchedEmbedder:
    """Puts a blocking encoder behind a micro-batcher (``core.ports.Embedder``).

    Args:
        encoder: used from one thread only, the batcher's.
        max_batch, max_bulk_batch, max_queue: see :class:`core.batching.MicroBatcher`.
        cached_texts: how many recent text vectors to keep (about 2 KB each at 512
            dimensions); 0 keeps none.
        observe: see :class:`core.batching.MicroBatcher`; the group is ``str`` for texts
            and ``numpy.ndarray`` for pictures.
        observe_cache: called with True for a text found in the cache, else False.

    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        max_batch: int = 32,
        max_bulk_batch: int = 8,
        max_queue: int = 256,
        cached_texts: int = 2048,
        observe: Callable[[BatchRecord], None] = lambda _: None,
        observe_cache: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._encoder = encoder
        self._observe_cache = observe_cache
        self._texts: LRUCache[str, Vectors] = LRUCache(cached_texts)
        self._batcher: MicroBatcher[str | Pixels, Vectors] = MicroBatcher(
            self._encode,
            max_batch=max_batch,
            max_bulk_batch=max_bulk_batch,
            max_queue=max_queue,
            kinship=Kinship(_AT_ONCE_ON_CPU, _cost, _key) if encoder.device == "cpu" else None,
            observe=observe,
            name="encoder",
        )

    async def __aenter__(self) -> Self:
        await self._batcher.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._batcher.__aexit__(exc_type, exc, traceback)

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dimension of the model."""
        return self._encoder.identity

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size and fit of the pictures that :meth:`embed_pixels` takes."""
        return self._encoder.pixel_spec

    @property
    def health(self) -> BatcherHealth:
        """The state of the batcher, for readiness checks."""
        return self._batcher.health

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        """Return one read-only unit vector, float32 [d].

        Raises Busy, EncodingFailed, ShuttingDown. Chat texts are cached; those of the bulk
        lane are stored by whoever asked and would only push queries out of the cache.
        """
        cached = self._texts.get(text)
        if lane is Lane.CHAT:
            self._observe_cache(cached is not None)
        if cached is not None:
            return cached
        vector = await self._batcher.submit(text, lane=lane)
        if lane is Lane.CHAT and self._texts.maxsize:
            self._texts[text] = vector
        return vector

    async def embed_pixels(self, pixels: Pixels, *, lane: Lane = Lane.CHAT) -> Vectors:
        """Return one read-only unit vector, float32 [d].

        ``pixels`` has the size of :attr:`pixel_spec`. Raises ValueError for another size,
        Busy, EncodingFailed, ShuttingDown.
        """
        spec = self.pixel_spec
        if pixels.shape != (spec.height, spec.width, 3) or pixels.dtype != np.uint8:
            # Told here, to the one caller who is wrong, instead of failing a whole batch.
            raise ValueError(
                f"expected uint8 pixels of {(spec.height, spec.width, 3)}, "
                f"got {pixels.dtype} of {pixels.shape}"
            )
        return await self._batcher.submit(pixels, lane=lane)

    def _encode(self, items: list[str | Pixels]) -> list[Vectors]:
        if isinstance(items[0], str):
            # Everybody asks the same thing at once when a link goes round: encode it once.
            texts = list(dict.fromkeys(str(item) for item in items))
            rows = {text: row for row, text in enumerate(texts)}
            vectors = self._encoder.encode_texts(texts)
            order = [rows[str(item)] for item in items]
        else:
            vectors = self._encoder.encode_images(np.stack([np.asarray(i) for i in items]))
            order = list(range(len(items)))
        results = [vectors[row].copy() for row in order]
        for vector in results:
            vector.setflags(write=False)
        return results


def _cost(item: str | Pixels) -> float:
    """Texts are padded to the longest of their call; pictures all have one size."""
    return len(item) if isinstance(item, str) else 0.0


def _key(item: str | Pixels) -> Hashable:
    return item if isinstance(item, str) else id(item)
