"""Texts and their vectors under the embedded model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.domain.types import Vectors
from core.encoder.load import TransformersEncoder

_BATCH = 32


class Texts:
    """Vectors of texts, each encoded once."""

    def __init__(self, mini: TransformersEncoder) -> None:
        self._mini = mini
        self._known: dict[str, Vectors] = {}

    def of(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of these texts: float32 [n, 576]."""
        # Those of one length together: the tower pads to the longest of a batch.
        new = sorted(set(texts) - self._known.keys(), key=lambda text: (len(text), text))
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self._known |= zip(batch, self._mini.encode_texts(batch), strict=True)
        return np.stack([self._known[text] for text in texts])
