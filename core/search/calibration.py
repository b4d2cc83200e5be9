"""What a score is worth: bands from a query's own score distribution.

Cosines of a text with pictures live in a narrow range that differs between models and even
between queries (openai/CLIP#405), so a fixed cutoff fails. What carries over is how far a
score stands out: a query is scored against a fixed sample of the collection, and a hit is
judged by its standard score (z) in that distribution. How far chance alone carries a score
is learnt from the collection's own captions: for each, the best picture among those whose
captions have nothing to do with it. Where captions are few, all alike, or do not fit their
pictures, they teach nothing: then texts that the program brings along tell
(:mod:`core.search.references`).

The deviation is measured on the lower side, from the median down to the 16th percentile (one
standard deviation of a normal distribution): a query that fits a tenth of the collection,
such as "coins", must not lower the z of its own matches. On the stamps with the embedded
model, 79% of true matches then pass what one unrelated query in ten reaches, against 72%
with the ordinary standard deviation and 71% with the interquartile range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import Snapshot
from core.domain.types import Band, Vectors
from core.search.captions import ALIKE, CaptionScale, caption_scale, fits, unrelated_matches
from core.search.mixed_calibration import MixedThresholds, mixed_thresholds, said
from core.search.quantiles import quantile
from core.search.references import (
    LOOKED_AT,
    BestPictures,
    Cuts,
    ReferenceThresholds,
    reference_thresholds,
)

# Every query is compared with them: each hundred costs it some microseconds. Of 512 the lower
# quantile is known to 0.07 deviations, of 256 the middle, which is all that captions need, to 0.08.
_SAMPLED_PICTURES = 512
_SAMPLED_CAPTIONS = 256
_SAMPLED_QUERIES = 256
# Of captions that repeat, as many more are looked at.
_LOOKED_THROUGH = 2048
# Fewer different captions than this tell too little, and so do such of which fewer than this
# share fit their own pictures (7% of random ones do); the defaults below are what one unrelated
# query in ten, and one in a hundred, reaches with the embedded model over the Tux Paint stamps.
_ENOUGH_QUERIES = 30
_ENOUGH_FIT = 0.2
# The best of these stands for the best of all where references are asked.
_REFERRED_PICTURES = 4096
_DEFAULT_FAIR_Z = 4.3
_DEFAULT_STRONG_Z = 5.6
# What the best picture of one unrelated query in five reaches, and of one in a hundred.
_FAIR_QUANTILE = 0.8
_STRONG_QUANTILE = 0.99
# Beyond what the best unrelated picture, lifted by its caption, reaches in seven queries of ten, a
# hit is shown with doubt.
_DOUBT_QUANTILE = 0.7
# Nineteen of twenty true matches reach the floor.
_FLOOR_QUANTILE = 0.05
# Pictures with captions of others that tell what those are worth that fit neither.
_MIXES = 256
# One standard deviation below the mean of a normal distribution.
_LOWER_QUANTILE = 0.16
# Captions closer to each other than this quantile of all pairs may share right answers, so
# the one's picture says nothing about noise for the other.
_UNRELATED_QUANTILE = 0.9
_MIN_DEVIATION = 1e-4

BEST_FIRST = (Band.STRONG, Band.FAIR, Band.WEAK)
"""The bands, the best one first."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Standard scores from which a hit is fair, and from which it is strong.

    ``floor`` is the cosine below which a hit is weak however far it stands out: a query that
    means nothing to the model spreads so little that chance alone gives large z. ``sure`` is
    the cosine from which a hit is fair at least: where half of a collection shows birds, no
    bird stands out.
    """

    fair: float
    strong: float
    floor: float = -1.0
    sure: float = 1.1

    def cuts(self, spread: tuple[float, float], best: BestPictures) -> Cuts:
        """The cuts of a query whose cosines have this median and lower deviation."""
        del best
        middle, deviation = spread
        fair = max(self.floor, min(middle + self.fair * deviation, self.sure))
        return Cuts(fair, fair, max(fair, middle + self.strong * deviation))


@dataclass(frozen=True, slots=True)
class BothThresholds:
    """What captions tell of chance, and what references do.

    Captions know what is like the collection, but not what half of it shows, nor of texts about
    nothing. So a hit is fair by either, but by captions only beyond what nothing reaches.
    """

    learnt: Thresholds
    referred: ReferenceThresholds

    def cuts(self, spread: tuple[float, float], best: BestPictures) -> Cuts:
        """The cuts of a query whose cosines have this median and lower deviation."""
        known, told = self.learnt.cuts(spread, best), self.referred.cuts(spread, best)
        fair = min(told.fair, max(known.fair, told.nothing))
        return Cuts(told.doubt, fair, max(fair, known.strong), told.nothing)


AnyThresholds = Thresholds | ReferenceThresholds | BothThresholds

_DEFAULT = Thresholds(_DEFAULT_FAIR_Z, _DEFAULT_STRONG_Z)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The score distribution of one snapshot.

    ``sample``: up to 512 picture vectors, float32 [n, d], drawn with a fixed seed;
    ``text`` and ``image``: the thresholds for text and for picture queries; ``captions``:
    what the match of a caption is worth; ``mixed``: the thresholds for pictures with a text;
    ``learnt``: captions told the thresholds, else :func:`refer` does better; ``doubt``: the
    standard score, lifted by captions, from which a weak hit of a text is worth showing.
    """

    sample: Vectors
    text: AnyThresholds
    image: Thresholds
    captions: CaptionScale
    mixed: MixedThresholds = field(default_factory=MixedThresholds)
    learnt: bool = True
    doubt: float = np.inf

    def spreads(self, queries: Vectors) -> list[tuple[float, float]]:
        """Median and lower deviation of the cosines of each query, float32 [n, d]."""
        middle, deviation = _moments(queries @ self.sample.T)
        return list(zip(middle.tolist(), deviation.tolist(), strict=True))

    def spread(self, query: Vectors) -> tuple[float, float]:
        """Median and lower deviation of the query's cosines over the sample."""
        return self.spreads(query[None])[0]

    def bands(
        self,
        query: Vectors,
        scores: NDArray[np.float32],
        thresholds: AnyThresholds,
    ) -> list[Band]:
        """The band of each score of this query, a unit vector of shape [d]."""

        def best() -> tuple[NDArray[np.float32], Vectors]:
            cosines = self.sample @ query
            rows = np.argsort(-cosines)[:LOOKED_AT]
            return cosines[rows], self.sample[rows]

        cuts = thresholds.cuts(self.spread(query), best)
        return [BEST_FIRST[place] for place in cuts.places(scores.astype(np.float64)).tolist()]


def calibrate(snapshot: Snapshot, *, seed: int = 0) -> Calibration:
    """Learn the thresholds of a snapshot; costs some 50 ms at 512 dimensions. Blocking.

    For texts, each sampled caption is a query whose own picture is a true match and whose
    best picture among those with unrelated captions is noise. For pictures, the nearest
    other picture stands for the match. ``fair`` is what noise reaches in one query of
    five, ``strong`` in one of a hundred; ``floor`` is the cosine that nineteen of twenty
    true matches reach, ``sure`` the one that noise reaches in one query of a hundred.
    Where most captions are equal to others, each counts once.
    """
    rng = np.random.default_rng(seed)
    index = snapshot.picture_index
    rows = _draw(rng, len(index), _SAMPLED_PICTURES)
    sample = index.reconstruct(rows)
    told = snapshot.caption_index
    drawn = _draw(rng, len(told), _SAMPLED_QUERIES)
    caption_sample = told.reconstruct(_draw(rng, len(told), _SAMPLED_CAPTIONS))
    captioned = len(np.unique(snapshot.owners))
    without = 1 - captioned / max(len(snapshot.pictures), 1)
    captions = _different(snapshot, drawn)
    if len(captions) < _ENOUGH_QUERIES:
        fitting = 1.0
        if len(drawn) >= _ENOUGH_QUERIES:
            # Captions that repeat may still say what is in their pictures, or not.
            texts = told.reconstruct(drawn)
            owners = np.array([snapshot.captions[row][1] for row in drawn], dtype=np.int64)
            scores = texts @ sample.T
            middle, deviation = _moments(scores)
            matches = (texts * index.reconstruct(owners)).sum(axis=1)
            fitting = fits(
                (matches - middle) / deviation, (scores - middle[:, None]) / deviation[:, None]
            )
        none = np.empty(0, dtype=np.float32)
        scale = caption_scale(caption_sample, none, fitting=fitting, without=without)
        return Calibration(sample, _DEFAULT, _DEFAULT, scale, learnt=False)
    texts = told.reconstruct(captions)
    owners = np.array([snapshot.captions[row][1] for row in captions], dtype=np.int64)
    pictures = index.reconstruct(owners)
    related = texts @ texts.T
    unrelated = related < np.quantile(related, _UNRELATED_QUANTILE)
    np.fill_diagonal(unrelated, val=False)
    matches = (texts * pictures).sum(axis=1)
    moments = _moments(texts @ sample.T)
    scores = texts @ pictures.T
    merits = (scores - moments[0][:, None]) / moments[1][:, None]
    fitting = fits((matches - moments[0]) / moments[1], merits)
    text = _thresholds(scores, moments, matches, unrelated)
    among = pictures @ pictures.T
    nearest = np.where(np.eye(len(owners), dtype=bool), -1.0, among).max(axis=1)
    image = _thresholds(among, _moments(pictures @ sample.T), nearest, unrelated)
    scale = caption_scale(
        caption_sample,
        unrelated_matches(texts, among < np.quantile(among, _UNRELATED_QUANTILE), caption_sample),
        fitting=fitting,
        without=without,
    )
    if fitting < _ENOUGH_FIT:
        return Calibration(sample, _DEFAULT, _DEFAULT, scale, learnt=False)
    lifts = _lifts(scale, texts, related)
    doubt = np.quantile(np.where(unrelated, merits + lifts, 0).max(axis=1), _DOUBT_QUANTILE)
    unseen = ~scale.sample.any(axis=0) & ~texts.any(axis=0)
    meant = np.where(unseen, np.float32(0), pictures)
    middle, deviation = _moments(meant @ sample.T)
    looks = (meant @ pictures.T - middle[:, None]) / deviation[:, None]
    words = said(merits.astype(np.float64), lifts.astype(np.float64))
    mixed = _mixed(looks.astype(np.float64), words, among, related, unrelated)
    return Calibration(sample, text, image, scale, mixed, doubt=float(doubt))


def _lifts(scale: CaptionScale, texts: Vectors, related: Vectors) -> NDArray[np.float32]:
    """What each of these captions lifts as an answer to each as a question: [n, n]."""
    matches = np.stack(list(map(scale.matches, scale.averages(texts).tolist(), related)))
    lifts: NDArray[np.float32] = np.where(matches >= scale.least, scale.lift(matches), 0)
    return lifts


def refer(
    snapshot: Snapshot, calibration: Calibration, references: Vectors, *, seed: int = 0
) -> Calibration:
    """The same with the thresholds for texts that references tell; costs some 20 ms. Blocking.

    ``references``: the vectors of :data:`core.search.references.REFERENCES`, float32 [m, d].
    """
    index = snapshot.picture_index
    if not len(index):
        return calibration
    rows = _draw(np.random.default_rng(seed), len(index), _REFERRED_PICTURES)
    pictures = index.reconstruct(rows)
    known = calibration.text
    middles, deviations = _moments(references @ calibration.sample.T)
    usual = float((middles - deviations).max())
    if not (calibration.learnt and isinstance(known, Thresholds)):
        return replace(
            calibration, text=reference_thresholds(pictures, references, usual, seed=seed)
        )
    told = reference_thresholds(pictures, references, usual, captions_tell=True, seed=seed)
    return replace(calibration, text=BothThresholds(known, told))


def _different(snapshot: Snapshot, drawn: NDArray[np.int64]) -> NDArray[np.int64]:
    """The captions to learn from: those drawn where most differ, else one of each.

    Where many repeat, of further ones than were drawn.
    """
    captions = snapshot.captions
    kept = _firsts(captions, drawn)
    if len(kept) >= max(_ENOUGH_QUERIES, len(drawn) / 2):
        return drawn
    if len(drawn) < len(captions):
        rng = np.random.default_rng(len(captions))
        further = _draw(rng, len(captions), _LOOKED_THROUGH)
        kept = _firsts(captions, np.concatenate([kept, further]))[: len(drawn)]
    return kept


def _firsts(captions: Sequence[tuple[str, int]], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    firsts: dict[str, int] = {}
    for row in rows.tolist():
        firsts.setdefault(captions[row][0].casefold(), row)
    return np.array(list(firsts.values()), dtype=np.int64)


def _mixed(
    looks: NDArray[np.float64],
    words: NDArray[np.float64],
    among: NDArray[np.float32],
    related: NDArray[np.float32],
    unrelated: NDArray[np.bool_],
) -> MixedThresholds:
    """Each picture with the caption of another one, far from it in their order; all are [n, n].

    ``looks`` and ``words``: what each picture, and each caption, says for each picture;
    ``among`` and ``related``: the cosines among pictures, and among captions.
    """
    count = len(looks)
    every = np.arange(count)
    # Of few pictures each with several: the best of forty says little of one in a hundred.
    shifts = np.linspace(0, count, max(1, _MIXES // count) + 2).astype(np.int64)[1:-1]
    mixes = np.tile(every, len(shifts))
    other = np.concatenate([np.roll(every, shift) for shift in shifts])
    # What belongs together by chance is no noise.
    apart = unrelated[mixes, other]
    mixes, other = mixes[apart], other[apart]
    if len(mixes) < _ENOUGH_QUERIES:
        return MixedThresholds()
    itself = np.eye(count, dtype=bool)
    alike = among >= np.quantile(among, _UNRELATED_QUANTILE)
    return mixed_thresholds(
        looks[mixes],
        words[other],
        (alike | ~unrelated)[mixes],
        ~unrelated[other],
        itself[mixes] | (itself | (related >= ALIKE))[other],
    )


def _draw(rng: np.random.Generator, total: int, wanted: int) -> NDArray[np.int64]:
    if total <= wanted:
        return np.arange(total, dtype=np.int64)
    return np.sort(rng.choice(total, size=wanted, replace=False)).astype(np.int64)


def _moments(scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    ordered = np.sort(scores, axis=1)
    low, middle = quantile(ordered, _LOWER_QUANTILE), quantile(ordered, 0.5)
    return middle, np.maximum(middle - low, _MIN_DEVIATION)


def _thresholds(
    scores: NDArray[np.float32],
    moments: tuple[NDArray[np.float32], NDArray[np.float32]],
    matches: NDArray[np.float32],
    unrelated: NDArray[np.bool_],
) -> Thresholds:
    middle, deviation = moments
    noise = np.where(unrelated, scores, -1.0).max(axis=1)
    fair, strong = np.quantile((noise - middle) / deviation, [_FAIR_QUANTILE, _STRONG_QUANTILE])
    return Thresholds(
        fair=float(fair),
        strong=float(strong),
        floor=float(np.quantile(matches, _FLOOR_QUANTILE)),
        sure=float(np.quantile(noise, _STRONG_QUANTILE)),
    )
