"""Zero-shot classification: which of some labels fits a picture best, and does any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.types import Classification, LabelScore, Vectors

# Averaging a few phrasings beats a bare label (Radford et al. 2021, section 3.1.4).
TEMPLATES = ("{}", "a photo of a {}", "a picture of a {}", "a drawing of a {}")

# Everyday things that have little in common: what an unrelated label scores on a picture.
BACKGROUND = (
    "airplane", "apple", "baby", "ball", "beach", "bed", "bird", "boat", "book", "bottle",
    "bread", "bridge", "building", "butterfly", "car", "castle", "cat", "chair", "city",
    "clock", "cloud", "computer", "cow", "cup", "desert", "dog", "drum", "fire", "fish",
    "flag", "flower", "forest", "guitar", "hammer", "hat", "horse", "house", "insect",
    "key", "lamp", "letter", "money", "moon", "mountain", "musician", "newspaper", "ocean",
    "person", "phone", "pizza", "planet", "rock", "shirt", "shoe", "snow", "spoon",
    "street", "tent", "text", "toy", "train", "tree", "vegetable", "window",
)  # fmt: skip

# The best of 64 unrelated words scores about 2.4 standard deviations above their mean by
# chance alone (expected maximum of 64 normal draws); below it a label says nothing.
_FITS_Z = 2.0


def prompts_of(labels: Sequence[str]) -> list[str]:
    """The texts that :func:`classify_vectors` wants the vectors of, in its order."""
    return [template.format(label) for label in labels for template in TEMPLATES] + [
        TEMPLATES[0].format(word) for word in BACKGROUND
    ]


def classify_vectors(
    picture: Vectors, labels: Sequence[str], prompts: Sequence[Vectors], logit_scale: float
) -> Classification:
    """Labels with probabilities (softmax of scaled cosines), most probable first.

    ``picture``: float32 [d]; ``prompts``: those of :func:`prompts_of`, float32 [d] each;
    ``logit_scale``: the model's own temperature as a factor on cosines. ``none_fits`` is
    true when the best label stands out no further than everyday words that have nothing
    to do with the picture.
    """
    count = len(labels) * len(TEMPLATES)
    by_label = np.stack(prompts[:count]).reshape(len(labels), len(TEMPLATES), -1)
    means = by_label.mean(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    scores = means @ picture
    logits = logit_scale * (scores - scores.max())
    probabilities = np.exp(logits) / np.exp(logits).sum()
    background = np.stack(prompts[count:]) @ picture
    z = (scores.max() - background.mean()) / max(float(background.std()), 1e-4)
    order = np.argsort(-scores, kind="stable")
    return Classification(
        labels=tuple(
            LabelScore(labels[i], float(probabilities[i]), float(np.clip(scores[i], -1, 1)))
            for i in order
        ),
        none_fits=bool(z < _FITS_Z),
    )
