"""A dual encoder with its projection heads taken off: features in front of them, heads back on."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.domain.errors import NoHead, SourceError
from core.domain.types import PixelBatch, PixelSpec
from core.encoder.hub import find_checkpoint
from core.encoder.model import choose_device, load_model, temperature, text_limit
from core.encoder.preprocessor_config import read_preprocessing
from core.encoder.tokenizer import TextTokens
from core.encoder.torch_needed import need_torch
from core.encoder.transformers_logging import quiet
from core.training.heads import Heads
from core.training.tower_heads import (
    IMAGE_HEADS,
    TEXT_HEADS,
    find_head,
    read_heads,
    tapped,
    write_heads,
)
from core.training.tower_tail import TowerTail

if TYPE_CHECKING:
    from torch import Tensor

_BATCH = {"cpu": 4, "cuda": 64}
"""Pictures of one forward pass; on a CPU larger ones are slower (``core/encoder/load.py``)."""

_WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".onnx"})


class FrozenTowers:
    """A base model with frozen towers, whose linear heads are trained.

    A side whose tower does not end in a linear map without anything behind it (ALIGN's and
    SigLIP's image side) has no head here: its vectors stay as they are. Blocking.

    Args:
        base: a local folder or hub name, as ``TANGERINE_MODEL`` takes it.
        device: ``auto``, ``cpu`` or ``cuda``.
        cache_dir: the hub's cache; None: the user's own.
        threads: CPU threads of torch, for the whole process; None or 0: as torch finds best.

    Raises:
        ModelUnavailable: the model cannot be loaded.
        NoHead: it has no linear head at all.

    """

    def __init__(
        self,
        base: str | Path,
        *,
        device: str = "auto",
        cache_dir: Path | None = None,
        threads: int | None = None,
    ) -> None:
        need_torch("Training")
        import torch  # noqa: PLC0415 - heavy

        from core.encoder.backends.factory import torch_towers  # noqa: PLC0415 - heavy
        from core.encoder.encoder import TransformersEncoder  # noqa: PLC0415 - heavy

        self._device = choose_device(device)
        if threads:
            torch.set_num_threads(threads)
        self._checkpoint = find_checkpoint(str(base), cache_dir=cache_dir)
        folder = self._checkpoint.folder
        with quiet():
            self._preprocessing = read_preprocessing(folder)
            # Pictures come as [n, h, w, 3]: convolutions that read them so are twice as fast.
            self._model: Any = load_model(self._checkpoint, torch.float32).to(
                self._device, memory_format=torch.channels_last
            )
            self._tokens = TextTokens.load(folder, text_limit(self._model))
            # It asks the model what texts have to be padded to, and whether all parts fit.
            encoder = TransformersEncoder(
                torch_towers(self._model, self._preprocessing),
                self._tokens,
                self._preprocessing.spec,
                name=str(base),
                fingerprint="",
                temperature=temperature(self._model),
            )
        self._pads_to_longest = encoder.pads_to_longest
        self._model.requires_grad_(requires_grad=False)
        spec = self.pixel_spec
        nothing = torch.zeros(1, 3, spec.height, spec.width, device=self._device)
        self._image_head = find_head(
            self._model,
            IMAGE_HEADS,
            lambda: self._model.get_image_features(pixel_values=nothing),
        )
        self._text_head = find_head(
            self._model,
            TEXT_HEADS,
            lambda: self._model.get_text_features(**self._text_inputs(["a"])),
        )
        if self._image_head is None and self._text_head is None:
            raise NoHead(
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
        return read_heads(self._model, self._image_head, self._text_head)

    def digest(self) -> str:
        """SHA-256 (hex) over all that features depend on: towers, preprocessing, tokenizer.

        Not over the heads, and so a model whose heads were trained shares its base's features.
        """
        total = hashlib.sha256(f"{self._device.type}\n".encode())
        heads = {id(weight) for weight in self._head_weights()}
        for name, tensor in sorted(self._model.state_dict(keep_vars=True).items()):
            if id(tensor) not in heads:
                total.update(f"{name} {tuple(tensor.shape)}\n".encode())
                total.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        total.update(json.dumps(self._preprocessing.describe(), sort_keys=True).encode())
        for path in sorted(self._checkpoint.folder.iterdir()):
            if path.name.startswith(("tokenizer", "vocab", "merges", "spiece", "sentencepiece")):
                total.update(path.read_bytes())
        return total.hexdigest()

    def image_features(self, pixels: PixelBatch) -> Tensor:
        """What the image head gets for pictures uint8 [n, h, w, 3]: float32 [n, f], CPU."""
        return self._by_batches(
            pixels,
            lambda values: tapped(
                self._image_head, lambda: self._model.get_image_features(pixel_values=values)
            ),
        )

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """What the text head gets: float32 [n, f], on the CPU."""
        import torch  # noqa: PLC0415 - heavy

        inputs = self._text_inputs(texts)
        with torch.inference_mode():
            found = tapped(self._text_head, lambda: self._model.get_text_features(**inputs))
        return _usable(found)

    def tail(self, blocks: int) -> TowerTail:
        """The image tower's last blocks, to be trained too. Raises ModelUnavailable."""
        spec = self.pixel_spec
        return TowerTail(
            self._model, self._image_head, blocks, height=spec.height, width=spec.width
        )

    def recorded(self, tail: TowerTail, pixels: PixelBatch) -> Tensor:
        """What the tail gets for pictures uint8 [n, h, w, 3]: float32 [n, …], CPU."""
        return self._by_batches(pixels, tail.record)

    def save(self, heads: Heads, out: Path, notes: Mapping[str, str] | None = None) -> None:
        """Write the checkpoint with these heads into ``out``, which appears whole or not at all.

        Everything else is as it is now: as in the base model, but for blocks that a tail has
        trained. The precision is that of the base model. ``notes`` are further files, by name.

        Raises:
            SourceError: ``out`` holds something already, or cannot be written.

        """
        refuse_filled(out)
        write_heads(self._model, self._image_head, self._text_head, heads)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=".checkpoint-") as scratch:
                part = Path(scratch) / "checkpoint"
                part.mkdir()
                self._copy_companions(part)
                self._save_weights(part)
                for name, content in (notes or {}).items():
                    (part / name).write_text(content, encoding="utf-8")
                if out.is_dir():
                    out.rmdir()
                part.rename(out)
        except OSError as error:
            raise SourceError(
                f"The checkpoint cannot be written to {out}: {error.strerror or error}.",
                remedy="Name a folder that can be written, with room for the model.",
            ) from error

    def _copy_companions(self, part: Path) -> None:
        """Copy the tokenizer, the preprocessing and all other files but the weights."""
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

    def _text_inputs(self, texts: Sequence[str]) -> dict[str, Tensor]:
        import torch  # noqa: PLC0415 - heavy

        rows = self._tokens.tokenize(texts)
        tokens = self._tokens
        length = tokens.shared_length(rows) if self._pads_to_longest else tokens.max_length
        arrays = tokens.pad(rows, length)
        return {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}

    def _by_batches(self, pixels: PixelBatch, forward: Callable[[Tensor], Tensor]) -> Tensor:
        import torch  # noqa: PLC0415 - heavy

        scale = torch.tensor(self._preprocessing.scale).view(3, 1, 1)
        offset = torch.tensor(self._preprocessing.offset).view(3, 1, 1)
        size = _BATCH[self._device.type]
        done = []
        for start in range(0, len(pixels), size):
            batch = np.ascontiguousarray(pixels[start : start + size])
            raw = torch.from_numpy(batch).permute(0, 3, 1, 2).float()
            with torch.inference_mode():
                found = forward((raw * scale + offset).to(self._device))
            done.append(_usable(found))
        return torch.cat(done)

    def _head_weights(self) -> Iterator[Tensor]:
        for head in (self._image_head, self._text_head):
            if head is not None:
                yield from head.parameters()
        for name in ("logit_scale", "logit_bias"):
            if getattr(self._model, name, None) is not None:
                yield getattr(self._model, name)
        yield from getattr(self._model, "made_of_heads", ())


def _usable(features: Tensor) -> Tensor:
    """On the CPU, and outside of inference mode, so that training may use it."""
    return features.float().cpu().clone()


def refuse_filled(out: Path) -> None:
    """Raises SourceError where ``out`` is a file, or a folder that holds something."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SourceError(
            f"{out} exists already.", remedy="Name another folder, or remove this one."
        )
