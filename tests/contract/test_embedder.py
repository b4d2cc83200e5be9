"""What every embedder keeps: the batcher of a model in this process, and encoders over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.encoding.remote import RemoteEmbedder
from core.domain.errors import Busy, EncodingFailed, ShuttingDown
from core.domain.ports import Embedder, Encoder
from core.domain.types import Lane
from core.encoder.embedder import BatchedEmbedder
from tests.fakes import FakeEncoder, HeldEncoder
from tests.servers.encoder import served

Opened = Callable[..., AbstractAsyncContextManager[BatchedEmbedder | RemoteEmbedder]]


@asynccontextmanager
async def _in_process(encoder: Encoder, *, max_queue: int = 256) -> AsyncIterator[BatchedEmbedder]:
    async with BatchedEmbedder(encoder, max_queue=max_queue) as embedder:
        yield embedder


@asynccontextmanager
async def _over_http(encoder: Encoder, *, max_queue: int = 256) -> AsyncIterator[RemoteEmbedder]:
    async with (
        served(encoder, max_queue=max_queue) as server,
        RemoteEmbedder([server.url], max_queue=max_queue) as embedder,
    ):
        yield embedder


@asynccontextmanager
async def _over_two(encoder: Encoder, *, max_queue: int = 256) -> AsyncIterator[RemoteEmbedder]:
    """Two servers of the same model."""
    twin = type(encoder)()
    async with (
        served(encoder, max_queue=max_queue) as one,
        served(twin, max_queue=max_queue) as other,
        RemoteEmbedder([one.url, other.url], max_queue=max_queue) as embedder,
    ):
        yield embedder


@pytest.fixture(params=[_in_process, _over_http, _over_two], ids=["here", "http", "two"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """How an embedder is made of an encoder."""
    made: Opened = request.param
    return made


def _pictures(count: int, edge: int = 8) -> Sequence[NDArray[np.uint8]]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (edge, edge, 3), np.uint8) for _ in range(count)]


async def test_it_tells_of_its_model(opened: Opened) -> None:
    """Identity and size of the pictures are those of the encoder."""
    encoder = FakeEncoder()
    async with opened(encoder) as embedder:
        port: Embedder = embedder
        assert port.identity == encoder.identity
        assert port.pixel_spec == encoder.pixel_spec


async def test_vectors_are_the_encoders_own_to_the_bit(opened: Opened) -> None:
    """Of texts in any script, of none, and of pictures; in both lanes."""
    encoder = FakeEncoder()
    texts = ["red", "", "Äpfel, “ピクセル” \N{TANGERINE}\n\x00", "x" * 4000]
    pictures = _pictures(3)
    async with opened(encoder) as embedder:
        for lane in Lane:
            found = [await embedder.embed_text(text, lane=lane) for text in texts]
            seen = [await embedder.embed_pixels(pixels, lane=lane) for pixels in pictures]
            assert np.array_equal(np.stack(found), encoder.encode_texts(texts))
            assert np.array_equal(np.stack(seen), encoder.encode_images(np.stack(pictures)))
            for vector in (*found, *seen):
                assert vector.dtype == np.float32
                assert vector.shape == (encoder.identity.dimension,)
                assert not vector.flags.writeable


async def test_every_one_of_many_callers_gets_its_own(opened: Opened) -> None:
    """However they are batched and over whichever connection they went."""
    encoder = FakeEncoder()
    texts = [f"word{n}" for n in range(100)]
    pictures = _pictures(40)
    async with opened(encoder) as embedder:
        found = await asyncio.gather(
            *(embedder.embed_text(text) for text in texts),
            *(embedder.embed_pixels(pixels) for pixels in pictures),
        )
    wanted = [*encoder.encode_texts(texts), *encoder.encode_images(np.stack(pictures))]
    assert np.array_equal(np.stack(found), np.stack(wanted))


async def test_a_text_that_fails_fails_alone(opened: Opened) -> None:
    """Those in the same batch get their vectors."""

    class Failing(FakeEncoder):
        def __init__(self) -> None:
            super().__init__(fails_on=lambda text: text == "bad")

    async with opened(Failing()) as embedder:
        texts = ["red", "bad", "blue"]
        red, bad, blue = await asyncio.gather(
            *(embedder.embed_text(text) for text in texts), return_exceptions=True
        )
        assert isinstance(bad, EncodingFailed)
        assert isinstance(red, np.ndarray)
        assert isinstance(blue, np.ndarray)


async def test_pixels_of_another_size_are_the_callers_fault(opened: Opened) -> None:
    """Told at once, before anything is sent or batched."""
    async with opened(FakeEncoder()) as embedder:
        for wrong in (np.zeros((9, 8, 3), np.uint8), np.zeros((8, 8, 3), np.float32)):
            with pytest.raises(ValueError, match="expected uint8 pixels"):
                await embedder.embed_pixels(wrong)  # type: ignore[arg-type]


async def test_a_full_queue_is_told_at_once(opened: Opened) -> None:
    """Busy, with the seconds after which to try again; those who wait are answered all the same."""
    encoder = HeldEncoder(held_s=30.0)
    async with opened(encoder, max_queue=2) as embedder:
        asked = [asyncio.create_task(embedder.embed_text(f"t{n}")) for n in range(40)]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        error = next(iter(done)).exception()
        assert isinstance(error, Busy)
        assert error.retry_after >= 1
        encoder.gate.set()
        await asyncio.wait(waiting)
        answers = [task.exception() for task in asked]
        assert None in answers
        assert {type(answer) for answer in answers} <= {type(None), Busy}


async def test_who_comes_after_the_end_is_told_so(opened: Opened) -> None:
    """ShuttingDown, as long as it is asked."""
    async with opened(FakeEncoder()) as embedder:
        await embedder.embed_text("red")
    with pytest.raises(ShuttingDown):
        await embedder.embed_text("green")


async def test_a_question_that_is_asked_again_costs_no_run(opened: Opened) -> None:
    """Bulk work keeps nothing, and finds what was kept."""
    encoder = FakeEncoder()
    async with opened(encoder) as embedder:
        first = await embedder.embed_text("red")
        assert await embedder.embed_text("red") is first
        assert await embedder.embed_text("red", lane=Lane.BULK) is first
        await embedder.embed_text("green", lane=Lane.BULK)
        assert await embedder.embed_text("green") is not None
    assert encoder.texts.count("red") <= 1
