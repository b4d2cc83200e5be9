"""A collection on a plane: its two first principal components."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors

Points = NDArray[np.float32]
"""Places on a plane, one a row: float32 [n, 2]."""

Chunks = Callable[[], Iterable[Vectors]]
"""Gives the vectors of a collection from the first to the last, float32 [m, d] a piece, each
time that it is called: a million of them need not lie in memory twice."""

# Less variance than this is rounding: all vectors are equal.
_NO_VARIANCE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Where each picture lies.

    ``points``: float32 [n, 2], in the order of the vectors; ``explained``: the share of the
    collection's variance along each of the two axes, in [0, 1]. ``mean``, float64 [d], and
    ``axes``, float64 [d, 2], put further vectors onto the same plane.
    """

    points: Points
    explained: tuple[float, float]
    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    def place(self, vectors: Vectors) -> Points:
        """Where these vectors, float32 [m, d], lie: float32 [m, 2]."""
        return ((vectors.astype(np.float64) - self.mean) @ self.axes).astype(np.float32)


def principal_plane(chunks: Chunks) -> Plane:
    """Project vectors onto their two directions of greatest variance (PCA).

    Signs are fixed so that the same vectors give the same plane: the largest component of
    each axis is positive. Works on the d x d covariance, so the time grows with n only
    linearly. Fewer than two different vectors all lie at the origin.
    """
    count, total = 0, np.zeros(0)
    for vectors in chunks():
        total = vectors.sum(axis=0, dtype=np.float64) + (total if count else 0.0)
        count += len(vectors)
    dimension = len(total)
    mean = total / max(count, 1)
    scatter = np.zeros((dimension, dimension))
    if count > 1:
        for vectors in chunks():
            # Small differences from the mean lose nothing in float32, at half the time.
            centred = vectors - mean.astype(np.float32)
            scatter += centred.T @ centred
    variance = float(np.trace(scatter))
    if dimension < 2 or variance < _NO_VARIANCE * max(count, 1):  # noqa: PLR2004 - a plane
        nowhere = np.zeros((dimension, 2))
        return Plane(np.zeros((count, 2), dtype=np.float32), (0.0, 0.0), mean, nowhere)
    variances, axes = np.linalg.eigh(scatter)
    axes = axes[:, [-1, -2]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    first, second = (float(np.clip(v / variance, 0.0, 1.0)) for v in variances[[-1, -2]])
    empty = Plane(np.zeros((0, 2), dtype=np.float32), (first, second), mean, axes)
    points = np.concatenate([empty.place(vectors) for vectors in chunks()])
    return Plane(points, (first, second), mean, axes)
