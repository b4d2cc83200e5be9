"""What a hit is worth that was asked for with a picture and words: it has to fit both.

The sum of both standard scores (:mod:`core.search.calibration`) orders hits well, but does not tell
a red apple, for an apple and "red", from a perfect match of either alone: a pear, or a red flag.
Their geometric mean does: it is high where neither part is low. On sixty written pairs over the
stamps it tells right hits from those of mismatched words in four of five cases, the sum in two of
three.

How far chance carries both is learnt from the collection: pictures with captions of others, which
have nothing in common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORDS_SUFFICE = 10.0
"""Deviations from which on it counts no more how well a caption says the words: what looks like
the picture has to decide. From 8 to 12 makes no difference on the stamps."""

# By both, unrelated pictures reach this in one mixed query of a hundred.
_FAIR_QUANTILE = 0.99
# By both, and by the mean of both, those that need not be related to both in one of ten.
_STRONG_QUANTILE = _ENOUGH_QUANTILE = 0.9


@dataclass(frozen=True, slots=True)
class MixedThresholds:
    """From where on a hit of a picture with words is fair, and from where it is strong.

    ``fair`` and ``strong``: geometric means of the standard scores of both. ``enough``: the
    plain mean from which a hit is fair although it may fit one of them alone. The defaults are
    those of the stamps without captions, with the embedded model.
    """

    fair: float = 2.6
    strong: float = 3.1
    enough: float = 4.5

    def places(self, looks: NDArray[np.float64], words: NDArray[np.float64]) -> NDArray[np.int64]:
        """Of each pair of standard scores, the place in ``BEST_FIRST`` of its band: [n]."""
        both = _both(looks, words)
        weak = (both < self.fair) & ((looks + words) / 2 < self.enough)
        found: NDArray[np.int64] = np.where(both >= self.strong, 0, np.where(weak, 2, 1))
        return found


def said(scores: NDArray[np.float64], lifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What words are worth in standard scores: of pictures with the words, lifted by captions."""
    enough = np.maximum(scores, np.minimum(scores + lifts, WORDS_SUFFICE))
    found: NDArray[np.float64] = np.where(lifts > 0, enough, scores)
    return found


def mixed_thresholds(
    looks: NDArray[np.float64],
    words: NDArray[np.float64],
    like_picture: NDArray[np.bool_],
    like_words: NDArray[np.bool_],
    same: NDArray[np.bool_],
) -> MixedThresholds:
    """The thresholds of a collection, from mixed queries of what does not belong together.

    Each is a row, with a column for each of some pictures: ``looks`` and ``words`` are the
    standard scores of its picture and of its words, [n, m]; ``like_picture`` and ``like_words``
    say which columns may be right answers to either, ``same`` which are certain to be.
    """
    both = _both(looks, words)
    unrelated = np.where(like_picture | like_words, 0, both).max(axis=1)
    one_of_them = np.where(same, 0, both).max(axis=1)
    mean = np.where(same, 0, (looks + words) / 2).max(axis=1)
    fair = float(np.quantile(unrelated, _FAIR_QUANTILE))
    return MixedThresholds(
        fair=fair,
        strong=max(fair, float(np.quantile(one_of_them, _STRONG_QUANTILE))),
        enough=float(np.quantile(mean, _ENOUGH_QUANTILE)),
    )


def _both(looks: NDArray[np.float64], words: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.sqrt(np.maximum(looks, 0) * np.maximum(words, 0))
    return found
