"""The micro-batcher: what sharing batches gains, and what the queue costs."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.comparison import Comparison, Timed, timed
from bench.models import random_clip
from core.encoder.batcher import MicroBatcher
from core.encoder.load import load_encoder

_CALLERS = 64
_QUERIES = [f"a photo of thing number {n} on a table" for n in range(_CALLERS)]
_ALONE = 200


@contextmanager
def _shared_against_single() -> Iterator[tuple[Timed, Timed]]:
    with tempfile.TemporaryDirectory() as folder:
        encoder = load_encoder(str(random_clip(Path(folder))), device="cpu", threads=1)
        lock = threading.Lock()

        def encode_one(text: str) -> object:
            with lock:
                return encoder.encode_texts([text])

        async def batched() -> None:
            async with MicroBatcher(lambda texts: list(encoder.encode_texts(texts))) as batcher:
                await asyncio.gather(*map(batcher.submit, _QUERIES))

        async def single() -> None:
            await asyncio.gather(*(asyncio.to_thread(encode_one, text) for text in _QUERIES))

        yield timed(lambda: asyncio.run(batched())), timed(lambda: asyncio.run(single()))


@contextmanager
def _queue_against_thread() -> Iterator[tuple[Timed, Timed]]:
    async def batched() -> None:
        async with MicroBatcher[int, int](lambda items: items) as batcher:
            for item in range(_ALONE):
                await batcher.submit(item)

    async def plain() -> None:
        for item in range(_ALONE):
            await asyncio.to_thread(lambda item=item: item)

    ours, theirs = timed(lambda: asyncio.run(batched())), timed(lambda: asyncio.run(plain()))
    yield (lambda: ours() / _ALONE), (lambda: theirs() / _ALONE)


COMPARISONS = (
    Comparison(
        "64 callers, one text each, CLIP ViT-B/32 text tower",
        "micro-batcher",
        "one call each, in threads",
        "for all",
        _shared_against_single,
    ),
    Comparison(
        "one caller after another, a backend that does nothing",
        "micro-batcher",
        "asyncio.to_thread",
        "a call",
        _queue_against_thread,
    ),
)
