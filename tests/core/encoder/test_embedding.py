"""Texts and pictures before one encoder: who waits for whom, and in which threads."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import numpy as np
import pytest

from core.domain.types import Lane, PixelBatch, Vectors
from core.encoder.batch_records import BatcherHealth
from core.encoder.embedder import BatchedEmbedder
from tests.fakes import FakeEncoder

_GREY = np.full((8, 8, 3), 128, np.uint8)


class SlowPictures(FakeEncoder):
    """Its pictures take until ``go``; it keeps the threads that it worked in."""

    def __init__(self, *, device: str = "cpu") -> None:
        super().__init__()
        self.device = device
        self.begun = threading.Event()
        self.go = threading.Event()
        self.threads: dict[str, int] = {}
        self.nice: dict[str, int] = {}

    def encode_texts(self, texts: list[str]) -> Vectors:  # type: ignore[override]
        """As the fake does it."""
        self._note("texts")
        return super().encode_texts(texts)

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """As the fake does it, once it may."""
        self._note("pictures")
        self.begun.set()
        assert self.go.wait(20)
        return super().encode_images(pixels)

    def _note(self, kind: str) -> None:
        self.threads[kind] = threading.get_ident()
        if sys.platform == "linux":
            self.nice[kind] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


async def test_a_text_need_not_wait_for_a_picture_on_a_cpu() -> None:
    """A reindex encodes pictures all the time; a question in words is answered meanwhile."""
    encoder = SlowPictures()
    async with BatchedEmbedder(encoder) as embedder:
        picture = asyncio.create_task(embedder.embed_pixels(_GREY, lane=Lane.BULK))
        await asyncio.to_thread(encoder.begun.wait, 20)
        found = await asyncio.wait_for(embedder.embed_text("red"), 20)
        assert found.shape == (encoder.identity.dimension,)
        assert not picture.done()
        assert embedder.health.running_for is not None
        encoder.go.set()
        await picture


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads priorities")
async def test_pictures_give_way_to_texts() -> None:
    """The scheduler takes the thread of texts first, and the program's own priority stays."""
    encoder = SlowPictures()
    encoder.go.set()
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    async with BatchedEmbedder(encoder) as embedder:
        await embedder.embed_text("red")
        await embedder.embed_pixels(_GREY)
    assert encoder.nice["texts"] == mine < encoder.nice["pictures"]
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine


async def test_pictures_are_encoded_where_nobody_may_give_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sandbox that forbids it costs the priority, and nothing else."""

    def forbidden(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    # The system's own call: only another sandbox around the tests would make it fail.
    monkeypatch.setattr(os, "setpriority", forbidden)
    encoder = SlowPictures()
    encoder.go.set()
    async with BatchedEmbedder(encoder) as embedder:
        assert (await embedder.embed_pixels(_GREY)).shape == (encoder.identity.dimension,)


async def test_a_gpu_is_used_from_one_thread() -> None:
    """Its towers may not run at the same time: a text waits for the picture before it."""
    encoder = SlowPictures(device="cuda:0")
    async with BatchedEmbedder(encoder) as embedder:
        picture = asyncio.create_task(embedder.embed_pixels(_GREY))
        await asyncio.to_thread(encoder.begun.wait, 20)
        text = asyncio.create_task(embedder.embed_text("red"))
        await asyncio.sleep(0)
        assert embedder.health.queued == 1
        encoder.go.set()
        await asyncio.gather(picture, text)
    assert encoder.threads["texts"] == encoder.threads["pictures"]


async def test_closing_answers_texts_and_pictures() -> None:
    """Both queues are served before the end, and neither waits for the other to begin."""
    encoder = SlowPictures()
    async with BatchedEmbedder(encoder) as embedder:
        asked = [
            asyncio.create_task(embedder.embed_pixels(_GREY)),
            asyncio.create_task(embedder.embed_text("red")),
        ]
        await asyncio.to_thread(encoder.begun.wait, 20)
        encoder.go.set()
    assert all(task.done() and task.exception() is None for task in asked)
    assert not embedder.health.alive


def test_health_is_that_of_the_worst() -> None:
    """One dead or stuck worker among several is told; what waits is counted together."""
    well = BatcherHealth(alive=True, restarts=0, restarted_ago=None, running_for=None, queued=2)
    ill = BatcherHealth(alive=False, restarts=3, restarted_ago=4.0, running_for=70.0, queued=1)
    worse = BatcherHealth(alive=True, restarts=1, restarted_ago=9.0, running_for=5.0, queued=0)
    assert BatcherHealth.of([well]) == well
    assert BatcherHealth.of([well, ill, worse]) == BatcherHealth(
        alive=False, restarts=4, restarted_ago=4.0, running_for=70.0, queued=3
    )
