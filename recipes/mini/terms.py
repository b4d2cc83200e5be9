"""What the image tower's own classifier makes of a picture, as features to train on.

With p = softmax(C f + b), a picture's chances of being of each class, the head is trained on
three blocks side by side: the features f; p E, the mean meaning of its classes (ConSE, Norouzi
et al. 2014, arXiv:1312.5650, with all classes and with the length that is left: an unsure
picture counts for less); and √p, in which the classes that are not the likeliest speak too.
All three are linear in [f ; p ; √p], which is what the head in the checkpoint is given.
"""

from __future__ import annotations

import math

import torch

from core.training.heads import rms

ROOTS = 0.7
"""Weight of the block √p beside the others."""


def chances(features: torch.Tensor, classifier: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """How likely each class is: [n, classes] of features [n, f]."""
    return (features @ classifier.T + bias).softmax(dim=1)


def seen(features: torch.Tensor, classifier: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """[f ; p ; √p], as ``core.encoder.mini.modeling.PictureHead.seen``: [n, f + 2 classes]."""
    p = chances(features, classifier, bias)
    return torch.cat([features, p, p.sqrt()], dim=1)


class ClassTerms:
    """The three blocks of features, and the way back from weights that were trained on them.

    Args:
        classifier: C [classes, f].
        bias: b [classes].
        meanings: E [classes, d], a unit vector for each class.
        views: features [n, f] of the pictures that are trained with; p E is divided by its
            root mean square over all of them, √p by its own, which is that of any picture.

    """

    def __init__(
        self,
        classifier: torch.Tensor,
        bias: torch.Tensor,
        meanings: torch.Tensor,
        views: torch.Tensor,
    ) -> None:
        self._classifier, self._bias = classifier, bias
        size = (chances(views, classifier, bias) @ meanings).square().mean().sqrt()
        self._meanings = meanings / size
        # The squares of √p are chances, and sum to 1.
        self._roots = ROOTS * math.sqrt(len(bias))

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """The blocks of features [n, f]: [n, f + d + classes]."""
        p = chances(features, self._classifier, self._bias)
        return torch.cat([features, p @ self._meanings, self._roots * p.sqrt()], dim=1)

    def scale(self, blocks: torch.Tensor) -> torch.Tensor:
        """What columns of the blocks are divided by while training, [f + d + classes].

        Features by their root mean square; the others by nothing, since rare classes should
        not weigh as much as frequent ones.
        """
        scale = torch.ones(blocks.shape[1])
        width = self._classifier.shape[1]
        scale[:width] = rms(blocks[:, :width])
        return scale

    def folded(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight [d, f + 2 classes] over [f ; p ; √p] that does what ``weight`` does."""
        classes, width = self._classifier.shape
        features, meant, roots = weight.split([width, self._meanings.shape[1], classes], dim=1)
        return torch.cat([features, meant @ self._meanings.T, self._roots * roots], dim=1)
