"""Half precision is used where it is faster and says the same, and never in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.domain.errors import EncodingFailed
from core.domain.types import PixelBatch, PixelSpec, Vectors
from core.encoder.build import Steps
from core.encoder.choice import CLOSE, BackendTrial, EncoderChoice
from core.encoder.load import load_encoder
from core.encoder.model import gains_from_bfloat16
from core.encoder.trials import compare, identify, probe_pixels
from tests.checkpoints import tiny_clip

pytestmark = pytest.mark.model

SPEC = PixelSpec(32, 24, "stretch")


class Clock:
    """Time that passes only where somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


class Timed:
    """Encodes (``core.encoder.trials.Encodes``) in a given time, vectors that lean by an angle."""

    pixel_spec = SPEC

    def __init__(self, clock: Clock, texts: float, pictures: float, cosine: float = 1.0) -> None:
        self._clock = clock
        self._seconds = (texts, pictures)
        self._vector = np.array([cosine, np.sqrt(1 - cosine**2)], np.float32)
        self.delays: list[float] = []
        self.runs = 0

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """One vector for each, all the same."""
        return self._encode(len(texts), self._seconds[0])

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """One vector for each, all the same."""
        assert pixels.shape[1:] == (SPEC.height, SPEC.width, 3)
        return self._encode(len(pixels), self._seconds[1])

    def _encode(self, items: int, seconds: float) -> Vectors:
        self.runs += 1
        self._clock.now += seconds + (self.delays.pop() if self.delays else 0.0)
        return np.tile(self._vector, (items, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model to load."""
    return tiny_clip(tmp_path / "model")


def test_a_trial_tells_how_close_and_how_fast() -> None:
    """The lowest cosine, and the ratio of each tower's seconds."""
    clock = Clock()
    reference = Timed(clock, texts=0.03, pictures=0.08)
    trial = compare(Timed(clock, 0.02, 0.02, 0.9985), reference, "torch", "half", clock=clock)
    assert trial.cosine == pytest.approx(0.9985, abs=1e-6)
    assert (trial.texts, trial.pictures) == pytest.approx((1.5, 4.0))
    assert trial.close
    assert trial.faster


def test_a_busy_machine_does_not_decide() -> None:
    """Some runs that were held up, of either side, change nothing."""
    clock = Clock()
    reference, candidate = Timed(clock, 0.02, 0.04), Timed(clock, 0.01, 0.02)
    # Taken from the end; both begin with two runs that are not timed.
    reference.delays = [0.0, 0.06, 0.0, 0.0, 0.0, 0.1, 0.2, 0.2]
    candidate.delays = [0.05, 0.05, 0.0, 0.0, 0.07, 0.0, 0.0, 0.0]
    trial = compare(candidate, reference, "torch", "half", clock=clock)
    assert (trial.texts, trial.pictures) == pytest.approx((2.0, 2.0))


def test_a_slow_model_is_probed_once() -> None:
    """The probe ends with the round in which a second and a half is over."""
    clock = Clock()
    reference = Timed(clock, texts=0.9, pictures=0.9)
    compare(Timed(clock, 0.1, 0.1), reference, "torch", "half", clock=clock)
    assert reference.runs == 4


@pytest.mark.parametrize(
    ("cosine", "texts", "pictures", "close", "faster"),
    [
        (0.9981, 1.1, 1.1, True, True),
        (0.9979, 2.0, 2.0, False, True),
        (1.0, 0.9, 2.0, True, False),
        (1.0, 2.0, 0.9, True, False),
        (float("nan"), 2.0, 2.0, False, True),
    ],
)
def test_what_counts_as_close_and_fast(
    cosine: float, texts: float, pictures: float, *, close: bool, faster: bool
) -> None:
    """Both towers have to gain; 0.998 is the bar; what is no number is not close."""
    trial = BackendTrial("torch", "bfloat16", cosine, texts, pictures)
    assert (trial.close, trial.faster) == (close, faster)


def test_the_probe_is_pictures() -> None:
    """They differ from each other, fill the range, and are the same every time."""
    first, second = probe_pixels(SPEC, 2)
    assert first.shape == (32, 24, 3)
    assert np.abs(first.astype(int) - second).mean() > 20
    assert first.max() - first.min() > 150
    assert (probe_pixels(SPEC, 2)[0] == first).all()


@pytest.mark.parametrize(
    ("outcome", "precision"),
    [
        (BackendTrial("torch", "bfloat16", 0.9999, 1.7, 2.1), "bfloat16"),
        (BackendTrial("torch", "bfloat16", 0.9979, 1.7, 2.1), "float32"),
        (BackendTrial("torch", "bfloat16", 0.9999, 0.9, 2.1), "float32"),
        (EncodingFailed("no usable vector"), "float32"),
    ],
    ids=["better", "too far", "slower", "no numbers"],
)
def test_auto_takes_what_the_probe_found_better(
    folder: Path, outcome: BackendTrial | Exception, precision: str
) -> None:
    """Only where it is faster and close; the numbers are kept; the identity is the same."""

    def told(*_: object) -> BackendTrial:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    plain = load_encoder(str(folder), device="cpu", precision="float32")
    steps = Steps(gains=lambda _: True, compare=told)
    found = load_encoder(str(folder), device="cpu", steps=steps)
    kept = () if isinstance(outcome, Exception) else (outcome,)
    assert (found.choice.backend, found.choice.precision) == ("torch", precision)
    assert found.choice.trials == kept
    assert bool(found.choice.refused) == (not kept or not kept[0].close)
    assert found.identity == plain.identity
    assert (found.encode_texts(["a dog"]) * plain.encode_texts(["a dog"])).sum() >= CLOSE


def test_auto_tries_only_what_may_gain(folder: Path) -> None:
    """Small models stay as they are, untried; larger ones are tried where the CPU can."""
    assert load_encoder(str(folder), device="cpu").choice == EncoderChoice("torch", "float32")
    steps = Steps(gains=partial(gains_from_bfloat16, large=0))
    choice = load_encoder(str(folder), device="cpu", steps=steps).choice
    able = torch.cpu.get_capabilities()
    if able.get("avx512_bf16") or able.get("amx_bf16") or able.get("amx_tile"):
        (trial,) = choice.trials
        assert trial.close
        assert min(trial.texts, trial.pictures) > 0
        assert choice.precision == ("bfloat16" if trial.faster else "float32")
    else:
        assert choice == EncoderChoice("torch", "float32")


def test_half_precision_that_strays_is_another_model(
    folder: Path,
) -> None:
    """Where somebody insists on it, an index of float32 is not searched with it."""
    plain = load_encoder(str(folder), device="cpu").identity
    close = load_encoder(str(folder), device="cpu", precision="bfloat16")
    assert close.identity == plain
    assert [trial.precision for trial in close.choice.trials] == ["bfloat16"]

    def far(*ways: Any) -> BackendTrial:
        return replace(compare(*ways), cosine=CLOSE - 1e-6)

    steps = Steps(compare=far)
    strays = load_encoder(str(folder), device="cpu", precision="bfloat16", steps=steps)
    assert strays.identity.fingerprint != plain.fingerprint
    assert len(bytes.fromhex(strays.identity.fingerprint)) == 32
    assert strays.identity.dimension == plain.dimension
    again = load_encoder(str(folder), device="cpu", precision="bfloat16", steps=steps)
    assert again.identity == strays.identity


def test_each_precision_that_strays_is_its_own() -> None:
    """Two of them do not share an index either."""
    far = [BackendTrial("torch", precision, 0.9, 1, 1) for precision in ("bfloat16", "float16")]
    assert len({"0", *(identify("0", trial) for trial in far)}) == 3
