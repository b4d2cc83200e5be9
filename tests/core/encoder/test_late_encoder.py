"""An encoder that is loaded when it is needed, and what is known of it before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.domain.types import ModelIdentity, PixelSpec, Vectors
from core.encoder.benchmark_cache import JsonCache
from core.encoder.choice import BackendTrial, EncoderChoice
from core.encoder.known import KnownEncoder
from core.encoder.lazy import LateEncoder
from core.images.pool import DecodePool

pytestmark = pytest.mark.process

_KNOWN = KnownEncoder(
    identity=ModelIdentity("mini", "f" * 64, 2),
    pixel_spec=PixelSpec(4, 4, "crop", scale_to=(5, 6)),
    device="cpu",
    logit_scale=17.0,
    packs_texts=False,
    choice=EncoderChoice(
        "torch", "float32", (BackendTrial("onnx", "float32", 1.0, 0.9, 0.8),), ("why",)
    ),
)


class Whole:
    """As much of an encoder as is asked."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """The whole one's answer."""
        return np.full((len(texts), 2), 1, np.float32)

    def encode_images(self, pixels: object) -> Vectors:
        """The whole one's answer."""
        del pixels
        return np.full((1, 2), 1, np.float32)


class Few(Whole):
    """What answers meanwhile."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Another answer, to be told apart."""
        return np.full((len(texts), 2), 2, np.float32)


def _late(loads: list[int], few: object = Few) -> LateEncoder:
    def load() -> Whole:
        loads.append(1)
        return Whole()

    return LateEncoder(_KNOWN, load, few)  # type: ignore[arg-type]


def test_questions_load_nothing_more() -> None:
    """Until a picture comes, or many texts; from then on the whole encoder answers everything."""
    loads: list[int] = []
    late = _late(loads)
    late.prepare_texts()
    assert (late.identity, late.logit_scale, late.device) == (_KNOWN.identity, 17.0, "cpu")
    assert late.encode_texts(["a"])[0, 0] == 2
    assert loads == []
    assert late.encode_texts(["a"] * 50)[0, 0] == 1
    late.encode_images(np.zeros((1, 4, 4, 3), np.uint8))
    assert late.encode_texts(["a"])[0, 0] == 1
    assert loads == [1]


def test_where_nothing_answers_meanwhile_the_whole_is_loaded() -> None:
    """A model that has no quick half, or one whose files are not what they were."""

    def broken() -> Few:
        raise ValueError

    for few in (None, broken):
        loads: list[int] = []
        late = _late(loads, few)
        late.prepare_texts()
        assert late.encode_texts(["a"])[0, 0] == 1
        assert loads == [1]


def test_what_is_known_is_kept(tmp_path: Path) -> None:
    """Whole, by its key; a damaged file counts as missing."""
    kept = JsonCache(KnownEncoder, tmp_path / "known")
    assert kept.find("a") is None
    kept.keep("a", _KNOWN)
    assert kept.find("a") == _KNOWN
    assert kept.find("b") is None
    (tmp_path / "known" / "a.json").write_text("{}")
    assert kept.find("a") is None


async def test_workers_that_wait_start_with_the_first_picture(tmp_path: Path) -> None:
    """A program that gets no picture starts no process for it."""
    async with DecodePool(1, waits_for_pictures=True) as pool:
        assert pool.healthy()
        assert pool.stats().pids == ()
        file = tmp_path / "a.png"
        Image.new("RGB", (8, 8)).save(file)
        picture = await pool.decode(file, PixelSpec(4, 4, "stretch"))
        assert picture.pixels.shape == (4, 4, 3)
        assert len(pool.stats().pids) == 1
