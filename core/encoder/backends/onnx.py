"""The towers on ONNX Runtime: how a model is exported for it, and how the export runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.types import PixelBatch, Vectors
from core.encoder.backends.base import BackendUnavailable, BatchSizes, Inputs, unit_rows
from core.encoder.backends.sequence_packing import TextPacking
from core.encoder.hub import first_line

_SIZES = BatchSizes(texts=32, pictures=8)

_OPSET = 18
"""The newest that torch's exporter by tracing is tested with as of torch 2.13."""


_AXES = dict.fromkeys(("ids", "places", "texts"), "tokens")
"""What the first axis of an input counts, where that is not the items: of packed texts."""


def installed() -> bool:
    """Whether the package is there; it is not imported."""
    return find_spec("onnxruntime") is not None


class OnnxTowers:
    """Both towers in float32 on the CPU (``core.encoder.backends.base.Towers``).

    Its integers of eight bits would share one scale over a whole batch, so that a vector
    depended on what else was asked at the time: they are not offered.

    Args:
        folder: what :func:`export` wrote.
        threads: CPU threads; None: as ONNX Runtime finds best.
        packing: how texts go into one row, where the export takes them so.

    Raises BackendUnavailable where ONNX Runtime cannot run the export.
    """

    backend = "onnx"
    precision = "float32"
    device = "cpu"

    def __init__(
        self, folder: Path, threads: int | None, packing: TextPacking | None = None
    ) -> None:
        import onnxruntime  # noqa: PLC0415  # optional

        self._packing = packing
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads that wait for the next question must not burn what decoders could use.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads:
            options.intra_op_num_threads = threads
        try:
            self._pictures, self._texts = (
                onnxruntime.InferenceSession(
                    str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
                )
                for name in ("pictures", "texts")
            )
        except Exception as error:  # its errors have no common class of their own
            raise BackendUnavailable(
                f"ONNX Runtime cannot run this model ({first_line(error)}).",
                remedy="Set the encoder's backend to torch.",
            ) from error
        self._names = [port.name for port in self._texts.get_inputs()]
        self._pixels = self._pictures.get_inputs()[0].name

    @property
    def sizes(self) -> BatchSizes:
        return replace(_SIZES, packed=self._packing is not None)

    def texts(self, inputs: Inputs) -> NDArray[Any]:
        rows = [inputs] if self._packing is None else self._packing.pack(inputs)
        named = ({name: row[name] for name in self._names} for row in rows)
        return np.concatenate([self._run(self._texts, arrays) for arrays in named])

    def pictures(self, pixels: PixelBatch) -> NDArray[Any]:
        return self._run(self._pictures, {self._pixels: np.ascontiguousarray(pixels)})

    def gather(self, parts: Sequence[NDArray[Any]]) -> Vectors:
        return unit_rows(np.concatenate(list(parts)))

    def release(self) -> None:
        """Its arena keeps the largest batch that fitted; the next ones are smaller."""

    @staticmethod
    def _run(session: Any, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        try:
            found: NDArray[Any] = session.run(None, dict(inputs))[0]
        except MemoryError:
            raise
        except Exception as error:
            # None of its own errors is a RuntimeError, which the encoder takes for one.
            raise RuntimeError(first_line(error)) from error
        return found


def export(towers: Sequence[tuple[Any, Mapping[str, Any], str]], folder: Path) -> None:
    """Write ``towers`` to ``folder``.

    Each is its module, example tensors by input name, and ``pictures`` or ``texts``.
    Raises BackendUnavailable where the model cannot be said in ONNX.
    """
    import torch  # noqa: PLC0415  # exporting is torch's work

    for module, example, name in towers:
        axes = {
            label: {
                0: _AXES.get(label, "items"),
                **({1: "length"} if tensor.ndim == 2 else {}),  # noqa: PLR2004  # [n, length]
            }
            for label, tensor in example.items()
        }
        try:
            torch.onnx.export(
                module.eval(),
                tuple(example.values()),
                folder / f"{name}.onnx",
                input_names=list(example),
                output_names=["vectors"],
                dynamic_axes={**axes, "vectors": {0: "items"}},
                opset_version=_OPSET,
                dynamo=False,
            )
        except Exception as error:
            raise BackendUnavailable(
                f"This model cannot be exported to ONNX ({first_line(error)}).",
                remedy="Set the encoder's backend to torch.",
            ) from error
