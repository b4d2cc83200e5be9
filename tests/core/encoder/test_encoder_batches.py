"""Batches shrink when memory runs out, keep their order, and fail with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import EncodingFailed
from core.domain.types import PixelBatch
from core.encoder.backends.torch import TorchTowers
from core.encoder.batch_limit import BatchLimit, in_batches, is_out_of_memory
from core.encoder.hub import find_checkpoint
from core.encoder.load import TransformersEncoder, load_encoder
from core.encoder.model import load_model, temperature, text_limit
from core.encoder.preprocessor_config import read_preprocessing
from core.encoder.tokenizer import Row, TextTokens
from tests.checkpoints import EDGE, tiny_clip

pytestmark = pytest.mark.model

TEXTS = [f"{'very ' * (number % 7)}small dog number {number}" for number in range(40)]
PIXELS = np.random.default_rng(1).integers(0, 256, (23, EDGE, EDGE, 3), dtype=np.uint8)


class SmallMemory(TransformersEncoder):
    """The real encoder on a device that holds ``room`` items at a time."""

    room = 10**9
    failure: Exception | None = None
    sizes: list[int]

    def __init__(self, *parts: Any, **options: Any) -> None:
        self.sizes = []
        super().__init__(*parts, **options)

    def _embed_rows(self, rows: Sequence[Row], length: int) -> torch.Tensor:
        self._take(len(rows))
        return super()._embed_rows(rows, length)

    def _embed_pixels(self, pixels: PixelBatch) -> torch.Tensor:
        self._take(len(pixels))
        return super()._embed_pixels(pixels)

    def _take(self, items: int) -> None:
        if items <= self.room:
            self.sizes.append(items)
        elif self.failure is not None:
            raise self.failure
        else:
            # What torch's own allocator says: nobody has a pebibyte.
            torch.empty(2**50, dtype=torch.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One checkpoint for all."""
    return tiny_clip(tmp_path_factory.mktemp("checkpoint") / "model")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> TransformersEncoder:
    """One encoder that nobody changes."""
    return load_encoder(str(folder), device="cpu")


@pytest.fixture
def small(folder: Path) -> SmallMemory:
    """An encoder that takes batches of 16, until its room is made smaller."""
    checkpoint = find_checkpoint(str(folder))
    model = load_model(checkpoint, torch.float32)
    tokens = TextTokens.load(folder, text_limit(model))
    preprocessing = read_preprocessing(folder)
    small = SmallMemory(
        TorchTowers(model, preprocessing),
        tokens,
        preprocessing.spec,
        name="x",
        fingerprint="0",
        temperature=temperature(model),
        max_batch=16,
    )
    small.sizes.clear()  # of what it asked the model while it was made
    return small


@pytest.mark.parametrize("room", [1, 3, 5, 16])
@pytest.mark.parametrize("failure", [None, torch.OutOfMemoryError("CUDA out of memory.")])
def test_a_batch_that_does_not_fit_is_halved(
    small: SmallMemory, encoder: TransformersEncoder, room: int, failure: Exception | None
) -> None:
    """Whatever fits, down to one item, the vectors come whole and in order."""
    small.room, small.failure = room, failure
    texts = small.encode_texts(TEXTS)
    assert (texts * encoder.encode_texts(TEXTS)).sum(axis=1).min() >= 1 - 1e-4
    images = small.encode_images(PIXELS)
    assert (images * encoder.encode_images(PIXELS)).sum(axis=1).min() >= 1 - 1e-4
    assert max(small.sizes) <= room
    # Not worse than half of what would have fitted, but for the ends.
    assert sum(size < (room + 1) // 2 for size in small.sizes) <= 6


@pytest.mark.parametrize("failure", [None, torch.OutOfMemoryError("CUDA out of memory.")])
def test_one_item_that_does_not_fit_fails(small: SmallMemory, failure: Exception | None) -> None:
    """Then memory is really short, and the reason says so."""
    small.room, small.failure = 0, failure
    with pytest.raises(EncodingFailed, match="not enough memory") as caught:
        small.encode_texts(["a"])
    assert caught.value.remedy
    with pytest.raises(EncodingFailed, match="not enough memory"):
        small.encode_images(PIXELS)


def test_other_failures_are_not_retried(small: SmallMemory) -> None:
    """A failed kernel stays failed: the error names it."""
    small.room, small.failure = 0, RuntimeError("device-side assert\nmany more lines")
    with pytest.raises(EncodingFailed, match=r"failed on this input \(device-side assert\)\."):
        small.encode_texts(TEXTS)


def test_the_order_is_the_callers(encoder: TransformersEncoder) -> None:
    """Texts are sorted by length inside; nobody sees it."""
    order = np.random.default_rng(2).permutation(len(TEXTS))
    straight = encoder.encode_texts(TEXTS)
    shuffled = encoder.encode_texts([TEXTS[row] for row in order])
    assert (shuffled * straight[order]).sum(axis=1).min() >= 1 - 1e-4
    assert np.median(straight @ straight.T) < 0.99


def test_nothing_gives_nothing(encoder: TransformersEncoder) -> None:
    """No items are an empty array of the right width."""
    assert encoder.encode_texts([]).shape == (0, 40)
    assert encoder.encode_images(PIXELS[:0]).shape == (0, 40)
    assert encoder.encode_images(PIXELS[:0]).dtype == np.float32


def test_read_only_and_strided_pixels_are_taken(encoder: TransformersEncoder) -> None:
    """Decoded pictures are read-only; a batch may be a view."""
    whole = encoder.encode_images(PIXELS)
    frozen = PIXELS.copy()
    frozen.flags.writeable = False
    assert (whole * encoder.encode_images(frozen)).sum(axis=1).min() >= 1 - 1e-4
    every_other = encoder.encode_images(PIXELS[::2])
    assert (whole[::2] * every_other).sum(axis=1).min() >= 1 - 1e-4


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, EDGE, EDGE + 1, 3), np.uint8),
        np.zeros((1, EDGE, EDGE, 4), np.uint8),
        np.zeros((EDGE, EDGE, 3), np.uint8),
        np.zeros((1, EDGE, EDGE, 3), np.float32),
    ],
    ids=lambda pixels: f"{pixels.dtype} {pixels.shape}",
)
def test_pixels_of_another_kind_are_the_callers_mistake(
    encoder: TransformersEncoder, pixels: Any
) -> None:
    """Size, channels and type are those of the pixel spec, or it is an error at once."""
    with pytest.raises(ValueError, match=r"pixels must be uint8 \[n, 32, 32, 3\]"):
        encoder.encode_images(pixels)


def test_a_vector_that_is_no_number_is_an_error(small: SmallMemory) -> None:
    """NaN never reaches an index, where it would spoil every comparison."""
    with torch.no_grad():
        small._towers._model.text_projection.weight.fill_(float("nan"))
    with pytest.raises(EncodingFailed, match="no usable vector") as caught:
        small.encode_texts(["a"])
    assert "float32" in caught.value.remedy
    with torch.no_grad():
        small._towers._model.text_projection.weight.zero_()
    with pytest.raises(EncodingFailed, match="no usable vector"):
        small.encode_texts(["a"])


def test_long_texts_are_cut_at_the_towers_length(encoder: TransformersEncoder) -> None:
    """What stands behind token 77 of CLIP changes nothing, and harms nothing."""
    start = "dog " * 80
    long, longer = encoder.encode_texts([start, start + "cat " * 5000])
    assert long @ longer >= 1 - 1e-6


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 64))
def test_the_limit_stays_between_one_and_its_most(outcomes: list[bool], most: int) -> None:
    """Any course of luck keeps the batch size usable."""
    limit = BatchLimit(most)
    for fits in outcomes:
        if fits:
            limit.succeeded()
        else:
            limit.failed(limit.size)
        assert 1 <= limit.size <= most


def test_the_limit_recovers() -> None:
    """Memory that somebody else took for a while comes back into use."""
    limit = BatchLimit(32)
    limit.failed(32)
    assert limit.size == 16
    for _ in range(63):
        limit.succeeded()
    assert limit.size == 16
    limit.succeeded()
    assert limit.size == 32
    with pytest.raises(ValueError, match="at least one"):
        BatchLimit(0)


@given(items=st.integers(0, 60), most=st.integers(1, 20), room=st.integers(1, 20))
def test_every_item_goes_through_once(items: int, most: int, room: int) -> None:
    """Halving loses no item, repeats none and keeps their order; memory is freed in between."""
    released = []

    def forward(chosen: Sequence[int]) -> list[int]:
        if len(chosen) > room:
            raise MemoryError
        return list(chosen)

    done = in_batches(range(items), BatchLimit(most), forward, lambda: released.append(1))
    assert [item for part in done for item in part] == list(range(items))
    assert bool(released) == (min(items, most) > room)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("anything"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("Failed to allocate 2457600000 bytes of memory"), True),
        (RuntimeError("[CPU] Transpose node with name 'aten::to/Convert' can't alloc"), True),
        (RuntimeError("Failed to allocate memory for requested buffer of size 8"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_lack_of_memory_is_told_from_other_errors(error: Exception, *, memory: bool) -> None:
    """Only what a smaller batch can cure is tried again."""
    assert is_out_of_memory(error) is memory
