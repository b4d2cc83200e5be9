"""A collection on a plane: its two first principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Where each picture lies.

    ``points``: float32 [n, 2], in the order of the vectors; ``explained``: the share of the
    collection's variance along each of the two axes, in [0, 1].
    """

    points: NDArray[np.float32]
    explained: tuple[float, float]


def principal_plane(vectors: Vectors) -> Plane:
    """Project vectors, float32 [n, d], onto their two directions of greatest variance (PCA).

    Signs are fixed so that the same vectors give the same plane: the largest component of
    each axis is positive. Works on the d x d covariance, so the time grows with n only
    linearly. Fewer than two different vectors all lie at the origin.
    """
    count, dimension = vectors.shape
    if count < 2 or dimension < 2:  # noqa: PLR2004 - a plane needs two of both
        return Plane(np.zeros((count, 2), dtype=np.float32), (0.0, 0.0))
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, [-1, -2]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    total = float(variances.sum())
    if total < 1e-12:  # noqa: PLR2004 - all vectors equal, but for rounding
        return Plane(np.zeros((count, 2), dtype=np.float32), (0.0, 0.0))
    first, second = (float(max(v, 0.0)) / total for v in variances[[-1, -2]])
    return Plane((centred @ axes).astype(np.float32), (first, second))


def spaced(points: NDArray[np.float32], distance: float, most: int) -> list[int]:
    """Rows of up to ``most`` points that lie at least ``distance`` apart on both axes' scale.

    Points are taken from the middle of the crowd outwards, each kept unless it comes too
    close to one that is kept already: what is drawn there never overlaps. ``distance`` is
    in units of the whole width and height.
    """
    if not len(points):
        return []
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (points - low) / np.maximum(high - low, 1e-9)
    order = np.argsort(np.linalg.norm(scaled - np.median(scaled, axis=0), axis=1), kind="stable")
    kept: list[int] = []
    for row in order:
        others = scaled[kept]
        if kept and np.abs(others - scaled[row]).max(axis=1).min() < distance:
            continue
        kept.append(int(row))
        if len(kept) == most:
            break
    return kept
