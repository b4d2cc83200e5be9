"""Zero-shot classification: which of some labels fits a picture best, and does any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BadLabels
from core.domain.types import Classification, LabelScore, Vectors

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

FITS_Z = 2.0
"""Deviations above everyday words from which a label fits. The best of 64 such words stands about
2.4 above their mean by chance alone (expected maximum of 64 normal draws)."""

_MIN_DEVIATION = 1e-4


def different(labels: Sequence[str]) -> list[str]:
    """The labels without repetition. Raises BadLabels unless there are 2 to 20."""
    names = list(dict.fromkeys(" ".join(label.split()) for label in labels))
    if not 2 <= len(names) <= 20 or "" in names:  # noqa: PLR2004 - the docstring's bounds
        raise BadLabels(
            "There is only one label to choose from."
            if len(names) == 1
            else "{count} different labels were given.",
            remedy="Give 2 to 20, such as: cat, dog, horse.",
            count=len(names),
        )
    return names


def prompts_of(labels: Sequence[str]) -> list[str]:
    """The texts that :func:`classify_vectors` wants the vectors of, in its order."""
    return [template.format(label) for label in labels for template in TEMPLATES] + [
        TEMPLATES[0].format(word) for word in BACKGROUND
    ]


def classify_vectors(
    picture: Vectors, labels: Sequence[str], prompts: Sequence[Vectors], logit_scale: float
) -> Classification:
    """Labels with probabilities (softmax of scaled cosines), most probable first.

    ``picture``: float32 [d], of one that moves its frames [f, d], of which the one that fits a
    label best counts for it; ``prompts``: those of :func:`prompts_of`, float32 [d] each;
    ``logit_scale``: the model's own temperature as a factor on cosines. ``none_fits`` is
    true when the best label stands out no further than everyday words that have nothing
    to do with the picture.
    """
    means = label_means(prompts, len(labels))
    frames = np.atleast_2d(picture)
    by_frame = means @ frames.T
    scores = by_frame.max(axis=1)
    best = frames[int(by_frame[scores.argmax()].argmax())]
    logits = logit_scale * (scores - scores.max())
    probabilities = np.exp(logits) / np.exp(logits).sum()
    fits = stands_out(scores.max()[None], (everyday_of(prompts, len(labels)) @ best)[None])
    order = np.argsort(-scores, kind="stable")
    return Classification(
        labels=tuple(
            LabelScore(labels[i], float(probabilities[i]), float(np.clip(scores[i], -1, 1)))
            for i in order
        ),
        none_fits=not fits[0],
    )


def label_means(prompts: Sequence[Vectors], count: int) -> Vectors:
    """The direction of each of ``count`` labels, the mean of its phrasings: float32 [count, d].

    ``prompts``: the vectors of :func:`prompts_of`, float32 [d] each.
    """
    phrased = np.stack(prompts[: count * len(TEMPLATES)])
    means = phrased.reshape(count, len(TEMPLATES), -1).mean(axis=1)
    unit: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def everyday_of(prompts: Sequence[Vectors], count: int) -> Vectors:
    """The vectors of :data:`BACKGROUND` behind those of ``count`` labels: float32 [64, d]."""
    return np.stack(prompts[count * len(TEMPLATES) :])


def stands_out(
    best: NDArray[np.float32], everyday: NDArray[np.float32], least: float = FITS_Z
) -> NDArray[np.bool_]:
    """Whether the best label of each picture says more than everyday words do: bool [n].

    ``best``: its cosine, float32 [n]; ``everyday``: those of :data:`BACKGROUND`, float32
    [n, 64]; ``least``: by how many of their deviations it must stand above their mean.
    """
    deviation = np.maximum(everyday.std(axis=1), _MIN_DEVIATION)
    found: NDArray[np.bool_] = (best - everyday.mean(axis=1)) / deviation >= least
    return found
