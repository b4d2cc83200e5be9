"""Linear projection heads, and ridge regression for a start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_EPSILON = 1e-6
"""Keeps dimensions that are always zero from being divided by zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear map: ``weight`` [d, features] and, where the model has one, ``bias`` [d]."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, features: Tensor) -> Tensor:
        """Unit vectors [n, d] of features [n, features]."""
        from torch.nn.functional import linear, normalize  # noqa: PLC0415 - heavy

        return normalize(linear(features, self.weight, self.bias), dim=1)


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Both heads and the inverse temperature; None: that side's features are its vectors."""

    image: Head | None
    text: Head | None
    logit_scale: float

    def image_vectors(self, features: Tensor) -> Tensor:
        """Unit vectors [n, d]."""
        return vectors_of(self.image, features)

    def text_vectors(self, features: Tensor) -> Tensor:
        """Unit vectors [n, d]."""
        return vectors_of(self.text, features)


def ridge(features: Tensor, targets: Tensor, strength: float, weights: Tensor) -> Tensor:
    """The weight [d, features] that maps features to targets with the least squared error.

    Args:
        features: [n, features], of about equal scale in each dimension.
        targets: [n, d].
        strength: of the penalty on the weight's size, per item.
        weights: [n], how much each row counts.

    """
    import torch  # noqa: PLC0415 - heavy

    x, y = features.double(), targets.double()
    weighted = x * weights.double()[:, None]
    gram = weighted.T @ x
    gram += strength * float(weights.sum()) * torch.eye(x.shape[1], dtype=torch.float64)
    solved: Tensor = torch.linalg.solve(gram, weighted.T @ y)
    return solved.T.to(features.dtype)


def rms(features: Tensor) -> Tensor:
    """Root mean square of each feature, [features]: what heads are scaled by in training."""
    return features.square().mean(dim=0).sqrt() + _EPSILON


def vectors_of(head: Head | None, features: Tensor) -> Tensor:
    """Unit vectors [n, d] of features [n, f]; without a head, the features themselves."""
    from torch.nn.functional import normalize  # noqa: PLC0415 - heavy

    return head(features) if head is not None else normalize(features, dim=1)
