"""The towers on OpenVINO: how a model is exported for it, and how the export runs on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.towers import BackendUnavailable, BatchSizes, Inputs, unit_rows
from core.types import PixelBatch, Vectors

_T = TypeVar("_T")

_SIZES = BatchSizes(texts=32, pictures=8)

_GROUP = 256
"""Numbers of an activation that share one scale in int8: 256 is about as fast as one scale
for each row, and keeps outliers of other channels out."""

_LARGE_MATRIX = 1024
"""Weights of fewer numbers stay float32: they cost no time, and may matter much."""

_LEVELS = 127.0
"""Symmetric signed integers of eight bits: -127 to 127."""


def installed() -> bool:
    """Whether the package is there; it is not imported."""
    return find_spec("openvino") is not None


def precisions() -> tuple[str, ...]:
    """What this CPU computes in by itself. Loads OpenVINO."""
    import openvino  # noqa: PLC0415  # optional

    able = _apart(lambda: openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    half = ("bfloat16",) if "BF16" in able else ()
    return ("float32", *half, *(("int8",) if "INT8" in able else ()))


class OpenVinoTowers:
    """Both towers, compiled for the CPU (``core.towers.Towers``).

    Args:
        folder: what :func:`export` wrote, in int8 for that precision.
        precision: one of :func:`precisions`.
        threads: CPU threads; None: as OpenVINO finds best.

    Raises BackendUnavailable where OpenVINO cannot run the export.
    """

    backend = "openvino"
    device = "cpu"
    sizes = _SIZES

    def __init__(self, folder: Path, precision: str, threads: int | None) -> None:
        import openvino  # noqa: PLC0415  # optional

        self.precision = precision
        half = precision != "float32" and "bfloat16" in precisions()
        options: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            # Without it OpenVINO takes bfloat16 wherever the CPU has it.
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP if precision == "int8" else 0,
        }
        if threads:
            options["INFERENCE_NUM_THREADS"] = threads

        def compiled() -> list[Any]:
            core = openvino.Core()
            return [
                core.compile_model(core.read_model(folder / f"{name}.xml"), "CPU", options)
                for name in ("pictures", "texts")
            ]

        try:
            self._pictures, self._texts = _apart(compiled)
        except RuntimeError as error:
            raise BackendUnavailable(
                f"OpenVINO cannot run this model ({_cause(error)}).",
                remedy="Set the encoder's backend to torch.",
            ) from error
        self._names = [port.get_any_name() for port in self._texts.inputs]
        self._requests = (self._pictures.create_infer_request(), self._texts.create_infer_request())

    def texts(self, inputs: Inputs) -> NDArray[Any]:
        """The vectors of n texts, of any length."""
        return self._run(self._requests[1], {name: inputs[name] for name in self._names})

    def pictures(self, pixels: PixelBatch) -> NDArray[Any]:
        """The vectors of n pictures, of any length."""
        return self._run(self._requests[0], {0: np.ascontiguousarray(pixels)})

    def gather(self, parts: Sequence[NDArray[Any]]) -> Vectors:
        """All vectors of these parts."""
        return unit_rows(np.concatenate(list(parts)))

    def release(self) -> None:
        """Buffers go with the next batch: OpenVINO sizes them anew."""

    @staticmethod
    def _run(request: Any, inputs: Mapping[Any, NDArray[Any]]) -> NDArray[Any]:
        # Ours are read only, and nobody changes them before the end: no copy is needed.
        try:
            found = request.infer(inputs, share_inputs=True)[0]
        except RuntimeError as error:
            raise RuntimeError(_cause(error)) from error
        return np.array(found)


def export(
    towers: Sequence[tuple[Any, Mapping[str, Any], str]], folder: Path, *, int8: bool
) -> None:
    """Write ``towers`` to ``folder``.

    Each is its module, example tensors by input name, and ``pictures`` or ``texts``.
    ``int8`` stores the weights of linear layers as eight-bit integers with one scale for each
    output, and lets OpenVINO round activations by rows while it runs: what shares a batch
    does not change a vector, and nothing has to be calibrated.

    Raises BackendUnavailable where OpenVINO does not understand the model.
    """
    import openvino  # noqa: PLC0415  # optional
    from openvino.frontend import FrontEndManager  # noqa: PLC0415
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415

    # Not openvino.convert_model: that one reports its use to its makers.
    frontend = FrontEndManager().load_by_framework("pytorch")
    for module, example, name in towers:
        try:
            decoder = TorchScriptPythonDecoder(module, example_input=tuple(example.values()))
            model = frontend.convert(frontend.load(decoder))
            _name_inputs(model, example)
            if int8:
                _quantise(model)
            openvino.save_model(model, folder / f"{name}.xml", compress_to_fp16=False)
        except Exception as error:
            raise BackendUnavailable(
                f"OpenVINO does not understand this model ({_cause(error)}).",
                remedy="Set the encoder's backend to torch.",
            ) from error


def _name_inputs(model: Any, example: Mapping[str, Any]) -> None:
    """Inputs by the model's own names; the first axis, and the second of texts, may be any."""
    import openvino  # noqa: PLC0415  # optional

    for port, (name, tensor) in zip(model.inputs, example.items(), strict=True):
        port.get_tensor().set_names({name})
        free = tensor.ndim if tensor.ndim == 2 else 1  # noqa: PLR2004  # [n, length]
        shape = [-1] * free + list(tensor.shape[free:])
        port.get_node().set_partial_shape(openvino.PartialShape(shape))
    model.validate_nodes_and_infer_types()


def _quantise(model: Any) -> None:
    from openvino import opset13 as ops  # noqa: PLC0415  # optional

    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul":
            continue
        source = node.input_value(1).get_node()
        if source.get_type_name() != "Constant" or source.data.ndim != 2:  # noqa: PLR2004  # a matrix
            continue
        weights = source.data.astype(np.float32)
        if weights.size < _LARGE_MATRIX:
            continue
        inner = 1 if node.get_attributes()["transpose_b"] else 0
        scale = np.abs(weights).max(axis=inner, keepdims=True) / _LEVELS
        scale[scale == 0] = 1.0
        integers = ops.convert(ops.constant(np.round(weights / scale).astype(np.int8)), "f32")
        scaled = ops.multiply(integers, ops.constant(scale))
        node.input(1).replace_source_output(scaled.output(0))
    model.validate_nodes_and_infer_types()


def _apart(call: Callable[[], _T]) -> _T:
    """What the call returns, in a thread that ends with it.

    OpenVINO's plugin for CPUs gives the thread that loads it a stack for signals
    (sigaltstack(2)), and takes that memory back from whichever thread drops the plugin. Were it
    the main thread that loaded it, the next SIGTERM could end the program without a word.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def _cause(error: Exception) -> str:
    """What went wrong: OpenVINO says where it was noticed first, and the cause in the last line."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
