"""Ways to run one model, compared when it is loaded: how close, and how fast.

Whatever runs inside, vectors of one model may only share an index where they say the same.
The bar is a cosine of :data:`CLOSE` to what torch computes in float32; a model that cannot
keep it in some precision is another model as far as an index goes (see :func:`identify`).
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.types import PixelBatch, PixelSpec, Vectors

CLOSE = 0.998
"""The least cosine between two vectors of one thing that may stand in one index. Half
precision loses 1e-5 to 1e-3; near-duplicates are told from 0.97 on."""

_ROUNDS = 3
_SECONDS = 0.5
"""No further round begins after so long: the probe delays the start."""

_TEXTS = (
    "dog",
    "a photo of two small dogs on a green chair",
    "an old map of the harbour, drawn by hand, with ships, towers and a compass in a corner",
)
_PICTURES = 2


class Encodes(Protocol):
    """What a trial asks of an encoder (a part of ``core.ports.Encoder``)."""

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size of pictures."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, d]."""

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """Unit vectors [n, d]."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How one way to run a model compares with torch in float32 on the same device.

    ``cosine`` is the lowest between the two over the probe, ``texts`` and ``pictures`` how
    many times as fast it is (the shortest of several runs of each, in turn: whatever else the
    machine does can only make a run longer).
    """

    backend: str
    precision: str
    cosine: float
    texts: float
    pictures: float

    @property
    def close(self) -> bool:
        """Whether its vectors may stand beside those of float32."""
        return self.cosine >= CLOSE

    @property
    def faster(self) -> bool:
        """Whether both towers gain."""
        return min(self.texts, self.pictures) > 1


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """How the model runs, and what was measured before that was decided.

    ``trials`` are of what was compared with torch in float32; none where nothing was.
    """

    backend: str
    precision: str
    trials: tuple[Trial, ...] = ()


def probe_pixels(spec: PixelSpec, count: int = _PICTURES) -> PixelBatch:
    """Soft fields of colour with some grain: [count, spec.height, spec.width, 3]."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 200, (count, 4, 4, 3))
    rows = np.arange(spec.height) * 4 // spec.height
    columns = np.arange(spec.width) * 4 // spec.width
    fields = coarse[:, rows][:, :, columns]
    return (fields + rng.integers(0, 56, fields.shape)).astype(np.uint8)


def compare(
    candidate: Encodes,
    reference: Encodes,
    backend: str,
    precision: str,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Trial:
    """Run both on the built-in probe, in turn. Raises EncodingFailed.

    Cheap: two pictures and three texts, at most three times, none begun after half a second.
    """
    pixels = probe_pixels(reference.pixel_spec)
    kinds: tuple[Callable[[Encodes], Vectors], ...] = (
        lambda encoder: encoder.encode_texts(_TEXTS),
        lambda encoder: encoder.encode_images(pixels),
    )
    shortest = [[math.inf, math.inf] for _ in kinds]
    cosine = 1.0
    # What a first run makes ready (kernels, buffers) is not its speed.
    candidate.encode_texts(_TEXTS[:1])
    candidate.encode_images(pixels[:1])
    start = clock()
    for done in range(_ROUNDS):
        if done and clock() - start > _SECONDS:
            break
        for run, best in zip(kinds, shortest, strict=True):
            vectors = []
            for side, encoder in enumerate((reference, candidate)):
                began = clock()
                vectors.append(run(encoder))
                best[side] = min(best[side], clock() - began)
            cosine = min(cosine, float((vectors[0] * vectors[1]).sum(axis=1).min()))
    texts, pictures = (theirs / max(ours, 1e-9) for theirs, ours in shortest)
    return Trial(backend, precision, cosine, texts, pictures)


def identify(fingerprint: str, trial: Trial) -> str:
    """The fingerprint of a model that runs this way.

    The same where the vectors are close enough to stand in one index: who moves to another
    machine keeps the index. Another one where they are not.
    """
    if trial.close:
        return fingerprint
    return hashlib.sha256(f"{fingerprint}\0{trial.precision}".encode()).hexdigest()
