"""The towers on OpenVINO: how a model is exported for it, and how the export runs on a CPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.domain.types import PixelBatch, Vectors
from core.encoder.backends.base import BackendUnavailable, BatchSizes, Inputs, unit_rows
from core.encoder.backends.sequence_packing import TextPacking

_T = TypeVar("_T")

_SIZES = BatchSizes(texts=32, pictures=8)

_STEP = 16
"""Packed tokens are rounded up to it: every number of them is a shape that OpenVINO chooses
its kernels for anew (some 15 ms for ViT-B/32), and 7 more tokens of 180 cost nothing that shows."""

_GROUPS = (384, 256, 192, 128, 64)
"""Numbers of an activation that may share one scale in int8; the first is taken that divides
the rows of most weights. Layers that it does not divide are computed in more than eight bits,
which took the embedded model's texts 1.4 times as long with 256. One scale for a whole row of
768 gains another 2 %, but lets an outlier coarsen all of it."""

_GROUP = "activation_group"
"""Where an export in int8 keeps which of them suits it."""

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
    """Both towers, compiled for the CPU (``core.encoder.backends.base.Towers``).

    Args:
        folder: what :func:`export` wrote, in int8 for that precision.
        precision: one of :func:`precisions`.
        threads: CPU threads; None: as OpenVINO finds best.
        packing: how texts go into one row, where the export takes them so.
        late: open each tower when it is first used.

    Raises BackendUnavailable where OpenVINO cannot run the export: ``late`` only then.
    """

    backend = "openvino"
    device = "cpu"

    def __init__(
        self,
        folder: Path,
        precision: str,
        threads: int | None,
        packing: TextPacking | None = None,
        *,
        late: bool = False,
    ) -> None:
        self._folder, self._threads, self._packing = folder, threads, packing
        self.precision = precision
        if not late:
            self._pictures, self._texts  # noqa: B018  # opened

    @cached_property
    def _pictures(self) -> Any:
        return self._opened("pictures").create_infer_request()

    @cached_property
    def _texts(self) -> Any:
        return self._opened("texts").create_infer_request()

    @cached_property
    def _names(self) -> set[str]:
        # Beside ours OpenVINO keeps names of what it has folded into an input.
        inputs = self._texts.model_inputs
        return {name for port in inputs for name in port.get_names()}

    def _opened(self, name: str) -> Any:
        import openvino  # noqa: PLC0415  # optional

        half = self.precision != "float32" and "bfloat16" in precisions()
        options: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            # Without it OpenVINO takes bfloat16 wherever the CPU has it.
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        }
        if self._threads:
            options["INFERENCE_NUM_THREADS"] = self._threads

        def compiled() -> Any:
            core = openvino.Core()
            model = core.read_model(self._folder / f"{name}.xml")
            return core.compile_model(model, "CPU", {**options, **_grouping(model)})

        try:
            return _apart(compiled)
        except RuntimeError as error:
            raise BackendUnavailable(
                f"OpenVINO cannot run this model ({_cause(error)}).",
                remedy="Set the encoder's backend to torch.",
            ) from error

    @property
    def sizes(self) -> BatchSizes:
        return replace(_SIZES, packed=self._packing is not None)

    def texts(self, inputs: Inputs) -> NDArray[Any]:
        rows = [inputs] if self._packing is None else self._packing.pack(inputs, _STEP)
        named = ({name: row[name] for name in row if name in self._names} for row in rows)
        return np.concatenate([self._run(self._texts, arrays) for arrays in named])

    def pictures(self, pixels: PixelBatch) -> NDArray[Any]:
        return self._run(self._pictures, {0: np.ascontiguousarray(pixels)})

    def gather(self, parts: Sequence[NDArray[Any]]) -> Vectors:
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
    does not change a vector, and nothing has to be calibrated. Modules that say ``in_float32``
    keep theirs.

    Raises BackendUnavailable where OpenVINO does not understand the model.
    """
    import openvino  # noqa: PLC0415  # optional
    from openvino.frontend import FrontEndManager  # noqa: PLC0415
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415

    # Not openvino.convert_model: that one reports its use to its makers.
    frontend = FrontEndManager().load_by_framework("pytorch")
    for module, example, name in towers:
        try:
            # Not traced a second time to compare: what is exported is compared with torch itself.
            decoder = TorchScriptPythonDecoder(
                module,
                example_input=tuple(example.values()),
                trace_kwargs={"check_trace": False},
            )
            model = frontend.convert(frontend.load(decoder))
            _name_inputs(model, example)
            if int8:
                _quantise(model, _kept_in_float32(module))
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


def _grouping(model: Any) -> dict[str, int]:
    """How activations are rounded while this export runs; not at all but in int8."""
    group = int(model.get_rt_info(_GROUP).astype(int)) if model.has_rt_info(_GROUP) else 0
    return {"DYNAMIC_QUANTIZATION_GROUP_SIZE": group}


def _kept_in_float32(module: Any) -> tuple[str, ...]:
    """What the names of nodes begin with that were made of such parts of the module."""
    return tuple(
        f"__module.{name}{behind}"
        for name, part in module.named_modules()
        if getattr(part, "in_float32", False)
        for behind in "./"
    )


def _quantise(model: Any, kept: tuple[str, ...]) -> None:
    from openvino import opset13 as ops  # noqa: PLC0415  # optional

    rows: Counter[int] = Counter()
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul" or node.get_friendly_name().startswith(kept):
            continue
        source = node.input_value(1).get_node()
        if source.get_type_name() != "Constant" or source.data.ndim != 2:  # noqa: PLR2004  # a matrix
            continue
        weights = source.data.astype(np.float32)
        if weights.size < _LARGE_MATRIX:
            continue
        inner = 1 if node.get_attributes()["transpose_b"] else 0
        rows[weights.shape[inner]] += weights.size
        scale = np.abs(weights).max(axis=inner, keepdims=True) / _LEVELS
        scale[scale == 0] = 1.0
        integers = ops.convert(ops.constant(np.round(weights / scale).astype(np.int8)), "f32")
        scaled = ops.multiply(integers, ops.constant(scale))
        node.input(1).replace_source_output(scaled.output(0))
    divided = {
        group: sum(size for width, size in rows.items() if width % group == 0) for group in _GROUPS
    }
    # Of equal ones the first, which is the largest.
    model.set_rt_info(max(_GROUPS, key=divided.__getitem__), _GROUP)
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
