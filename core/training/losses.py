"""What training minimises: functions of embeddings, without state.

``torch`` is imported by those who call these; here it is only named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

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
