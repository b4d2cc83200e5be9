"""The towers on torch: the modules that every backend is made from, and torch's own way.

The one module that imports torch at the top: classes of modules need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.dual_model import features
from core.processor_config import Preprocessing
from core.towers import BatchSizes, Inputs, Towers
from core.types import PixelBatch, PixelSpec, Vectors

_CPU_SIZES = BatchSizes(texts=32, pictures=4)
"""On a CPU larger batches are slower: EfficientNet-Lite0 does 46 pictures a second in fours
and 16 in sixteens, ViT-B/32 gains nothing after four (one core each)."""


class PictureTower(torch.nn.Module):
    """Pixels, uint8 [n, h, w, 3], to features [n, d] of any length."""

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        numbers = {"dtype": torch.float32, "device": model.device}
        scale = torch.tensor(preprocessing.scale, **numbers).view(3, 1, 1)
        offset = torch.tensor(preprocessing.offset, **numbers).view(3, 1, 1)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalised in float32, whatever the tower computes in."""
        values = pixels.permute(0, 3, 1, 2).float() * self.scale + self.offset
        values = values.to(self.model.dtype)
        found: torch.Tensor = features(self.model.get_image_features(pixel_values=values))
        return found


class TextTower(torch.nn.Module):
    """Token arrays, int64 [n, length], to features [n, d] of any length.

    ``names`` are the model's own names of the arrays, in the order in which they are given.
    """

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.names = tuple(names)

    def forward(self, *arrays: torch.Tensor) -> torch.Tensor:
        """The model's features of the arrays."""
        inputs = dict(zip(self.names, arrays, strict=True))
        found: torch.Tensor = features(self.model.get_text_features(**inputs))
        return found


@contextmanager
def plain_pooling(model: Any, spec: PixelSpec) -> Iterator[None]:
    """Inside, averages over more than a whole picture are written as what they come to.

    transformers' EfficientNet (of ALIGN and of the embedded model) averages over windows of
    its channels' number, 1280 x 1280, and leaves it to torch to cut them to the map of 7 x 7.
    Other programs refuse such windows.
    """
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.AvgPool2d)
        and child.ceil_mode
        and isinstance(child.kernel_size, int)
        and child.kernel_size >= max(spec.height, spec.width)
    ]
    try:
        for parent, name, _ in found:
            setattr(parent, name, torch.nn.AdaptiveAvgPool2d(1))
        yield
    finally:
        for parent, name, child in found:
            setattr(parent, name, child)


class TorchTowers:
    """The towers as transformers runs them (``core.towers.Towers``), on a CPU.

    ``model`` is in eval mode, in the precision that it is to compute in.
    """

    backend = "torch"
    sizes = _CPU_SIZES

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        self._model = model
        self._pictures = PictureTower(model, preprocessing)
        self._texts: TextTower | None = None
        self.device = str(model.device)
        self.precision = str(model.dtype).removeprefix("torch.")

    def texts(self, inputs: Inputs) -> torch.Tensor:
        """Start on the vectors of n texts."""
        if self._texts is None or self._texts.names != tuple(inputs):
            self._texts = TextTower(self._model, tuple(inputs))
        with torch.inference_mode():
            return unit(self._texts(*(self._to_device(array) for array in inputs.values())))

    def pictures(self, pixels: PixelBatch) -> torch.Tensor:
        """Start on the vectors of n pictures."""
        with torch.inference_mode():
            return unit(self._pictures(self._to_device(pixels)))

    def gather(self, parts: Sequence[torch.Tensor]) -> Vectors:
        """All vectors of these parts."""
        vectors: Vectors = torch.cat(list(parts)).numpy()
        return vectors

    def release(self) -> None:
        """Nothing is held on a CPU."""

    def _to_device(self, array: NDArray[Any]) -> torch.Tensor:
        # Copied: the array may be read-only, which torch warns of.
        return torch.from_numpy(np.array(array))


def torch_towers(model: Any, preprocessing: Preprocessing) -> Towers:
    """The towers of a model that is on its device, as suits the device."""
    if model.device.type == "cuda":
        from core.cuda_towers import CudaTowers  # noqa: PLC0415  # it imports this module

        return CudaTowers(model, preprocessing)
    return TorchTowers(model, preprocessing)


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Rows of length 1 in float32; a zero vector becomes NaN, which is found later."""
    vectors = vectors.float()
    lengths: torch.Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths
