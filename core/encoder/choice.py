"""Which way to run a model was chosen, and on what grounds: told without loading any of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

CLOSE = 0.998
"""The least cosine between two vectors of one thing that may stand in one index. Half
precision loses 1e-5 to 1e-3; near-duplicates are told from 0.97 on."""

EXACT = 0.9999
"""The least cosine of another backend in float32: it computes the same, in another order."""

AGREES = 0.95
"""The least share of the ten best results that eight-bit integers have in common with float32,
over the collection's own pictures and captions."""


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """What computes, and in which numbers."""

    backend: str
    precision: str

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}"


@dataclass(frozen=True, slots=True)
class BackendTrial:
    """How one way to run a model compares with torch in float32 on the same device.

    ``cosine`` is the lowest between the two over the probe, ``texts`` and ``pictures`` how
    many times as fast it is (the shortest of several runs of each, in turn: whatever else the
    machine does can only make a run longer). ``overlap`` is the share of the ten best results
    that both find, where that was looked at.
    """

    backend: str
    precision: str
    cosine: float
    texts: float
    pictures: float
    overlap: float | None = None

    @property
    def close(self) -> bool:
        """Whether its vectors may stand beside those of float32."""
        return self.cosine >= CLOSE

    @property
    def faster(self) -> bool:
        return min(self.texts, self.pictures) > 1

    @property
    def good(self) -> bool:
        """Whether it may be chosen without being asked for: as exact as it has to be."""
        floor = EXACT if self.precision == "float32" else CLOSE
        return self.cosine >= floor and (self.precision != "int8" or self.agrees)

    @property
    def agrees(self) -> bool:
        """Whether a search finds the same with it; never where that was not looked at."""
        return self.overlap is not None and self.overlap >= AGREES

    @property
    def gain(self) -> float:
        """How many times as fast, both towers taken together (the geometric mean)."""
        return math.sqrt(self.texts * self.pictures)


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """How the model runs, and what was measured before that was decided.

    ``trials`` are of what was compared with torch in float32; none where nothing was.
    ``refused`` says, a sentence each, what could not be used and why.
    """

    backend: str
    precision: str
    trials: tuple[BackendTrial, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def runs_from_export(self) -> bool:
        """Whether neither torch nor transformers is loaded for it, once the export is there."""
        return self.backend != "torch"

    @property
    def trial(self) -> BackendTrial | None:
        ours = (self.backend, self.precision)
        return next((t for t in self.trials if (t.backend, t.precision) == ours), None)
