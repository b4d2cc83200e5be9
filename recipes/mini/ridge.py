"""Heads by least squares: what training begins with."""

from __future__ import annotations

import torch
from torch import Tensor

_ROWS = 4096
"""Multiplied at a time in single precision; the sums are kept in double."""


def ridge(features: Tensor, targets: Tensor, strength: float, weights: Tensor) -> Tensor:
    """The weight [d, features] that maps features to targets with the least squared error.

    Args:
        features: [n, features], of about equal scale in each dimension.
        targets: [n, d].
        strength: of the penalty on the weight's size, per item.
        weights: [n], how much each row counts.

    """
    width = features.shape[1]
    gram = strength * float(weights.sum()) * torch.eye(width, dtype=torch.float64)
    moment = torch.zeros(width, targets.shape[1], dtype=torch.float64)
    for rows in torch.arange(len(features)).split(_ROWS):
        x = features[rows]
        weighted = (x * weights[rows, None]).T
        gram += weighted @ x
        moment += weighted @ targets[rows]
    solved: Tensor = torch.linalg.solve(gram, moment)
    return solved.T.to(features.dtype)
