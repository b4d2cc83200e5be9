"""Projection heads, and what training minimises."""

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


def rms(features: Tensor) -> Tensor:
    """Root mean square of each feature, [features]: what heads are scaled by in training."""
    return features.square().mean(dim=0).sqrt() + _EPSILON


def vectors_of(head: Head | None, features: Tensor) -> Tensor:
    """Unit vectors [n, d] of features [n, f]; without a head, the features themselves."""
    from torch.nn.functional import normalize  # noqa: PLC0415 - heavy

    return head(features) if head is not None else normalize(features, dim=1)


MAX_LOGIT_SCALE = 100.0
"""The factor on cosines beyond which CLIP's own training clamps its temperature."""


def mse_loss(images: Tensor, texts: Tensor) -> Tensor:
    """Mean squared distance of matching unit vectors [n, d]: 0 where equal, 4 where opposite.

    Nothing pushes other pairs apart, so one side has to stand still: with both free, the
    smallest loss is one point for everything.
    """
    return (images - texts).square().sum(dim=1).mean()


def contrastive_loss(
    images: Tensor, texts: Tensor, logit_scale: Tensor, duplicates: Tensor
) -> Tensor:
    """Symmetric cross-entropy over the similarity matrix, as CLIP is trained.

    Args:
        images: unit vectors [n, d].
        texts: unit vectors [n, d]; row ``i`` belongs to picture ``i``.
        logit_scale: a scalar, the inverse temperature.
        duplicates: bool [n, n]; True where text ``j`` would be right for picture ``i`` too,
            so that it is no wrong answer either. The diagonal is ignored.

    """
    logits = logit_scale * images @ texts.T
    same_pair = logits.new_ones(len(logits)).diag().bool()
    logits = logits.masked_fill(duplicates & ~same_pair, float("-inf"))
    by_image = logits.log_softmax(dim=1).diagonal()
    by_text = logits.log_softmax(dim=0).diagonal()
    return -(by_image.mean() + by_text.mean()) / 2


def near_duplicates(texts: Tensor, threshold: float) -> Tensor:
    """Bool [n, n]: which of the unit vectors [n, d] have a cosine above ``threshold``."""
    return texts @ texts.T > threshold
