"""Vectors that lie as CLIP's do, for benchmarks of search at any size.

Uniform random vectors would flatter or starve an approximate index: nothing in them is near to
anything. What matters here is taken from measurements of CLIP's spaces: pictures in one cone
and texts in another, so that a text has a cosine of 0.05 with most pictures and 0.3 with its
own (the modality gap, arXiv:2203.02053), variance that falls from dimension to dimension, and
clusters.
"""

from __future__ import annotations

import numpy as np

from core.domain.types import Vectors

DIMENSION = 512
_BLOCK = 65_536
_PER_CLUSTER = 200


def clip_like(count: int, texts: int, *, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Pictures and texts: float32 [count, 512] and [texts, 512], rows of length 1."""
    rng = np.random.default_rng(seed)
    spread = (np.arange(1, DIMENSION + 1) ** -0.5).astype(np.float32)
    spread /= np.linalg.norm(spread)
    turned = np.linalg.qr(rng.standard_normal((DIMENSION, DIMENSION)))[0].astype(np.float32)
    cones = rng.standard_normal((2, DIMENSION)).astype(np.float32)
    cones /= np.linalg.norm(cones, axis=1, keepdims=True)
    clusters = max(16, count // _PER_CLUSTER)
    centres = rng.standard_normal((clusters, DIMENSION), dtype=np.float32) * spread

    pictures = np.empty((count, DIMENSION), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        block = pictures[start : start + _BLOCK]
        own = centres[rng.integers(0, clusters, len(block))]
        noise = rng.standard_normal(block.shape, dtype=np.float32) * spread
        block[:] = _unit(0.7 * (own + noise) @ turned.T + 0.8 * cones[0])
    about = pictures[rng.choice(count, texts, replace=count < texts)]
    noise = rng.standard_normal((texts, DIMENSION), dtype=np.float32) * spread @ turned.T
    return pictures, _unit(0.45 * (about - 0.5 * cones[0]) + 0.6 * noise + 0.8 * cones[1])


def _unit(vectors: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)
