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


PARTS = {"train": "train", "test": "t10k"}


def clothes_pictures(
    root: Path, count: int | None = None, part: str = "test"
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The first ``count`` pictures (None: all): uint8 [count, 28, 28], and their labels [count].

    ``part`` is ``"train"`` (60,000 pictures) or ``"test"`` (10,000).
    """
    name = root / FASHION / PARTS[part]
    with gzip.open(f"{name}-images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(f"{name}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), dtype=np.uint8, offset=8)
    return pictures[:count], labels[:count].astype(np.int64)
