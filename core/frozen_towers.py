"""A dual encoder with its projection heads taken off: features in front of them, heads back on."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.checkpoint import find_checkpoint
from core.dual_model import choose_device, features, load_model, quiet, text_limit
from core.errors import ModelUnavailable, SourceError
from core.heads import Head, Heads
from core.processor_config import read_preprocessing
from core.tokens import TextTokens
from core.types import PixelBatch, PixelSpec

if TYPE_CHECKING:
    from torch import Tensor

_IMAGE_HEADS = ("visual_projection",)
_TEXT_HEADS = ("text_projection", "text_model.head")
"""Where dual encoders keep the linear map that ends a tower (the second is SigLIP's)."""

_SAME = 1e-4
"""Largest relative difference by which a head still is what the model's features end with."""

_WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx"})


class FrozenTowers:
    """A base model whose towers stand still while its linear heads are trained anew.

    A side whose tower does not end in a linear map without anything behind it (ALIGN's and
    SigLIP's image side) has no head here: its vectors stay as they are. Blocking.

    Args:
        base: a local folder or hub name, as ``TANGERINE_MODEL`` takes it.
        device: ``auto``, ``cpu`` or ``cuda``.
        cache_dir: the hub's cache; None: the user's own.

    Raises:
        ModelUnavailable: the model cannot be loaded, or has no linear head at all.

    """

    def __init__(
        self, base: str | Path, *, device: str = "auto", cache_dir: Path | None = None
    ) -> None:
        import torch  # noqa: PLC0415 - heavy

        from core.encoder import TransformersEncoder  # noqa: PLC0415 - heavy

        self._device = choose_device(device)
        self._checkpoint = find_checkpoint(str(base), cache_dir=cache_dir)
        folder = self._checkpoint.folder
        with quiet():
            self._preprocessing = read_preprocessing(folder)
            self._model: Any = load_model(self._checkpoint, torch.float32).to(self._device)
            self._tokens = TextTokens.load(folder, text_limit(self._model))
            # It asks the model what texts have to be padded to, and whether all parts fit.
            encoder = TransformersEncoder(
                self._model, self._tokens, self._preprocessing, name=str(base), fingerprint=""
            )
        self._pads_to_longest = encoder.pads_to_longest
        self._image_head = self._find_head(_IMAGE_HEADS)
        self._text_head = self._find_head(_TEXT_HEADS)
        if self._image_head is None and self._text_head is None:
            raise ModelUnavailable(
                f"The model {base} ends in no linear projection, so there is no head to train.",
                remedy="Train from a CLIP-like model, or from mini.",
            )

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size and fit of the pictures that :meth:`image_features` takes."""
        return self._preprocessing.spec

    @property
    def heads(self) -> Heads:
        """The heads that the base model came with, on the CPU, float32."""
        scale = getattr(self._model, "logit_scale", None)
        return Heads(
            image=_read(self._image_head),
            text=_read(self._text_head),
            logit_scale=1 / 0.07 if scale is None else math.exp(float(scale.detach())),
        )

    def image_features(self, pixels: PixelBatch) -> Tensor:
        """What the image head gets for pictures uint8 [n, h, w, 3]: float32 [n, f], CPU."""
        import torch  # noqa: PLC0415 - heavy

        scale = torch.tensor(self._preprocessing.scale).view(3, 1, 1)
        offset = torch.tensor(self._preprocessing.offset).view(3, 1, 1)
        raw = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
        values = (raw * scale + offset).to(self._device)
        return self._tapped(
            self._image_head, lambda: self._model.get_image_features(pixel_values=values)
        )

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """What the text head gets: float32 [n, f], on the CPU."""
        inputs = self._text_inputs(texts)
        return self._tapped(self._text_head, lambda: self._model.get_text_features(**inputs))

    def save(self, heads: Heads, out: Path) -> None:
        """Write the checkpoint with these heads into ``out``, which appears whole or not at all.

        Everything else is as in the base model, its precision too.

        Raises:
            SourceError: ``out`` holds something already, or cannot be written.

        """
        refuse_filled(out)
        _write(self._image_head, heads.image)
        _write(self._text_head, heads.text)
        # SigLIP's scale belongs to its bias, which softmax training knows nothing of.
        if hasattr(self._model, "logit_scale") and not hasattr(self._model, "logit_bias"):
            self._model.logit_scale.data.fill_(math.log(heads.logit_scale))
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=".checkpoint-") as scratch:
                part = Path(scratch) / "checkpoint"
                part.mkdir()
                self._copy_companions(part)
                self._save_weights(part)
                if out.is_dir():
                    out.rmdir()
                part.rename(out)
        except OSError as error:
            raise SourceError(
                f"The checkpoint cannot be written to {out}: {error.strerror or error}.",
                remedy="Name a folder that can be written, with room for the model.",
            ) from error

    def _copy_companions(self, part: Path) -> None:
        """Tokenizer, preprocessing and whatever else is no weights."""
        for path in sorted(self._checkpoint.folder.iterdir()):
            if path.is_file() and path.suffix not in _WEIGHT_SUFFIXES and "index" not in path.name:
                shutil.copyfile(path, part / path.name)

    def _save_weights(self, part: Path) -> None:
        import torch  # noqa: PLC0415 - heavy

        config = json.loads((self._checkpoint.folder / "config.json").read_text(encoding="utf-8"))
        name = config.get("dtype") or config.get("torch_dtype") or "float32"
        dtype = getattr(torch, str(name).removeprefix("torch."), torch.float32)
        with quiet():
            self._model.to(dtype).save_pretrained(part)
            for weights in part.glob("*.safetensors"):
                weights.chmod(0o644)  # safetensors lets only the owner read
            self._model.float()

    def _find_head(self, names: Sequence[str]) -> Any:
        """The linear module that the side's features end with; None where there is none."""
        import torch  # noqa: PLC0415 - heavy

        modules = dict(self._model.named_modules())
        for name in names:
            module = modules.get(name)
            if isinstance(module, torch.nn.Linear) and self._ends_in(module, names):
                return module
        return None

    def _ends_in(self, module: Any, names: Sequence[str]) -> bool:
        """Whether a side's vectors are this module's output, asked of the model itself."""
        import torch  # noqa: PLC0415 - heavy

        spec = self.pixel_spec
        outputs: list[Any] = []
        hook = module.register_forward_hook(lambda _module, _inputs, out: outputs.append(out))
        try:
            with torch.inference_mode():
                if names is _IMAGE_HEADS:
                    size = (1, 3, spec.height, spec.width)
                    values = torch.zeros(size, device=self._device)
                    found = self._model.get_image_features(pixel_values=values)
                else:
                    found = self._model.get_text_features(**self._text_inputs(["a"]))
        finally:
            hook.remove()
        vectors = features(found)
        return bool(
            len(outputs) == 1
            and outputs[0].shape == vectors.shape
            and torch.allclose(_unit(outputs[0]), _unit(vectors), atol=_SAME)
        )

    def _text_inputs(self, texts: Sequence[str]) -> dict[str, Tensor]:
        import torch  # noqa: PLC0415 - heavy

        rows = self._tokens.tokenize(texts)
        tokens = self._tokens
        length = tokens.shared_length(rows) if self._pads_to_longest else tokens.max_length
        arrays = tokens.pad(rows, length)
        return {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}

    def _tapped(self, head: Any, forward: Any) -> Tensor:
        """What goes into the head during the forward pass; without a head, what comes out."""
        import torch  # noqa: PLC0415 - heavy

        taken: list[Tensor] = []
        hook = None
        if head is not None:
            hook = head.register_forward_pre_hook(lambda _module, args: taken.append(args[0]))
        try:
            with torch.inference_mode():
                vectors = features(forward())
        finally:
            if hook is not None:
                hook.remove()
        # A clone leaves inference mode behind, so that training may use it.
        found: Tensor = (taken[0] if taken else vectors).float().cpu().clone()
        return found


def refuse_filled(out: Path) -> None:
    """Raises SourceError where ``out`` is a file, or a folder that holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SourceError(
            f"{out} exists already.", remedy="Name another folder, or remove this one."
        )


def _read(module: Any) -> Head | None:
    if module is None:
        return None
    bias = None if module.bias is None else module.bias.detach().float().cpu().clone()
    return Head(module.weight.detach().float().cpu().clone(), bias)


def _write(module: Any, head: Head | None) -> None:
    if module is None or head is None:
        return
    module.weight.data.copy_(head.weight)
    if module.bias is not None and head.bias is not None:
        module.bias.data.copy_(head.bias)


def _unit(vectors: Tensor) -> Tensor:
    from torch.nn.functional import normalize  # noqa: PLC0415 - heavy

    return normalize(vectors.float(), dim=-1)
