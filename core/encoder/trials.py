"""Ways to run one model, compared when it is loaded: how close, how fast, and what they find.

Whatever runs inside, vectors of one model may only share an index where they say the same.
The bar is a cosine of :data:`CLOSE` to what torch computes in float32; a model that cannot
keep it in some precision is another model as far as an index goes (see :func:`identify`).
Eight-bit integers have to pass a second bar, on the pictures that are searched: :data:`AGREES`.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.types import PixelBatch, PixelSpec, Vectors
from core.encoder.choice import BackendTrial

_ROUNDS = 5
_SECONDS = 1.5
"""No further round begins after so long: the probe delays the start, if only the first."""

_TEXTS = (
    "dog",
    "a photo of two small dogs on a green chair",
    "an old map of the harbour, drawn by hand, with ships, towers and a compass in a corner",
)
_PICTURES = 8
_TIMED_PICTURES = 2


class Encodes(Protocol):
    """What a trial asks of an encoder (a part of ``core.domain.ports.Encoder``)."""

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size of pictures."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors [n, d]."""

    def encode_images(self, pixels: PixelBatch) -> Vectors:
        """Unit vectors [n, d]."""


@dataclass(frozen=True, slots=True)
class SearchCheck:
    """A look at what is found among the pictures that will be searched.

    ``overlap`` takes a candidate and the reference and returns the share in [0, 1] of the
    ten best results that both find; it raises EncodingFailed. ``subject`` names what is
    searched: another one is looked at anew.
    """

    subject: str
    overlap: Callable[[Encodes, Encodes], float]


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
) -> BackendTrial:
    """Run both on the built-in probe, in turn. Raises EncodingFailed.

    Eight pictures and three texts tell how close they are; two of the pictures and the texts,
    at most five times and none begun after one and a half seconds, how fast.
    """
    pixels = probe_pixels(reference.pixel_spec)
    kinds: tuple[Callable[[Encodes, int], Vectors], ...] = (
        lambda encoder, _: encoder.encode_texts(_TEXTS),
        lambda encoder, count: encoder.encode_images(pixels[:count]),
    )
    shortest = [[math.inf, math.inf] for _ in kinds]
    # These runs are not timed: what they make ready (kernels, buffers) is not speed.
    cosine = min(
        float((run(reference, _PICTURES) * run(candidate, _PICTURES)).sum(axis=1).min())
        for run in kinds
    )
    start = clock()
    for done in range(_ROUNDS):
        if done and clock() - start > _SECONDS:
            break
        for run, best in zip(kinds, shortest, strict=True):
            for side, encoder in enumerate((reference, candidate)):
                began = clock()
                run(encoder, _TIMED_PICTURES)
                best[side] = min(best[side], clock() - began)
    texts, pictures = (theirs / max(ours, 1e-9) for theirs, ours in shortest)
    return BackendTrial(backend, precision, cosine, texts, pictures)


def identify(fingerprint: str, trial: BackendTrial) -> str:
    """The fingerprint of a model that runs this way.

    The same where the vectors are close enough to stand in one index: who moves to another
    machine keeps the index. Another one where they are not.
    """
    if trial.close:
        return fingerprint
    way = trial.precision if trial.backend == "torch" else f"{trial.backend}\0{trial.precision}"
    return hashlib.sha256(f"{fingerprint}\0{way}".encode()).hexdigest()


BEST = 10
"""Results compared for each query: as many as a page can show."""

_BLOCK = 256
"""Queries compared at once, which bounds memory."""


def overlap(
    reference: tuple[Vectors, Vectors], candidate: tuple[Vectors, Vectors], best: int = BEST
) -> float:
    """The mean share in [0, 1] of the ``best`` pictures of a query that both find.

    Each side is its pictures, float32 [n, d], and its queries in texts, float32 [m, d], in the
    same order on both sides. The pictures are queries as well, without finding themselves.
    Raises ValueError where there are no more than ``best`` pictures: everything would agree.
    """
    pictures = len(reference[0])
    if pictures <= best:
        raise ValueError(f"{pictures} pictures are too few to compare the {best} best")
    shares = [
        _shares(reference[0], candidate[0], reference[side], candidate[side], best, own=side == 0)
        for side in (0, 1)
        if len(reference[side])
    ]
    # Texts and pictures count the same, however many there are of each.
    return float(np.mean([share.mean() for share in shares]))


def _shares(
    mine: Vectors,
    theirs: Vectors,
    my_queries: Vectors,
    their_queries: Vectors,
    best: int,
    *,
    own: bool,
) -> NDArray[np.float64]:
    found = []
    for start in range(0, len(my_queries), _BLOCK):
        stop = start + _BLOCK
        ours = _best(mine, my_queries[start:stop], best, start if own else None)
        others = _best(theirs, their_queries[start:stop], best, start if own else None)
        found.append((ours[:, :, None] == others[:, None, :]).any(axis=2).mean(axis=1))
    return np.concatenate(found)


def _best(pictures: Vectors, queries: Vectors, best: int, first: int | None) -> NDArray[np.int64]:
    scores = queries @ pictures.T
    if first is not None:
        rows = np.arange(len(queries))
        scores[rows, first + rows] = -np.inf
    return np.argpartition(-scores, best, axis=1)[:, :best].astype(np.int64)
