"""Encoders over HTTP against the batcher in this process: processor time of a request.

A model that takes no time encodes, so that everything else is what is measured: of the bot that
asks and of the encoder that answers, together. Processor time is not stretched by what else the
machine does. ``python -m bench.remote`` is the encoder, as a process of its own.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import numpy as np
import psutil
import uvloop

from bench.closed_loop import ask_all, questions
from bench.comparison import Comparison, Timed
from bot.encoding.remote import RemoteEmbedder
from bot.encoding.server import EncoderServer
from bot.http.listener import Listener
from bot.observability.logs import configure
from bot.observability.metrics import Metrics
from core.domain.types import ModelIdentity, PixelBatch, PixelSpec, Vectors
from core.encoder.choice import EncoderChoice
from core.encoder.embedder import BatchedEmbedder
from core.encoder.known import KnownEncoder

_DIMENSION = 512
_EDGE = 224
_REQUESTS = {1: 400, 64: 3200}
_PICTURES = {1: 200, 64: 640}
_MADE_BETWEEN_COLLECTIONS = 10_000

Embed = Callable[[BatchedEmbedder | RemoteEmbedder], Callable[[str], Awaitable[Vectors]]]


class _NullEncoder:
    """Unit vectors at once; on no CPU, so that texts of any length share a batch."""

    identity = ModelIdentity("null", hashlib.sha256(b"null").hexdigest(), _DIMENSION)
    pixel_spec = PixelSpec(_EDGE, _EDGE, "crop", shortest_edge=_EDGE)
    logit_scale = 100.0
    device = "none"

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._vectors(len(texts))

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        return self._vectors(len(pixels))

    def _vectors(self, number: int) -> Vectors:
        return np.full((number, _DIMENSION), _DIMENSION**-0.5, np.float32)


async def _serve() -> None:
    configure("info", "json", [])  # as the program runs
    encoder, metrics = _NullEncoder(), Metrics()
    known = KnownEncoder(
        encoder.identity,
        encoder.pixel_spec,
        encoder.device,
        encoder.logit_scale,
        packs_texts=False,
        choice=EncoderChoice("none", "float32"),
    )
    listener = await Listener.open("127.0.0.1", 0)
    async with BatchedEmbedder(encoder, cached_texts=0, observe=metrics.batch) as embedder:
        server = EncoderServer(embedder, known, metrics, list)
        await server.start(listener)
        gc.freeze()
        gc.set_threshold(_MADE_BETWEEN_COLLECTIONS)
        print(listener.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await server.stop()


@contextmanager
def _encoder() -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "bench.remote"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"the encoder ended with {process.wait()}")
        try:
            yield url, psutil.Process(process.pid)
        finally:
            process.communicate()


def _texts(embedder: BatchedEmbedder | RemoteEmbedder) -> Callable[[str], Awaitable[Vectors]]:
    return embedder.embed_text


def _pixels(embedder: BatchedEmbedder | RemoteEmbedder) -> Callable[[str], Awaitable[Vectors]]:
    picture = np.zeros((_EDGE, _EDGE, 3), np.uint8)
    return lambda _: embedder.embed_pixels(picture)


async def _asked(
    embedder: BatchedEmbedder | RemoteEmbedder,
    embed: Embed,
    texts: Sequence[str],
    callers: int,
    others: Sequence[psutil.Process] = (),
) -> float:
    """Processor seconds a request, of this process and the others."""

    def spent() -> float:
        times = [other.cpu_times() for other in others]
        return time.process_time() + sum(each.user + each.system for each in times)

    ask = embed(embedder)
    await ask_all(ask, texts[:callers], callers)  # connections and threads are there
    before = spent()
    await ask_all(ask, texts, callers)
    return (spent() - before) / len(texts)


def _against_process(
    embed: Embed, number: int, callers: int
) -> Callable[[], Iterator[tuple[Timed, Timed]]]:
    def prepare() -> Iterator[tuple[Timed, Timed]]:
        configure("info", "json", [])
        seeds = count()
        apart: list[float] = []
        here: list[float] = []

        async def in_process() -> float:
            metrics = Metrics()
            texts = questions(number, next(seeds))
            async with BatchedEmbedder(
                _NullEncoder(), cached_texts=0, observe=metrics.batch
            ) as embedder:
                return await _asked(embedder, embed, texts, callers)

        with _encoder() as (url, process):

            async def over_http() -> float:
                texts = questions(number, next(seeds))
                async with RemoteEmbedder([url], cached_texts=0, counters=Metrics()) as embedder:
                    return await _asked(embedder, embed, texts, callers, [process])

            def ours() -> float:
                apart.append(uvloop.run(over_http()))
                return apart[-1]

            def theirs() -> float:
                here.append(uvloop.run(in_process()))
                return here[-1]

            yield ours, theirs
        # Pairs but the warm-up.
        more = [1e3 * (one - other) for one, other in zip(apart[1:], here[1:], strict=True)]
        print(
            f"  {statistics.median(more):.2f} ms more a request over HTTP "
            f"({min(more):.2f} to {max(more):.2f})"
        )

    return prepare


def _comparison(what: str, embed: Embed, numbers: dict[int, int], callers: int) -> Comparison:
    who = "one caller" if callers == 1 else f"{callers} callers"
    return Comparison(
        f"{what}, {who}, a model that takes no time",
        "encoder over HTTP, both processes",
        "batcher in this process",
        "of CPU a request",
        contextmanager(_against_process(embed, numbers[callers], callers)),
    )


COMPARISONS = (
    *(_comparison("a text", _texts, _REQUESTS, callers) for callers in _REQUESTS),
    *(_comparison("pixels of a picture", _pixels, _PICTURES, callers) for callers in _PICTURES),
)

if __name__ == "__main__":
    uvloop.run(_serve())
