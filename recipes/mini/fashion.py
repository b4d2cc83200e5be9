"""Fashion-MNIST as Debian ships it: the real idx files, for measuring only."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FASHION = "usr/share/datasets/fashion-mnist"

LABELS = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
"""The data set's own class names, in its order ("T-shirt/top" and "Trouser" in everyday words)."""


def clothes_pictures(root: Path, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The first ``count`` test pictures: uint8 [count, 28, 28], and their labels [count]."""
    with gzip.open(root / FASHION / "t10k-images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(root / FASHION / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), dtype=np.uint8, offset=8)
    return pictures[:count], labels[:count].astype(np.int64)
