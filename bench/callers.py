"""64 people who ask at the same moment, through the batcher, in texts of mixed lengths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import torch

from bench.closed_loop import questions
from bench.comparison import Comparison, Timed, timed
from bench.encoding import clip, encoder_of
from core.encoder.batcher import MicroBatcher
from core.encoder.embedder import BatchedEmbedder
from core.encoder.load import TransformersEncoder

_CALLERS = 64
_REPEATED = 500


def _encoder() -> TransformersEncoder:
    return encoder_of(clip(), ("torch", "float32"), torch.get_num_threads())


async def _ours(encoder: TransformersEncoder, texts: Sequence[str]) -> None:
    async with BatchedEmbedder(encoder, cached_texts=0) as embedder:
        await asyncio.gather(*map(embedder.embed_text, texts))


async def _as_they_come(encoder: TransformersEncoder, texts: Sequence[str]) -> None:
    async with MicroBatcher(lambda items: list(encoder.encode_texts(items))) as batcher:
        await asyncio.gather(*map(batcher.submit, texts))


@contextmanager
def _sorted_against_fifo() -> Iterator[tuple[Timed, Timed]]:
    encoder = _encoder()
    own, other = count(), count()
    yield (
        timed(lambda: asyncio.run(_ours(encoder, questions(_CALLERS, next(own))))),
        timed(lambda: asyncio.run(_as_they_come(encoder, questions(_CALLERS, next(other))))),
    )


def _first_half() -> AbstractContextManager[tuple[Timed, Timed]]:
    """The seconds until half of the callers have their answer."""

    async def until_half(submit: Callable[[str], object], texts: Sequence[str]) -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        tasks = [asyncio.ensure_future(submit(text)) for text in texts]  # type: ignore[arg-type]
        for done, task in enumerate(asyncio.as_completed(tasks), start=1):
            await task
            if done == len(texts) // 2:
                half = loop.time() - started
        return half

    @contextmanager
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        encoder = _encoder()
        own, other = count(), count()

        async def ours() -> float:
            async with BatchedEmbedder(encoder, cached_texts=0) as embedder:
                return await until_half(embedder.embed_text, questions(_CALLERS, next(own)))

        async def theirs() -> float:
            run = lambda items: list(encoder.encode_texts(items))  # noqa: E731 - one line
            async with MicroBatcher(run) as batcher:
                return await until_half(batcher.submit, questions(_CALLERS, next(other)))

        yield lambda: asyncio.run(ours()), lambda: asyncio.run(theirs())

    return prepare()


@contextmanager
def _cached_against_encoded() -> Iterator[tuple[Timed, Timed]]:
    encoder = _encoder()

    async def repeated() -> None:
        async with BatchedEmbedder(encoder) as embedder:
            for _ in range(_REPEATED + 1):
                await embedder.embed_text("orange fruits")

    def encoded() -> None:
        for _ in range(_REPEATED // 10):
            encoder.encode_texts(["orange fruits"])

    once, many = timed(lambda: asyncio.run(repeated())), timed(encoded)
    yield (lambda: once() / _REPEATED), (lambda: many() / (_REPEATED // 10))


_WHAT = f"{_CALLERS} callers, texts of mixed lengths, CLIP ViT-B/32 float32"

COMPARISONS = (
    Comparison(
        _WHAT,
        "like lengths together, twelve at once",
        "32 at once as they come",
        "for all",
        _sorted_against_fifo,
    ),
    Comparison(
        "the same, until half have their answer",
        "like lengths together, twelve at once",
        "32 at once as they come",
        "for half",
        _first_half,
    ),
    Comparison(
        "a text that was asked before",
        "from the cache",
        "encoded anew",
        "a text",
        _cached_against_encoded,
    ),
)
