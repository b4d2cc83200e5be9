"""What captions say of a query, weighed so that it can be added to what pictures say.

A caption's cosine with a query says little by itself: two sentences of a model may be alike at
0.1 or at 0.8 and mean different things. What carries over is how far it has come from an average
caption of this collection (0) to the very same words (1): the *match*. Shared words add a little
to it (see :mod:`core.search.lexical`). How far unrelated captions come is learnt from the
collection: captions whose pictures are nothing like each other.

A match beyond what a tenth of queries find among unrelated captions lifts its picture, so far
that exact words win over any picture. A picture without a caption must not fall behind for that:
it stands where a caption stands that says neither yes nor no. The rarer captions are, and the less
they fit their own pictures ("holiday 2019"), the less does it count that one says nothing of the
query. ``docs/scores.md`` has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import Snapshot
from core.domain.types import Vectors
from core.search.coalescing import BatchedQuery, Near, nearest
from core.search.quantiles import quantile

LOOKED_AT = 256
"""Captions that may lift their pictures, by meaning and as many by words: far more than match."""

_WORDS_WEIGHT = 0.1
"""What shared words add to a match at most: they decide among captions of like meaning."""

_READ_ANYWAY = 8
"""Captions that share most words with a query: an index may have missed that they are near."""

_READ_FOR_WORDS = 64
"""Those of them at most that are read for holding the words alone: more than a page shows."""

_SAME_LETTERS = 0.1
"""What a caption gains that is the query letter by letter: a model may not tell "A" from "a"."""

_SAME_MEANING, _SAME_WORDS = 0.9, 0.999
"""From where on a match, or a score of shared words, may belong to the same letters."""

_LIFT = 16.0
"""Deviations of picture scores that a whole match is worth. From 12 to 20, paraphrases found first
rise by three points on the stamps; 16 is within two of that, and pictures still order the rest."""

_HOLDS, _HOLDS_SOME = 0.6, 0.4
"""The share of what a text asks for, by its rare words, that makes a caption that holds it a fair
match, and the share from which it is worth showing with doubt: "Lisbon" of "my car in Lisbon"."""

_HOLDING_LIFT = 8.0
"""Deviations of picture scores that a caption with all of these words lifts its picture by: the
best of those that show something else stands out by some four."""

_START_QUANTILE, _FAIR_QUANTILE, _STRONG_QUANTILE = 0.1, 0.8, 0.99
"""Of what the best unrelated caption reaches: where lifting begins, and the bands as in
:mod:`core.search.calibration`."""

_DEFAULT_START, _DEFAULT_FAIR, _DEFAULT_STRONG = 0.3, 0.45, 0.7
"""The same three on the stamps with the embedded model, where too few captions tell."""

ALIKE = 0.98
"""Cosine of two captions that say the same; neither is unrelated to the other's picture."""

_LEAST, _MOST = (0.25, 0.4, 0.6), (0.85, 0.9, 0.95)
"""Bounds of the three: a few captions that repeat tell nothing of how far others come, and the
very words of a caption are always a strong match."""

_UNDECIDED = 0.25
"""By how much a match beats ``strong`` before it is worth more than having no caption at all."""

_FITS_Z, _FITS_BY_CHANCE, _FITS_ENOUGH = 1.5, 0.07, 0.5
"""A caption fits its picture from this standard score on, which 7% of random ones reach; where
half do, captions are trusted to say what is in the pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionScale:
    """What a caption's match is worth in one snapshot.

    ``sample``: up to 256 caption vectors, float32 [n, d]; ``start``, ``fair`` and
    ``strong``: matches in [0, 1] from which a picture is lifted, and from which the caption
    alone makes a fair or a strong hit; ``trust``: how much it counts against a caption that
    it says nothing of a query, in [0, 1]; ``complete``: every picture has a caption.
    """

    sample: Vectors
    start: float = _DEFAULT_START
    fair: float = _DEFAULT_FAIR
    strong: float = _DEFAULT_STRONG
    trust: float = 1.0
    complete: bool = False

    @property
    def silent(self) -> float:
        """The lift of a picture without captions, in deviations of picture scores."""
        if self.complete:
            return 0.0
        return self.trust * _LIFT * (self.strong + _UNDECIDED - self.start)

    @property
    def least(self) -> float:
        """The match from which a caption says anything: it lifts its picture, or makes it fair."""
        return self.start if self.trust else self.fair

    def averages(self, queries: Vectors) -> NDArray[np.float32]:
        """The cosine of an average caption with each of these queries, float32 [n, d]: [n]."""
        if not len(self.sample):
            return np.zeros(len(queries), dtype=np.float32)
        return quantile(np.sort(queries @ self.sample.T, axis=1), 0.5)

    def matches(self, average: float, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far captions of these cosines with a query have come from an average one: [n].

        1 is the query itself.
        """
        found: NDArray[np.float32] = (cosines - average) / max(1 - average, 1e-3)
        return found

    def lift(self, matches: NDArray[np.float32]) -> NDArray[np.float32]:
        """By how many deviations of picture scores each match lifts its picture."""
        below = np.minimum(np.maximum(matches, self.start), self.strong) - self.start
        beyond = np.maximum(matches - self.strong, 0)
        lifts: NDArray[np.float32] = (_LIFT * (self.trust * below + beyond)).astype(np.float32)
        return lifts

    def bands(self, matches: NDArray[np.float64]) -> NDArray[np.int64]:
        """What captions alone make of their pictures: 0 strong, 1 fair, 2 weak; [n]."""
        found: NDArray[np.int64] = np.where(
            matches >= self.strong, 0, np.where(matches >= self.fair, 1, 2)
        )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class CaptionEvidence:
    """What captions say of a query.

    ``rows`` of the pictures whose captions may lift them, int64 [n] rising, with the best match
    of each one's captions, float64 [n], its lift in deviations of picture scores, float64
    [n], its cosine with the query, float64 [n], and the share of the query's words that it holds,
    float64 [n]; ``silent``: the lift of every picture without a caption.
    """

    rows: NDArray[np.int64]
    matches: NDArray[np.float64]
    lifts: NDArray[np.float64]
    cosines: NDArray[np.float64]
    held: NDArray[np.float64]
    silent: float

    @classmethod
    def none(cls) -> CaptionEvidence:
        """Of a question that no caption was asked."""
        nothing = np.empty(0, dtype=np.float64)
        return cls(nothing.astype(np.int64), nothing, nothing, nothing, nothing, 0.0)

    def holds_some(self, row: int) -> bool:
        """Whether the caption of this picture holds enough of the query's words to be shown."""
        return bool(self._of(np.array([row]), self.held)[0] >= _HOLDS_SOME)

    def matches_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The match of each of these pictures, -inf where captions do not lift it: [n]."""
        return self._of(rows, self.matches)

    def cosines_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The query's cosine with the caption that lifts each of them, -inf without one: [n]."""
        return self._of(rows, self.cosines)

    def _of(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        if not len(self.rows):
            return np.full(len(rows), -np.inf)
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        found: NDArray[np.float64] = np.where(self.rows[places] == rows, values[places], -np.inf)
        return found


def caption_scale(
    sample: Vectors, noise: NDArray[np.float32], *, fitting: float, without: float
) -> CaptionScale:
    """The scale of a snapshot.

    Args:
        sample: caption vectors, float32 [n, d].
        noise: matches of the best unrelated caption, one for each of some queries [m]; none
            where there are too few captions to learn from.
        fitting: the share of captions that fit their own pictures.
        without: the share of pictures that have no caption.

    """
    start, fair, strong = _DEFAULT_START, _DEFAULT_FAIR, _DEFAULT_STRONG
    if len(noise):
        quantiles = np.quantile(noise, [_START_QUANTILE, _FAIR_QUANTILE, _STRONG_QUANTILE])
        start, fair, strong = np.clip(quantiles, _LEAST, _MOST).tolist()
    trust = (fitting - _FITS_BY_CHANCE) / (_FITS_ENOUGH - _FITS_BY_CHANCE)
    trust = min(1.0, max(0.0, trust)) * (1 - without) ** 2
    return CaptionScale(sample, start, fair, strong, trust, complete=without == 0)


def fits(standard_scores: NDArray[np.float32], of_any: NDArray[np.float32]) -> float:
    """The share of captions that fit their pictures, by each one's standard score with it.

    ``of_any``: the scores of any caption with any picture. Names that programs made ("IMG_0001")
    are all like one text, which a fifth of the pictures may fit as well: what chance reaches
    here beyond what it usually does counts for nothing.
    """
    by_chance = float((of_any >= _FITS_Z).mean())
    fitting = float((standard_scores >= _FITS_Z).mean())
    return max(0.0, fitting - max(0.0, by_chance - _FITS_BY_CHANCE))


def unrelated_matches(captions: Vectors, among: NDArray[np.bool_], sample: Vectors) -> Vectors:
    """For each caption [n, d] the best match among those that ``among`` [n, n] names: [n]."""
    scores = captions @ captions.T
    average = np.median(captions @ sample.T, axis=1)
    best = np.where(among & (scores < ALIKE), scores, average[:, None]).max(axis=1)
    found: Vectors = ((best - average) / np.maximum(1 - average, 1e-3)).astype(np.float32)
    return found


class NearestCaptions(NamedTuple):
    """The captions nearest to a query, and how near an average one is."""

    near: Near
    average: float


def lookup(
    snapshot: Snapshot, scale: CaptionScale, query: Vectors
) -> BatchedQuery[NearestCaptions]:
    """What :func:`told` wants to know first of a query, float32 [d]."""
    index = snapshot.caption_index

    def ask(queries: Vectors) -> list[NearestCaptions]:
        near = nearest(index, queries, LOOKED_AT)
        return list(map(NearestCaptions, near, scale.averages(queries).tolist()))

    return BatchedQuery(ask, (told, id(index), id(scale)), query)


def told(
    snapshot: Snapshot,
    scale: CaptionScale,
    query: Vectors,
    text: str,
    heard: NearestCaptions | None = None,
    *,
    alone: bool = True,
) -> CaptionEvidence:
    """What the captions of a snapshot say of a text and its vector, float32 [d]. Blocking.

    ``heard``: what :func:`lookup` found, where somebody has looked already. ``alone``: nothing but
    the text is asked, so that a caption is an answer for holding its words.
    """
    if not len(snapshot.caption_index):
        return CaptionEvidence.none()
    rows, matches, cosines, held = _matches(
        snapshot, scale, query, text, heard or lookup(snapshot, scale, query).alone()
    )
    if alone:
        # The next number above it: as a float32 it may lie below.
        fair = np.nextafter(np.float32(scale.fair), np.float32(1))
        matches = np.where(held >= _HOLDS, np.maximum(matches, fair), matches)
    else:
        held = np.zeros_like(held)
    lifting = np.flatnonzero((matches >= scale.least) | (held >= _HOLDS_SOME))
    owners = snapshot.owners[rows[lifting]]
    # The best caption of each picture stands first among those of it.
    by_owner = np.lexsort((-matches[lifting], owners))
    owners = owners[by_owner]
    first = np.diff(owners, prepend=-1) > 0
    best = lifting[by_owner[first]]
    matches, held = matches[best], held[best]
    lifts = scale.lift(matches)
    # Where pictures without captions stand high, its words have to lift it as far.
    by_words = np.maximum(_HOLDING_LIFT * held, scale.silent)
    lifts = np.where(held >= _HOLDS_SOME, np.maximum(lifts, by_words), lifts)
    return CaptionEvidence(
        owners[first],
        matches.astype(np.float64),
        lifts.astype(np.float64),
        cosines[best].astype(np.float64),
        held.astype(np.float64),
        scale.silent,
    )


def _matches(
    snapshot: Snapshot, scale: CaptionScale, query: Vectors, text: str, heard: NearestCaptions
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Of all captions that lift their pictures, and of some others: [n] each.

    Their rows, their matches, their cosines with the query, and the share of its words they hold.
    """
    near, average = heard
    shared, by_words, holding = snapshot.caption_words.search(text, LOOKED_AT)
    by_meaning = scale.matches(average, near.scores)
    # Reading vectors is the dearest of all. No other caption is nearer than the last of these,
    # so that few of those that share words may lift.
    gains = _WORDS_WEIGHT * shared + _SAME_LETTERS * (shared >= _SAME_WORDS)
    read = max(_READ_ANYWAY, int((by_meaning[-1] + gains >= scale.least).sum()))
    hopeful = int((by_meaning >= scale.least - _WORDS_WEIGHT - _SAME_LETTERS).sum())

    rows = near.rows[:hopeful]
    _, places, words = np.intersect1d(rows, by_words, assume_unique=True, return_indices=True)
    in_common, held = np.zeros(hopeful, dtype=np.float32), np.zeros(hopeful, dtype=np.float32)
    in_common[places], held[places] = shared[words], holding[words]
    best_first = np.arange(len(by_words))
    further = best_first < read
    further |= (holding >= _HOLDS_SOME) & (best_first < _READ_FOR_WORDS)
    further[words] = False
    others = by_words[further]
    cosines = snapshot.caption_index.reconstruct(others) @ query

    rows = np.concatenate([rows, others])
    in_common = np.concatenate([in_common, shared[further]])
    held = np.concatenate([held, holding[further]])
    matches = np.concatenate([by_meaning[:hopeful], scale.matches(average, cosines)])
    matches += _WORDS_WEIGHT * in_common
    # The very same letters are the very same words, or where there are none, mean the same.
    alike = (matches >= _SAME_MEANING) | (in_common >= _SAME_WORDS)
    for place in np.flatnonzero(alike).tolist():
        if snapshot.captions[int(rows[place])][0] == text:
            matches[place] += _SAME_LETTERS
    return rows, matches, np.concatenate([near.scores[:hopeful], cosines]), held
