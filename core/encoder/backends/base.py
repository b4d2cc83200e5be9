"""What runs the two towers of a model: one protocol, one file for each backend.

    torch_towers      torch, on a CPU or a GPU; every model runs on it
    openvino_towers   OpenVINO on a CPU, from an export of the model
    onnx_towers       ONNX Runtime on a CPU, likewise

Everything before (tokens, order, batches) and after (checks, units) is the encoder's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ModelUnavailable
from core.domain.types import PixelBatch, Vectors

Inputs = Mapping[str, NDArray[np.int64]]
"""Token arrays [n, length] by the model's own names (``input_ids``, ...)."""

PRECISIONS = ("float32", "bfloat16", "float16", "int8")


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """What suits a backend: the most items at once, and what lengths of texts to round up to.

    ``packed``: texts of any lengths are as cheap together, since none of them is padded.
    """

    texts: int
    pictures: int
    length_step: int = 1
    packed: bool = False


class Towers(Protocol):
    """Both towers of one model, ready to run. Blocking.

    On a CPU both may run at the same time, each in one thread; on a GPU only one of them.

    What the two methods return is opaque: on a GPU the work may still be going on, and only
    :meth:`gather` waits for it. Both raise RuntimeError or MemoryError where the model fails.
    """

    @property
    def backend(self) -> str:
        """``torch``, ``openvino`` or ``onnx``."""

    @property
    def precision(self) -> str:
        """One of ``PRECISIONS``."""

    @property
    def device(self) -> str:
        """Where it runs, as ``cpu`` or ``cuda:0``."""

    @property
    def sizes(self) -> BatchSizes:
        """The batches that suit it."""

    def texts(self, inputs: Inputs) -> Any:
        """Start on the vectors of n texts."""

    def pictures(self, pixels: PixelBatch) -> Any:
        """Start on the vectors of n pictures, uint8 [n, height, width, 3]."""

    def gather(self, parts: Sequence[Any]) -> Vectors:
        """All vectors of these parts: float32 [n, d], of length 1 or not finite."""

    def release(self) -> None:
        """Give memory back that is held for speed only."""


class BackendUnavailable(ModelUnavailable):
    """This model cannot be run in this way on this machine; torch can."""


def unit_rows(vectors: NDArray[Any]) -> Vectors:
    """Rows of length 1 in float32; a zero vector becomes NaN, which is found later."""
    rows = np.asarray(vectors, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
