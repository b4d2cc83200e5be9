"""What a score is worth where no captions tell: texts that every model is asked, as a reference.

Some are about nothing that a picture shows: what the best picture reaches for those is noise.
Others name everyday things, most of which a small collection lacks and a large one has. What the
best picture reaches for a thing that is not there is therefore taken from small bags of pictures,
and from pictures that are nothing like the best one.

Cosines are compared as they are, but for what a query adds to all of them: the middle of its
cosines, as far as it can be told from chance over so few pictures (the shrinkage of James and
Stein, 1961). Of 14 pictures a standard score says next to nothing: over photographs without
captions it hid two right first hits of three. ``recipes/bare_photographs.py`` measures this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors
from core.search.zero_shot import BACKGROUND

UNSEEN = (
    "terms of service and privacy policy", "I forgot my password again",
    "the meeting was moved to Thursday", "interest rate of a savings account",
    "a proof by contradiction", "who was right in the end", "unemployment statistics by region",
    "the past tense of irregular verbs", "see you later", "an opinion on foreign policy",
    "xkqz vurbel mnop", "wejkrh skdfj", "and so on and so forth", "that is not what I meant",
    "tax return for the previous year", "a rumour that nobody believes", "seventeen percent",
    "how to cancel a subscription", "the philosophy of language", "because of that",
    "unsubscribe from the newsletter", "a warranty claim", "version 2.0 release notes",
    "loneliness and regret", "translate this sentence", "the day after tomorrow",
    "cost of living", "a lawsuit about copyright", "very much indeed", "average response time",
    "hgf dsa qwe", "none of the above",
)  # fmt: skip
"""Texts about nothing that a picture shows."""

REFERENCES = (*UNSEEN, *BACKGROUND)
"""What :func:`reference_thresholds` wants the vectors of, in this order."""

# To one such text in eight a picture is shown, with words of doubt.
_DOUBT_QUANTILE = 0.87
# So many pictures have most everyday things among them, of which nineteen of twenty are shown.
_MANY, _SHOWN_QUANTILE = 128, 0.05
# Of everyday things, over bags of pictures (of which a tenth holds some by chance), and over
# those that are nothing like the best one.
_BAG, _BAGS = 10, 32
_FAIR_IN_BAGS, _FAIR_AMONG_OTHERS = 0.95, 0.98
_STRONG_IN_BAGS, _STRONG_AMONG_OTHERS = 0.985, 0.99
_ALIKE_QUANTILE = 0.9
# A large collection has no larger subjects: so many at most are left out, and one in twenty counts.
_MOST_ALIKE, _FAIR_AMONG_MANY = 32, 0.95
# The variance of a median is that of a mean by this (normal distribution).
_MEDIAN_BY_MEAN = np.pi / 2


class Cuts(NamedTuple):
    """Cosines of one query from which a hit is worth showing with doubt, fair, and strong."""

    doubt: float
    fair: float
    strong: float

    def places(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Of each cosine, the place of its band in ``core.search.calibration.BEST_FIRST``: [n]."""
        found: NDArray[np.int64] = np.where(
            scores >= self.strong, 0, np.where(scores >= self.fair, 1, 2)
        )
        return found


@dataclass(frozen=True, slots=True)
class ReferenceThresholds:
    """The cuts of a query whose cosines have the ``middle`` of the references'.

    Those of another one lie apart from them by ``pull``, in [0, 1], of how far its middle does.
    """

    doubt: float
    fair: float
    strong: float
    middle: float
    pull: float

    def cuts(self, middle: float, deviation: float) -> Cuts:
        """The cuts of a query whose cosines have this median and lower deviation."""
        del deviation
        by = self.pull * (middle - self.middle)
        return Cuts(self.doubt + by, self.fair + by, self.strong + by)


def reference_thresholds(
    pictures: Vectors, middles: NDArray[np.float32], references: Vectors, *, seed: int = 0
) -> ReferenceThresholds:
    """The thresholds of a collection, from some of its pictures, float32 [n, d], n at least 1.

    ``references``: the vectors of :data:`REFERENCES`, float32 [m, d]; ``middles``: the median
    cosine of each over the collection, [m].
    """
    scores = references @ pictures.T
    middle = float(np.median(middles))
    pull = _pull(scores, middles)
    scores = scores - np.float32(pull) * (middles - middle)[:, None]
    unseen, things = scores[: len(UNSEEN)], scores[len(UNSEEN) :]

    rng = np.random.default_rng(seed)
    count = len(pictures)
    bags = [rng.choice(count, min(_BAG, count), replace=False) for _ in range(_BAGS)]
    in_bags = np.stack([things[:, bag].max(axis=1) for bag in bags])
    fair, strong = np.quantile(in_bags, [_FAIR_IN_BAGS, _STRONG_IN_BAGS]).tolist()
    alike = pictures[things.argmax(axis=1)] @ pictures.T
    apart = max(_ALIKE_QUANTILE, 1 - _MOST_ALIKE / count)
    others = np.where(alike < np.quantile(alike, apart), things, -1.0).max(axis=1)
    least = _FAIR_AMONG_OTHERS if apart == _ALIKE_QUANTILE else _FAIR_AMONG_MANY
    among = np.quantile(others, [least, _STRONG_AMONG_OTHERS]).tolist()
    fair = max(fair, among[0])
    doubt = min(fair, float(np.quantile(unseen.max(axis=1), _DOUBT_QUANTILE)))
    if count >= _MANY:
        doubt = min(doubt, float(np.quantile(things.max(axis=1), _SHOWN_QUANTILE)))
    return ReferenceThresholds(
        doubt=doubt,
        fair=fair,
        strong=max(fair, strong, among[1]),
        middle=middle,
        pull=pull,
    )


def _pull(scores: NDArray[np.float32], middles: NDArray[np.float32]) -> float:
    """The share of what the queries' middles, [m], differ by that is not chance: in [0, 1]."""
    queries, pictures = scores.shape
    if pictures == 1:
        return 0.0
    rest = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    within = float((rest**2).sum()) / ((queries - 1) * (pictures - 1))
    chance = _MEDIAN_BY_MEAN * within / pictures
    return float(max(0.0, 1 - chance / max(float(middles.var()), 1e-12)))
