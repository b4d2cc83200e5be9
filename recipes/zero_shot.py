"""What vectors tell of labels: by the nearest class, and by the nearest pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import Encoder
from core.domain.types import Vectors
from core.training.pairs import Labels, parts

PROMPTS = (
    "{}",
    "a {}",
    "a photo of a {}",
    "a picture of a {}",
    "a black and white photo of a {}",
)
"""Sentences around a label; their vectors are averaged, which beats any one of them."""

_BLOCK = 1024
"""Pictures that are compared with all others at a time."""


def prompted(encoder: Encoder, labels: Sequence[str], prompts: Sequence[str] = PROMPTS) -> Vectors:
    """One unit vector a label: the mean over the prompts, float32 [labels, d]."""
    texts = [prompt.format(label) for label in labels for prompt in prompts]
    vectors = np.concatenate([encoder.encode_texts(part) for part in parts(texts)])
    means = vectors.reshape(len(labels), len(prompts), -1).mean(axis=1)
    unit: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def zero_shot_accuracy(images: Vectors, labels: Labels, classes: Vectors) -> float:
    """The share of pictures [n, d] whose nearest class vector [c, d] is that of their label."""
    return float(((images @ classes.T).argmax(axis=1) == labels).mean())


def precision_at(images: Vectors, labels: Labels, k: int = 5) -> float:
    """The mean share of a picture's ``k`` nearest others that carry its label, in [0, 1].

    Where there are no ``k`` others, of all others.
    """
    return float(neighbours_alike(images, labels, k).mean())


def neighbours_alike(images: Vectors, labels: Labels, k: int = 5) -> NDArray[np.float64]:
    """For each picture [n, d] the share of its ``k`` nearest others that carry its label, [n]."""
    shares = []
    k = min(k, len(images) - 1)
    for start in range(0, len(images), _BLOCK):
        rows = slice(start, start + _BLOCK)
        scores = images[rows] @ images.T
        scores[np.arange(len(scores)), np.arange(len(images))[rows]] = -np.inf
        nearest = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        shares.append((labels[nearest] == labels[rows, None]).mean(axis=1))
    return np.concatenate(shares)
