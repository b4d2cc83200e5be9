"""The encoder as everybody else sees it: async, batched, with a cache of recent queries."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Hashable
from typing import Self

import numpy as np

from core.domain.ports import Encoder
from core.domain.types import Lane, ModelIdentity, Pixels, PixelSpec, Vectors
from core.encoder.batch_records import BatcherHealth, BatchRecord, Kinship
from core.encoder.batcher import MicroBatcher
from core.encoder.query_cache import QueryCache

_TEXTS_AT_ONCE_ON_CPU = 12
"""Texts in one call of an encoder on a CPU that pads them: more are padded more, fewer read
the weights anew for each call. With 64 callers of CLIP's text tower whose texts are of mixed
lengths, padding adds 30 % to the tokens in calls of twelve (15 % in calls of six) and 114 % in
calls of 32 in the order they came (``bench.queues``)."""

_PACKED_TEXTS_AT_ONCE = 16
"""Where none is padded, more at once only make everybody wait longer: reading the weights is
4 % of such a call."""

_PICTURES_AT_ONCE_ON_CPU = 8
"""Pictures in one call there, which are never padded: more gain nothing, and all wait longer."""

_PICTURES_NICE = 10
"""What the thread of pictures on a CPU gives way by (setpriority(2), 0 to 19): a text that
comes while a reindex encodes gets nine tenths of a core that both want (1024 to 110, see
sched(7)). At 0 the slowest hundredth of questions took four times as long as without a
reindex (``bench.keeping``); at 19 a photo that somebody posts starves on a machine with other
work to do."""


class BatchedEmbedder:
    """Puts a blocking encoder behind micro-batchers (``core.domain.ports.Embedder``).

    On a CPU texts and pictures have a thread each: a question in words takes some
    milliseconds, and would otherwise wait for pictures of a reindex, which take ten times as
    long each. A GPU does one thing at a time anyway: there they share one.

    Args:
        encoder: its two methods may run at the same time on a CPU, neither with itself.
        max_batch, max_bulk_batch, max_queue: see :class:`core.encoder.batcher.MicroBatcher`.
        packs_texts: whether texts of any lengths are as cheap together on a CPU, as the
            encoder does them; then they go first come, first served.
        cached_texts: how many recent text vectors to keep (about 2 KB each at 512
            dimensions); 0 keeps none.
        observe: see :class:`core.encoder.batcher.MicroBatcher`; the group is ``str`` for texts
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
        packs_texts: bool = False,
        cached_texts: int = 2048,
        observe: Callable[[BatchRecord], None] = lambda _: None,
        observe_cache: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._encoder = encoder
        self._texts = QueryCache(cached_texts, observe_cache)

        def batcher(
            name: str,
            kinship: Kinship[str | Pixels] | None = None,
            prepare: Callable[[], None] | None = None,
        ) -> MicroBatcher[str | Pixels, Vectors]:
            return MicroBatcher(
                self._encode,
                max_batch=max_batch,
                max_bulk_batch=max_bulk_batch,
                max_queue=max_queue,
                kinship=kinship,
                observe=observe,
                prepare=prepare,
                name=name,
            )

        if encoder.device == "cpu":
            texts: Kinship[str | Pixels] = (
                Kinship(_PACKED_TEXTS_AT_ONCE, _all_alike, _key)
                if packs_texts
                else Kinship(_TEXTS_AT_ONCE_ON_CPU, _cost, _key)
            )
            pictures: Kinship[str | Pixels] = Kinship(_PICTURES_AT_ONCE_ON_CPU, _all_alike, _key)
            self._text_batcher = batcher("encoder", texts)
            self._picture_batcher = batcher("encoder of pictures", pictures, _give_way)
        else:
            self._text_batcher = self._picture_batcher = batcher("encoder")
        self._batchers = tuple(dict.fromkeys((self._text_batcher, self._picture_batcher)))

    async def __aenter__(self) -> Self:
        for batcher in self._batchers:
            await batcher.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(batcher.close() for batcher in self._batchers))

    @property
    def identity(self) -> ModelIdentity:
        return self._encoder.identity

    @property
    def pixel_spec(self) -> PixelSpec:
        return self._encoder.pixel_spec

    @property
    def health(self) -> BatcherHealth:
        return BatcherHealth.of([batcher.health for batcher in self._batchers])

    async def embed_text(self, text: str, *, lane: Lane = Lane.CHAT) -> Vectors:
        """Return one read-only unit vector, float32 [d].

        Raises Busy, EncodingFailed, ShuttingDown. Chat texts are cached; those of the bulk
        lane are stored by whoever asked and would only push queries out of the cache.
        """
        cached = self._texts.find(text, lane)
        if cached is not None:
            return cached
        vector = await self._text_batcher.submit(text, lane=lane)
        self._texts.keep(text, vector, lane)
        return vector

    async def embed_pixels(self, pixels: Pixels, *, lane: Lane = Lane.CHAT) -> Vectors:
        """Return one read-only unit vector, float32 [d].

        ``pixels`` has the size of :attr:`pixel_spec`. Raises ValueError for another size,
        Busy, EncodingFailed, ShuttingDown.
        """
        check_pixels(pixels, self.pixel_spec)
        return await self._picture_batcher.submit(pixels, lane=lane)

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


def check_pixels(pixels: Pixels, spec: PixelSpec) -> None:
    """Raise ValueError where these are not those of one picture of the spec's size.

    Told to the one caller who is wrong, instead of failing a whole batch.
    """
    if pixels.shape != (spec.height, spec.width, 3) or pixels.dtype != np.uint8:
        raise ValueError(
            f"expected uint8 pixels of {(spec.height, spec.width, 3)}, "
            f"got {pixels.dtype} of {pixels.shape}"
        )


def _give_way() -> None:
    """Let threads of other work go before this one and those that it starts."""
    # Only Linux gives each thread a priority of its own.
    # Where a sandbox forbids it, the thread works all the same.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _PICTURES_NICE)


def _cost(item: str | Pixels) -> float:
    """Texts are padded to the longest of their call."""
    return float(len(item))


def _all_alike(_: str | Pixels) -> float:
    """What nothing is padded for."""
    return 0.0


def _key(item: str | Pixels) -> Hashable:
    return item if isinstance(item, str) else id(item)
