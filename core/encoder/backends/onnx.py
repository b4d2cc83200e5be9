"""The towers on ONNX Runtime: how a model is exported for it, and how the export runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.types import PixelBatch, Vectors
from core.encoder.backends.base import BackendUnavailable, BatchSizes, Inputs, unit_rows
from core.encoder.backends.sequence_packing import TextPacking
from core.encoder.hub import first_line

_SIZES = BatchSizes(texts=32, pictures=4)
"""Its arena keeps what the largest batch took: 24 MB a picture of the embedded model."""

_SMALL_BYTES = 64 << 20
"""Weights of a tower that takes pictures one by one: what is read again for each of them is little.
The embedded one (25 MB) takes 16 ms a picture so and 30 in batches of four, on two threads; CLIP
ViT-B/32 (340 MB) 102 and 68 ms of processor."""

_OPSET = 18
"""The newest that torch's exporter by tracing is tested with as of torch 2.13."""


_PROVIDER = "CPUExecutionProvider"

_MAPPED_BYTES = "1024"
"""Weights from so many bytes on stand in a file beside the graph, which is mapped and not read."""

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
        late: open each tower when it is first used.

    Raises BackendUnavailable where ONNX Runtime cannot run the export: ``late`` only then.
    """

    backend = "onnx"
    precision = "float32"
    device = "cpu"

    def __init__(
        self,
        folder: Path,
        threads: int | None,
        packing: TextPacking | None = None,
        *,
        late: bool = False,
    ) -> None:
        self._folder, self._threads, self._packing = folder, threads, packing
        if not late:
            self._pictures, self._texts  # noqa: B018  # opened

    @cached_property
    def _pictures(self) -> Any:
        return self._opened("pictures")

    @cached_property
    def _texts(self) -> Any:
        return self._opened("texts")

    @cached_property
    def _names(self) -> list[str]:
        return [port.name for port in self._texts.get_inputs()]

    def _opened(self, name: str) -> Any:
        import onnxruntime  # noqa: PLC0415  # optional

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads that wait for the next question must not burn what decoders could use.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if self._threads:
            options.intra_op_num_threads = self._threads
        try:
            return onnxruntime.InferenceSession(
                str(self._folder / f"{name}.onnx"), options, providers=[_PROVIDER]
            )
        except Exception as error:  # its errors have no common class of their own
            raise BackendUnavailable(
                f"ONNX Runtime cannot run this model ({first_line(error)}).",
                remedy="Set the encoder's backend to torch.",
            ) from error

    @property
    def sizes(self) -> BatchSizes:
        weights = sum(each.stat().st_size for each in self._folder.glob("pictures.*"))
        pictures = 1 if weights < _SMALL_BYTES else _SIZES.pictures
        return replace(_SIZES, pictures=pictures, packed=self._packing is not None)

    def texts(self, inputs: Inputs) -> NDArray[Any]:
        rows = [inputs] if self._packing is None else self._packing.pack(inputs)
        named = ({name: row[name] for name in self._names} for row in rows)
        return np.concatenate([self._run(self._texts, arrays) for arrays in named])

    def pictures(self, pixels: PixelBatch) -> NDArray[Any]:
        name = self._pictures.get_inputs()[0].name
        return self._run(self._pictures, {name: np.ascontiguousarray(pixels)})

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
    The graph is written as ONNX Runtime simplifies it, which then opens in half the time.
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
                folder / f"{name}.traced",
                input_names=list(example),
                output_names=["vectors"],
                dynamic_axes={**axes, "vectors": {0: "items"}},
                opset_version=_OPSET,
                dynamo=False,
            )
            _simplify(folder, name)
        except Exception as error:
            raise BackendUnavailable(
                f"This model cannot be exported to ONNX ({first_line(error)}).",
                remedy="Set the encoder's backend to torch.",
            ) from error


def _simplify(folder: Path, name: str) -> None:
    import onnxruntime  # noqa: PLC0415  # optional

    traced, levels = folder / f"{name}.traced", onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # What only this processor gains from is left to whoever opens it.
    options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / f"{name}.onnx")
    beside = "session.optimized_model_external_initializers"
    options.add_session_config_entry(f"{beside}_file_name", f"{name}.bin")
    options.add_session_config_entry(f"{beside}_min_size_in_bytes", _MAPPED_BYTES)
    onnxruntime.InferenceSession(str(traced), options, providers=[_PROVIDER])
    # Of a model beyond 2 GiB torch has written the tensors beside it, a file each.
    for path in folder.iterdir():
        if path.suffix not in {".onnx", ".bin"}:
            path.unlink()
