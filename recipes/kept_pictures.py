"""What mini's image tower says of pictures, kept, and the vectors that its head makes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.domain.types import PixelBatch, PixelSpec
from core.encoder.hub import find_checkpoint
from core.encoder.model import load_model
from core.encoder.preprocessor_config import read_preprocessing
from core.encoder.transformers_logging import quiet
from core.training.feature_cache import FeatureCache, Rows, cached

_BATCH = 4
"""Pictures of one pass; on a CPU larger ones are slower (``core/encoder/load.py``)."""


class KeptPictures:
    """Vectors of pictures; another head costs no further pass through the tower. Blocking.

    Args:
        folder: of an assembled ``mini``.
        cache: where the tower's features are kept, by its weights and the name of the pictures.

    """

    def __init__(self, folder: Path, cache: FeatureCache) -> None:
        with quiet():
            self._preprocessing = read_preprocessing(folder)
            model = load_model(find_checkpoint(str(folder)), torch.float32)
        # Convolutions that read pictures as they come, [n, h, w, 3], are twice as fast.
        self._tower: Any = model.vision_model.to(memory_format=torch.channels_last)
        self._head: Any = model.visual_projection
        self._cache = cache
        self._digest = self._digested()

    @property
    def pixel_spec(self) -> PixelSpec:
        """The size and fit of the pictures that :meth:`vectors` takes."""
        return self._preprocessing.spec

    def vectors(
        self,
        name: str,
        keys: Sequence[str],
        pixels: Callable[[int], PixelBatch],
        *,
        group: int = 32,
    ) -> NDArray[np.float32]:
        """Rows of length 1, float32 [len(keys), views, d].

        Args:
            name: of what the keys are keys of.
            keys: all different.
            pixels: from the number of a key to the views of its picture, uint8 [views, h, w, 3],
                of each as many.
            group: see :func:`core.training.feature_cache.cached`.

        """

        def features(numbers: Sequence[int]) -> tuple[Sequence[int], Rows]:
            found = self._features(np.concatenate([pixels(number) for number in numbers]))
            return numbers, found.reshape(len(numbers), -1, found.shape[-1])

        space = f"{self._digest}/{name}"
        cached(self._cache, space, list(keys), group, features)
        rows = self._cache.read(space, list(keys))
        with torch.inference_mode():
            made = self._head(torch.from_numpy(rows).flatten(0, 1))
            unit = torch.nn.functional.normalize(made, dim=1).numpy()
        return unit.reshape(*rows.shape[:2], -1)

    def _features(self, pixels: PixelBatch) -> Rows:
        scale, offset = (
            torch.tensor(numbers).view(3, 1, 1)
            for numbers in (self._preprocessing.scale, self._preprocessing.offset)
        )
        found = []
        with torch.inference_mode():
            for start in range(0, len(pixels), _BATCH):
                batch = np.ascontiguousarray(pixels[start : start + _BATCH])
                values = torch.from_numpy(batch).permute(0, 3, 1, 2).float() * scale + offset
                found.append(self._tower(pixel_values=values).pooler_output.numpy())
        return np.concatenate(found)

    def _digested(self) -> str:
        """SHA-256 (hex) over all that features depend on: the tower, and its preprocessing."""
        total = hashlib.sha256()
        for name, tensor in sorted(self._tower.state_dict().items()):
            total.update(f"{name} {tuple(tensor.shape)}\n".encode())
            total.update(tensor.contiguous().numpy().tobytes())
        total.update(json.dumps(self._preprocessing.describe(), sort_keys=True).encode())
        return total.hexdigest()
