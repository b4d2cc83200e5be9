"""Heads by least squares: what training begins with."""

from __future__ import annotations

import torch
from torch import Tensor


def ridge(features: Tensor, targets: Tensor, strength: float, weights: Tensor) -> Tensor:
    """The weight [d, features] that maps features to targets with the least squared error.

    Args:
        features: [n, features], of about equal scale in each dimension.
        targets: [n, d].
        strength: of the penalty on the weight's size, per item.
        weights: [n], how much each row counts.

    """
    x, y = features.double(), targets.double()
    weighted = x * weights.double()[:, None]
    gram = weighted.T @ x
    gram += strength * float(weights.sum()) * torch.eye(x.shape[1], dtype=torch.float64)
    solved: Tensor = torch.linalg.solve(gram, weighted.T @ y)
    return solved.T.to(features.dtype)
