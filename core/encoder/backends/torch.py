"""The towers on torch: the modules that every backend is made from, and torch's own way.

One of the modules that import torch at the top: classes of modules need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.domain.types import PixelBatch, PixelSpec, Vectors
from core.encoder.backends.base import BatchSizes, Inputs
from core.encoder.backends.clip import ClipPictures, ClipTexts
from core.encoder.backends.sequence_packing import IDS, MASK, TextPacking
from core.encoder.model import features
from core.encoder.preprocessor_config import Preprocessing

_CPU_SIZES = BatchSizes(texts=32, pictures=4)
"""On a CPU larger batches of convolutions are slower: EfficientNet-Lite0 does 46 pictures a
second in fours and 16 in sixteens (one core each)."""

_CLIP_PICTURES = 8
"""CLIP's tower is products of matrices: in fours it reads its weights twice as often, which
costs ViT-B/32 3 % in float32 and 6 % in bfloat16."""

_COLOURS = 3


class PictureTower(torch.nn.Module):
    """Pixels, uint8 [n, h, w, 3], to features [n, d] of any length."""

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        spec = preprocessing.spec
        self.pooled = ClipPictures.of(model, spec.height, spec.width)
        numbers = {"dtype": torch.float32, "device": model.device}
        scale = torch.tensor(preprocessing.scale, **numbers).view(3, 1, 1)
        offset = torch.tensor(preprocessing.offset, **numbers).view(3, 1, 1)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalised in float32, whatever the tower computes in."""
        values = pixels.permute(0, 3, 1, 2).float() * self.scale + self.offset
        values = values.to(self.model.dtype)
        if self.pooled is not None:
            return self.pooled(values)  # type: ignore[no-any-return]  # torch's __call__
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


class Patches(torch.nn.Module):
    """A convolution whose windows neither overlap nor reach outside, as one matrix product.

    Takes and gives what ``conv`` does, for pictures of ``height`` x ``width`` pixels. Programs
    that run exports do products at twice the rate of such a convolution of three channels,
    which is 4 % of ViT-B/32 on OpenVINO in bfloat16 and 7 % in int8.
    """

    def __init__(self, conv: torch.nn.Conv2d, height: int, width: int) -> None:
        super().__init__()
        self._down, self._across = conv.kernel_size
        self._rows, self._columns = height // self._down, width // self._across
        # Under the name that transformers asks for the dtype of.
        self.weight = torch.nn.Parameter(conv.weight.detach().flatten(1), requires_grad=False)
        self.bias = conv.bias

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Values [n, channels, height, width] to [n, d, rows, columns]."""
        # What is left over at the right and at the bottom belongs to no window.
        inside = values[:, :, : self._rows * self._down, : self._columns * self._across]
        windows = inside.reshape(
            -1, _COLOURS, self._rows, self._down, self._columns, self._across
        ).permute(0, 2, 4, 1, 3, 5)
        flat = windows.flatten(3).flatten(1, 2)
        found = torch.nn.functional.linear(flat, self.weight, self.bias)
        return found.transpose(1, 2).reshape(-1, len(self.weight), self._rows, self._columns)


@contextmanager
def plain_patches(model: Any, spec: PixelSpec) -> Iterator[None]:
    """Inside, a first layer that cuts pictures into patches is a matrix product."""
    with _replaced(
        model,
        lambda child: (
            isinstance(child, torch.nn.Conv2d)
            and child.in_channels == _COLOURS
            and child.kernel_size == child.stride != (1, 1)
            and child.padding in {(0, 0), "valid"}
            and child.dilation == (1, 1)
            and child.groups == 1
        ),
        lambda child: Patches(child, spec.height, spec.width),
    ):
        yield


@contextmanager
def plain_pooling(model: Any, spec: PixelSpec) -> Iterator[None]:
    """Inside, averages over more than a whole picture are written as what they come to.

    transformers' EfficientNet (of ALIGN and of the embedded model) averages over windows of
    its channels' number, 1280 x 1280, and leaves it to torch to cut them to the map of 7 x 7.
    Other programs refuse such windows.
    """
    with _replaced(
        model,
        lambda child: (
            isinstance(child, torch.nn.AvgPool2d)
            and child.ceil_mode
            and isinstance(child.kernel_size, int)
            and child.kernel_size >= max(spec.height, spec.width)
        ),
        lambda _: torch.nn.AdaptiveAvgPool2d(1),
    ):
        yield


@contextmanager
def _replaced(
    model: Any, chosen: Callable[[Any], bool], made: Callable[[Any], torch.nn.Module]
) -> Iterator[None]:
    """Inside, what is made from them stands in place of the chosen modules."""
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if chosen(child)
    ]
    try:
        for parent, name, child in found:
            setattr(parent, name, made(child))
        yield
    finally:
        for parent, name, child in found:
            setattr(parent, name, child)


def text_tower(model: Any, inputs: Inputs) -> tuple[torch.nn.Module, Inputs, TextPacking | None]:
    """What an export of texts is made of, for token arrays such as these.

    The module, what it takes for them, and how they go into one row; None where the model's
    tower does not take them so.
    """
    clip = ClipTexts.of(model)
    if clip is None or not clip.packing.knows(inputs):
        return TextTower(model, tuple(inputs)), inputs, None
    return clip, next(clip.packing.pack(inputs)), clip.packing


class TorchTowers:
    """The towers as transformers runs them (``core.encoder.backends.base.Towers``), on a CPU.

    ``model`` is in eval mode, in the precision that it is to compute in.
    """

    backend = "torch"

    def __init__(self, model: Any, preprocessing: Preprocessing) -> None:
        self._model = model
        self._pictures = PictureTower(model, preprocessing)
        self._texts: TextTower | None = None
        self._clip = ClipTexts.of(model)
        self.device = str(model.device)
        self.precision = str(model.dtype).removeprefix("torch.")

    @property
    def sizes(self) -> BatchSizes:
        pictures = _CPU_SIZES.pictures if self._pictures.pooled is None else _CLIP_PICTURES
        return replace(_CPU_SIZES, pictures=pictures, packed=self._clip is not None)

    def texts(self, inputs: Inputs) -> torch.Tensor:
        with torch.inference_mode():
            if self._clip is not None and self._clip.packing.knows(inputs):
                return unit(self._without_padding(self._clip, inputs))
            if self._texts is None or self._texts.names != tuple(inputs):
                self._texts = TextTower(self._model, tuple(inputs))
            return unit(self._texts(*map(self._to_device, inputs.values())))

    def _without_padding(self, clip: ClipTexts, inputs: Inputs) -> torch.Tensor:
        if inputs[MASK].all():
            return clip.padded(self._to_device(inputs[IDS]))
        rows = clip.packing.pack(inputs)
        return torch.cat([clip(*map(self._to_device, row.values())) for row in rows])

    def pictures(self, pixels: PixelBatch) -> torch.Tensor:
        with torch.inference_mode():
            return unit(self._pictures(self._to_device(pixels)))

    def gather(self, parts: Sequence[torch.Tensor]) -> Vectors:
        vectors: Vectors = torch.cat(list(parts)).numpy()
        return vectors

    def release(self) -> None:
        """Nothing is held on a CPU."""

    def _to_device(self, array: NDArray[Any]) -> torch.Tensor:
        # Copied: the array may be read-only, which torch warns of.
        return torch.from_numpy(np.array(array))


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Rows of length 1 in float32; a zero vector becomes NaN, which is found later."""
    vectors = vectors.float()
    lengths: torch.Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths
