"""Moderation by criteria in words: what a criterion is, and how far a picture meets it.

A criterion such as "weapon" becomes a direction: the mean vector of a few phrasings of it less that
of neutral words. A picture's score is its inner product with that direction, and what decides is
how far the score stands out among those of the collection: the standard score of
:mod:`core.search.calibration`, with the deviation measured below the median, so that a collection
full of weapons does not hide them from "weapon".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.domain.choices import Strictness
from core.domain.errors import BadSetting
from core.domain.types import Picture, Vectors
from core.search.zero_shot import BACKGROUND, TEMPLATES

MAX_CRITERIA = 20
"""Criteria of one community: each costs one product with every picture of a collection."""

MAX_CRITERION = 100
"""Characters of a criterion."""

NEAR_DUPLICATE = ""
"""Stands where the text of a criterion would, for pictures nearly equal to a removed one."""


THRESHOLDS: Mapping[Strictness, float] = {
    Strictness.LOW: 4.0,
    Strictness.NORMAL: 3.0,
    Strictness.HIGH: 2.0,
}
"""Standard scores from which a picture is held."""

Scores = NDArray[np.float32]
"""One number a picture: float32 [n]."""

# What says nothing about a picture. On the stamps, criteria are told apart better against these
# than against everyday things or against nothing (docs/moderation.md).
_NEUTRAL = (
    *("a picture", "a photo", "a drawing", "an image"),
    *("something", "an object", "a scene", "things"),
)
# Fewer pictures than this spread too little to say what is usual.
_ENOUGH = 50
# One standard deviation below the mean of a normal distribution, as in core.bands.
_LOWER_QUANTILE = 0.16
_MIN_DEVIATION = 1e-4


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a community's administrators do not want to be shown, in their words.

    ``age``: what it holds may be shown where the platform lets adults alone in.
    """

    text: str
    strictness: Strictness = Strictness.NORMAL
    age: bool = False

    @property
    def key(self) -> str:
        """The text in the form that is compared, without case."""
        return self.text.casefold()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a picture is held: the criterion (or NEAR_DUPLICATE), and by what score.

    ``score`` is a standard score, for a near-duplicate the cosine with what was removed.
    """

    criterion: str
    score: float


@dataclass(frozen=True, slots=True)
class HeldPicture:
    """A picture that waits for a decision, with all reasons, the strongest first."""

    picture: Picture
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class HeldPage:
    """Some of the ``total`` pictures that wait for a decision, from ``offset`` on."""

    pictures: tuple[HeldPicture, ...]
    offset: int
    total: int


@dataclass(frozen=True, slots=True)
class Level:
    """What a strictness would hold: ``held`` pictures.

    Of those, administrators have decided before, under the same criterion, that ``removed``
    had to go and ``approved`` did not.
    """

    strictness: Strictness
    held: int
    removed: int
    approved: int

    @property
    def precision(self) -> float | None:
        """The share of right ones among those decided; None where none was."""
        decided = self.removed + self.approved
        return self.removed / decided if decided else None


@dataclass(frozen=True, slots=True)
class Trial:
    """A dry run of one criterion over the ``pictures`` of a collection.

    ``levels`` are those of every strictness, the lowest first; ``best`` are the pictures that
    meet it most, with their standard scores.
    """

    criterion: str
    collection: str
    pictures: int
    levels: tuple[Level, ...]
    best: tuple[tuple[Picture, float], ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What an administrator decided about a picture; ``left`` others wait."""

    picture: Picture
    left: int


def tidy_criterion(text: str) -> str:
    """The text of a criterion in one line. Raises BadSetting for none, or too long a one."""
    line = " ".join(text.replace("\0", " ").split())
    if not line:
        raise BadSetting("The criterion has no words.", remedy="Try: /moderation add weapon")
    if len(line) > MAX_CRITERION:
        raise BadSetting(
            "A criterion of {length} characters is too long.",
            remedy="Use at most {limit}: one or two words work best.",
            length=len(line),
            limit=MAX_CRITERION,
        )
    return line


def prompts_of(text: str) -> list[str]:
    """The texts that :func:`meaning_of` wants the vectors of, in its order."""
    return [*(template.format(text) for template in TEMPLATES), *_NEUTRAL, *BACKGROUND]


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """A criterion as one model understands it.

    ``direction``: float32 [d], of any length; ``words``: the criterion alone, float32 [d],
    length 1; ``everyday``: what has nothing to do with it, float32 [n, d], rows of length 1.
    """

    direction: NDArray[np.float32]
    words: Vectors
    everyday: Vectors

    def scores(self, pictures: Vectors) -> Scores:
        """How much of the criterion is in pictures (float32 [n, d]), in no unit."""
        return _float32(pictures @ self.direction)

    def scorer(self, usual: Scores) -> Scorer:
        """What gives standard scores. ``usual``: the :meth:`scores` of a collection."""
        if len(usual) < _ENOUGH:
            return Scorer(self, None)
        low, middle = np.quantile(usual, [_LOWER_QUANTILE, 0.5])
        return Scorer(self, (float(middle), max(float(middle - low), _MIN_DEVIATION)))


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Standard scores by a criterion.

    ``usual`` is the median and the lower deviation of a collection's scores, None where it has
    too few pictures to say what is usual. There a picture's score for the criterion stands among
    its scores for everyday words; on the stamps both kinds of standard score hold about as many
    pictures at equal thresholds.
    """

    meaning: Meaning
    usual: tuple[float, float] | None

    def __call__(self, pictures: Vectors) -> Scores:
        """The standard scores of pictures, float32 [n, d]."""
        if self.usual is not None:
            middle, deviation = self.usual
            return _float32((self.meaning.scores(pictures) - middle) / deviation)
        everyday = pictures @ self.meaning.everyday.T
        spread = np.maximum(everyday.std(axis=1), _MIN_DEVIATION)
        return _float32((pictures @ self.meaning.words - everyday.mean(axis=1)) / spread)


def meaning_of(prompts: Sequence[Vectors]) -> Meaning:
    """The meaning of a criterion from the unit vectors of :func:`prompts_of`, [d] each."""
    rows = np.stack(prompts).astype(np.float32)
    words = _unit(rows[: len(TEMPLATES)].mean(axis=0))
    neutral = _unit(rows[len(TEMPLATES) : len(TEMPLATES) + len(_NEUTRAL)].mean(axis=0))
    return Meaning(words - neutral, words, rows[len(TEMPLATES) + len(_NEUTRAL) :])


def average_precision(scores: Scores, meets: NDArray[np.bool_]) -> float:
    """The mean precision at the rank of each picture that meets a criterion, in [0, 1].

    ``scores`` float32 [n], ``meets`` bool [n]; of equal scores the earlier row ranks first.
    0 where none meets it.
    """
    ranked = meets[np.argsort(-scores, kind="stable")]
    if not ranked.any():
        return 0.0
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean())


def _float32(values: Any) -> Scores:
    # numpy's own types call the result of arithmetic with a Python float "Any".
    return np.asarray(values, dtype=np.float32)


def _unit(vector: NDArray[np.float32]) -> Vectors:
    return vector / max(float(np.linalg.norm(vector)), _MIN_DEVIATION)
