"""One checkpoint, and every way in which it can run on this machine."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from core.domain.errors import ModelUnavailable
from core.encoder.backends import onnx as onnx_towers
from core.encoder.backends import openvino as openvino_towers
from core.encoder.backends.base import PRECISIONS, BackendUnavailable, Towers
from core.encoder.choice import BackendTrial, RuntimeConfig
from core.encoder.encoder import TransformersEncoder
from core.encoder.exports import LAYOUT, Exports
from core.encoder.hub import Checkpoint
from core.encoder.known import KnownEncoder
from core.encoder.model import (
    choose_dtype,
    gains_from_bfloat16,
    load_model,
    temperature,
    text_limit,
)
from core.encoder.preprocessor_config import Preprocessing
from core.encoder.serving import ExportFacts, exported_towers
from core.encoder.tokenizer import TextTokens
from core.encoder.trials import Encodes, compare

_EXAMPLE_TEXTS = ("a small dog", "an old map of the harbour, drawn by hand")

INSTALLED: Mapping[str, Callable[[], bool]] = MappingProxyType(
    {"openvino": openvino_towers.installed, "onnx": onnx_towers.installed}
)
"""Whether what each optional backend needs is there."""

_INSTALLED_BY = {"openvino": "'.[openvino]'", "onnx": "-c constraints.txt onnxruntime onnx"}

_POSSIBLE = {
    "torch": ("float32", "bfloat16", "float16"),
    "openvino": ("float32", "bfloat16", "int8"),
    "onnx": ("float32",),
}


@dataclass(frozen=True, slots=True)
class Steps:
    """What finding the best way consists of; any step can be another one.

    ``load`` takes a checkpoint and a ``torch.dtype`` and returns the model; ``gains`` says
    whether less than float32 is worth a try for a model on this machine; ``compare`` is the
    trial; ``installed`` tells of each optional backend whether it can be used.
    """

    load: Callable[[Checkpoint, Any], Any] = load_model
    gains: Callable[[Any], bool] = gains_from_bfloat16
    compare: Callable[[Encodes, Encodes, str, str], BackendTrial] = compare
    installed: Mapping[str, Callable[[], bool]] = field(default_factory=lambda: INSTALLED)


STEPS = Steps()


def usable(
    precision: str, installed: Mapping[str, Callable[[], bool]] = INSTALLED
) -> tuple[str, ...]:
    """The backends that are installed and know this precision (``auto``: any), torch first."""
    return tuple(
        name
        for name, known in _POSSIBLE.items()
        if (name not in installed or installed[name]()) and precision in ("auto", *known)
    )


def require(
    backend: str, precision: str, installed: Mapping[str, Callable[[], bool]] = INSTALLED
) -> None:
    """Raise ModelUnavailable where the two do not exist, or not together, or not here."""
    for setting, value, allowed in (
        ("backend", backend, tuple(_POSSIBLE)),
        ("precision", precision, PRECISIONS),
    ):
        if value not in ("auto", *allowed):
            raise ModelUnavailable(
                f"There is no {setting} {value}.", remedy=f"Use auto, {', '.join(allowed)}."
            )
    if backend != "auto" and precision not in ("auto", *_POSSIBLE[backend]):
        raise ModelUnavailable(
            f"The encoder's backend {backend} does not compute in {precision}.",
            remedy=f"Use auto, {', '.join(_POSSIBLE[backend])}, or set the backend to auto.",
        )
    missing = "openvino" if precision == "int8" else backend
    if missing in installed and not installed[missing]():
        raise ModelUnavailable(
            f"The encoder is to run on {missing}, which is not installed.",
            remedy=f"In Tangerine's folder run: pip install {_INSTALLED_BY[missing]}. Or set both "
            "backend and precision of the encoder to auto.",
        )


def may_check(
    backend: str, precision: str, installed: Mapping[str, Callable[[], bool]] = INSTALLED
) -> bool:
    """Whether eight-bit integers are among what is asked for, and possible here."""
    wanted = precision in {"auto", "int8"} and backend in {"auto", "openvino"}
    return wanted and installed["openvino"]()


class EncoderBuilder:
    """Builds encoders of one checkpoint: ``with Workshop(...) as workshop``.

    Args:
        checkpoint, preprocessing, digest: the model, and the SHA-256 over it.
        name: what the user calls it.
        device: a ``torch.device``; exports run on a CPU only.
        threads, max_batch: see :func:`core.encoder.load.load_encoder`.
        exports: where exports are kept; None: only until the end of the block.
        steps: how the model is loaded, and what is worth a try.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        preprocessing: Preprocessing,
        digest: str,
        *,
        name: str,
        device: Any,
        threads: int | None,
        max_batch: int | None,
        exports: Exports | None,
        steps: Steps = STEPS,
    ) -> None:
        self._checkpoint = checkpoint
        self._preprocessing = preprocessing
        self._digest = digest
        self._name = name
        self._device = device
        self._threads = threads
        self._max_batch = max_batch
        self._exports = exports
        self._steps = steps
        self._made: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def network(self) -> Any:
        """The model in float32 on its device, loaded when it is first asked for."""
        return self._load("float32")

    def precisions(self, backend: str) -> tuple[str, ...]:
        if backend == "onnx":
            return ("float32",)
        if not self._steps.gains(self.network):
            return ("float32",)
        return openvino_towers.precisions() if backend == "openvino" else ("float32", "bfloat16")

    def build(self, way: RuntimeConfig) -> TransformersEncoder:
        """The encoder that runs in this way; seconds, minutes where an export has to be made.

        Raises BackendUnavailable where this model cannot run so, and ModelUnavailable.
        """
        if way.backend == "torch":
            return self._on_torch(way.precision)
        if way.backend == "openvino" and way.precision not in openvino_towers.precisions():
            raise BackendUnavailable(
                f"OpenVINO does not compute in {way.precision} on this CPU.",
                remedy="Set the encoder's precision to auto.",
            )
        folder = self._export(way)
        facts = ExportFacts.read(folder)
        towers = exported_towers(folder, way, facts, self._threads)
        return self._encoder(towers, facts.text_limit, facts.temperature)

    def known(self, encoder: TransformersEncoder, *, checkable: bool = False) -> KnownEncoder:
        """What is to be remembered of an encoder that was built here."""
        backend = encoder.backend
        return KnownEncoder(
            identity=encoder.identity,
            pixel_spec=encoder.pixel_spec,
            device=encoder.device,
            logit_scale=encoder.logit_scale,
            packs_texts=encoder.packs_texts,
            choice=encoder.choice,
            pads_to_longest=encoder.pads_to_longest,
            export=None if backend == "torch" else self._key(backend, encoder.precision),
            checkable=checkable,
        )

    def forget_all_but(self, way: RuntimeConfig) -> None:
        """Delete what was exported in this block for other ways than this one."""
        if self._exports is None:
            return
        kept = self._key(way.backend, way.precision)
        for key in self._made - {kept}:
            self._exports.drop(key)

    def _on_torch(self, precision: str) -> TransformersEncoder:
        from core.encoder.backends.factory import torch_towers  # noqa: PLC0415  # loads torch

        network = self.network if precision == "float32" else self._load(precision)
        towers = torch_towers(network, self._preprocessing)
        return self._encoder(towers, text_limit(network), temperature(network))

    def _load(self, precision: str) -> Any:
        import torch  # noqa: PLC0415  # a slow import

        network = self._steps.load(self._checkpoint, choose_dtype(precision, self._device))
        # Pictures come as [n, h, w, 3]: convolutions that read them so are twice as fast.
        return network.to(self._device, memory_format=torch.channels_last)

    def _encoder(
        self, towers: Towers, limit: int | None, temperature: tuple[float, float]
    ) -> TransformersEncoder:
        return TransformersEncoder(
            towers,
            TextTokens.load(self._checkpoint.folder, limit),
            self._preprocessing.spec,
            name=self._name,
            fingerprint=self._digest,
            temperature=temperature,
            max_batch=self._max_batch,
        )

    def _key(self, backend: str, precision: str) -> str:
        int8 = "-int8" if precision == "int8" else ""
        return f"{self._digest[:32]}-{backend}{int8}-{LAYOUT}"

    def _export(self, way: RuntimeConfig) -> Path:
        def make(folder: Path) -> None:
            self._made.add(key)
            self._write(folder, way.backend, int8=way.precision == "int8")

        if self._exports is None:
            scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            self._exports = Exports(scratch)
        key = self._key(way.backend, way.precision)
        return self._exports.get(key, make)

    def _write(self, folder: Path, backend: str, *, int8: bool) -> None:
        import torch  # noqa: PLC0415  # a slow import

        from core.encoder.backends.torch import (  # noqa: PLC0415  # loads torch
            PictureTower,
            plain_patches,
            plain_pooling,
            text_tower,
        )

        network = self.network
        tokens = TextTokens.load(self._checkpoint.folder, text_limit(network))
        rows = tokens.tokenize(_EXAMPLE_TEXTS)
        tower, arrays, packing = text_tower(network, tokens.pad(rows, tokens.shared_length(rows)))
        texts = {name: torch.from_numpy(array) for name, array in arrays.items()}
        spec = self._preprocessing.spec
        pixels = torch.zeros((2, spec.height, spec.width, 3), dtype=torch.uint8)
        towers: Sequence[tuple[Any, Mapping[str, Any], str]] = (
            (PictureTower(network, self._preprocessing).eval(), {"pixels": pixels}, "pictures"),
            (tower.eval(), texts, "texts"),
        )
        with (
            warnings.catch_warnings(),
            torch.no_grad(),
            plain_pooling(network, spec),
            plain_patches(network, spec),
        ):
            # Tracing warns of every branch; whether one mattered is what the trial tells.
            warnings.simplefilter("ignore")
            if backend == "openvino":
                openvino_towers.export(towers, folder, int8=int8)
            else:
                onnx_towers.export(towers, folder)
        ExportFacts(
            text_limit=text_limit(network),
            text_end=packing.end if packing else None,
            temperature=temperature(network),
            tokenizer=tokens.export(folder, self._checkpoint.folder),
        ).write(folder)
