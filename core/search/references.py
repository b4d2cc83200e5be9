"""What a score is worth whatever captions tell: texts that every model is asked, as a reference.

Some are about nothing that a picture shows: what the best picture reaches for those is noise.
Others name everyday things, most of which a small collection lacks and a large one has. What the
best picture reaches for a thing that is not there is therefore taken from small bags of pictures,
and from pictures that are nothing like the best one.

Cosines are compared as they are, but for what a picture has in common with any text: the mean of
its cosines with all of these texts. Some pictures are near to whatever is asked (the "hubs" of
Radovanović et al., 2010). What a query has in common with many pictures is not taken out: where
half of them are birds, that is how well they fit "bird". Of 14 pictures a standard score says next
to nothing: over photographs without captions it hid two right first hits of three.
``recipes/bare_photographs.py`` measures this.
"""

from __future__ import annotations

from collections.abc import Callable
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
# Beyond what nineteen of twenty such texts reach, a hit is fair where captions say so, too.
_NOTHING_QUANTILE = 0.95
# So many pictures have most everyday things among them, of which nineteen of twenty are shown.
_MANY, _SHOWN_QUANTILE = 128, 0.05
# Of everyday things, over bags of pictures (of which a tenth holds some by chance), and over
# those that are nothing like the best one.
_BAG, _BAGS = 10, 32
_FAIR_IN_BAGS, _FAIR_AMONG_OTHERS = 0.95, 0.98
_STRONG_IN_BAGS, _STRONG_AMONG_OTHERS = 0.985, 0.99
# Of more pictures one is more likely to come close to an absent thing that is none of these 64. So
# much is left for that, that of those that chose three in a hundred are fair in any folder.
_SEVERAL, _MARGIN = 32, 1.05
_ALIKE_QUANTILE = 0.9
# A large collection has no larger subjects: so many at most are left out, and one in twenty counts.
_MOST_ALIKE, _FAIR_AMONG_MANY = 32, 0.97
# As much as what has nothing to do with a query reaches is no more than that.
_TIE = 1e-5
# Of so many of the best pictures it is looked up what they have in common with any text.
LOOKED_AT = 16


class Cuts(NamedTuple):
    """Cosines of one query from which a hit is worth showing with doubt, fair, and strong.

    ``nothing``: what the best picture reaches for most texts about nothing.
    """

    doubt: float
    fair: float
    strong: float
    nothing: float = -np.inf

    def places(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Of each cosine, the place of its band in ``core.search.calibration.BEST_FIRST``: [n]."""
        found: NDArray[np.int64] = np.where(
            scores >= self.strong, 0, np.where(scores >= self.fair, 1, 2)
        )
        return found


BestPictures = Callable[[], tuple[NDArray[np.float32], Vectors]]
"""Reads the :data:`LOOKED_AT` best pictures of a query: their cosines, [n], and vectors, [n, d]."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceThresholds:
    """By how much a picture's cosine with a query is above that with an average text.

    The four are as in :class:`Cuts`; ``common``: the mean of the references, float32 [d];
    ``usual``: up to where the lower cosines of any of these texts lie (the median less the lower
    deviation). A query is judged by what its own lie above that: it adds so much to all pictures.
    """

    doubt: float
    fair: float
    strong: float
    nothing: float
    common: Vectors
    usual: float

    def cuts(self, spread: tuple[float, float], best: BestPictures) -> Cuts:
        """The cuts of a query.

        Each is where a picture lies that has as much in common with any text as the best ones that
        stand out by so much; one of these is above it at least.
        """
        middle, deviation = spread
        added = max(0.0, middle - deviation - self.usual)
        scores, pictures = best()
        shared = (pictures @ self.common).astype(np.float64) + added
        excess = scores - shared

        def cut(least: float) -> float:
            least += _TIE
            standing = shared[excess >= least]
            if not len(standing):
                return np.inf
            lower = (len(standing) - 1) // 2  # of two medians; np.quantile takes ten times as long
            return least + float(np.partition(standing, lower)[lower])

        return Cuts(cut(self.doubt), cut(self.fair), cut(self.strong), cut(self.nothing))


def reference_thresholds(
    pictures: Vectors,
    references: Vectors,
    usual: float,
    *,
    captions_tell: bool = False,
    seed: int = 0,
) -> ReferenceThresholds:
    """The thresholds of a collection, from some of its pictures, float32 [n, d], n at least 1.

    ``references``: the vectors of :data:`REFERENCES`, float32 [m, d]; ``usual``: as in
    :class:`ReferenceThresholds`; ``captions_tell``: what is
    not shown for its picture may still be for its caption.
    """
    common = references.mean(axis=0)
    scores = (references - common) @ pictures.T
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
    fair = max(fair, among[0]) * (_MARGIN if count > _SEVERAL else 1.0)
    doubt, nothing = np.quantile(unseen.max(axis=1), [_DOUBT_QUANTILE, _NOTHING_QUANTILE]).tolist()
    doubt = min(fair, doubt)
    if count >= _MANY and not captions_tell:
        doubt = min(doubt, float(np.quantile(things.max(axis=1), _SHOWN_QUANTILE)))
    return ReferenceThresholds(doubt, fair, max(fair, strong, among[1]), nothing, common, usual)
