"""Tags: which label of a collection fits each of its pictures best, and does any.

A tag follows from a picture's vector and the labels alone, so nothing is kept of single
pictures: whatever comes in by an upload or a reindex has its tag at once, and what is removed
leaves none behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.domain.errors import BadLabels, UnknownLabel
from core.domain.plain_text import folded
from core.domain.types import Vectors
from core.search.query import QUOTES
from core.search.zero_shot import FITS_Z, everyday_of, label_means, prompts_of, stands_out

if TYPE_CHECKING:
    from core.domain.ports import VectorIndex

MAX_LABELS = 1000
"""Labels of one collection: with so many, a block of pictures takes 17 MB of scores."""

MAX_LABEL = 100
"""Characters of a label."""

_NOT_BY_CHANCE = 0.9

NAMED = 20
"""Labels that an error names; more would not be read."""

NONE = -1
"""Stands for the place of a label where none fits."""

_BLOCK = 4096
"""Vectors in memory at once: 8 MB at 512 dimensions."""


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """The tag of each row: the place of its label or :data:`NONE`, and the best label's cosine.

    ``places`` int16 [n], ``scores`` float32 [n].
    """

    places: NDArray[np.int16]
    scores: NDArray[np.float32]

    def rows(self, places: Iterable[int]) -> NDArray[np.int64]:
        return np.flatnonzero(np.isin(self.places, list(places))).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class LabelSet:
    """The labels of a collection as one model understands them.

    ``words``: the direction of each label, float32 [labels, d]; ``everyday``: those of words
    that have nothing to do with a picture, float32 [n, d]; all rows of length 1.
    """

    labels: tuple[str, ...]
    words: Vectors
    everyday: Vectors

    def tags(self, pictures: Vectors) -> Tags:
        """The tags of pictures, float32 [n, d]."""
        if not len(pictures):
            return Tags(np.empty(0, np.int16), np.empty(0, np.float32))
        scores = pictures @ self.words.T
        places = scores.argmax(axis=1).astype(np.int16)
        best = scores.max(axis=1)
        fits = stands_out(best, pictures @ self.everyday.T, least_for(len(self.labels)))
        return Tags(np.where(fits, places, NONE).astype(np.int16), best)

    def tags_of(
        self,
        index: VectorIndex,
        on_block: Callable[[int, int], object] | None = None,
        *,
        block: int = _BLOCK,
    ) -> Tags:
        """The tags of all rows, block by block; ``on_block`` learns how many of how many."""
        blocks = [self.tags(index.reconstruct(np.arange(0, dtype=np.int64)))]
        for start in range(0, len(index), block):
            end = min(start + block, len(index))
            blocks.append(self.tags(index.reconstruct(np.arange(start, end, dtype=np.int64))))
            if on_block is not None:
                on_block(end, len(index))
        return Tags(
            np.concatenate([block.places for block in blocks]),
            np.concatenate([block.scores for block in blocks]),
        )

    def places_of(self, asked: Iterable[str]) -> tuple[int, ...]:
        """The places of these labels, in any case. Raises UnknownLabel, which names all."""
        known = {folded(label): place for place, label in enumerate(self.labels)}
        places = []
        for label in asked:
            place = known.get(folded(label))
            if place is None:
                raise unknown(label, self.labels)
            places.append(place)
        return tuple(places)


def least_for(count: int) -> float:
    """Standard scores from which the best of ``count`` labels fits; more for more labels.

    Were the scores of labels that do not fit drawn from a normal distribution, at most one
    picture in ten would be tagged by chance, and fewer where labels are few.
    """
    return max(FITS_Z, NormalDist().inv_cdf(_NOT_BY_CHANCE ** (1 / count)))


def prompts(labels: tuple[str, ...]) -> list[str]:
    """The texts that :func:`label_set` wants the vectors of, in its order."""
    return prompts_of(labels)


def label_set(labels: tuple[str, ...], vectors: list[Vectors]) -> LabelSet:
    """The labels from the unit vectors of :func:`prompts`, float32 [d] each."""
    return LabelSet(
        labels,
        label_means(vectors, len(labels)).astype(np.float32),
        everyday_of(vectors, len(labels)).astype(np.float32),
    )


def tidy_labels(lines: Iterable[str]) -> tuple[str, ...]:
    """One label a line, without empty lines and those that differ in case alone.

    Raises BadLabels for none, more than :data:`MAX_LABELS`, one of more than :data:`MAX_LABEL`
    characters, and one with a quotation mark, which no question could name.
    """
    tidied = (" ".join(line.replace("\0", " ").split()) for line in lines)
    labels: dict[str, str] = {}
    for label in tidied:
        if label:
            labels.setdefault(folded(label), label)
    if not 1 <= len(labels) <= MAX_LABELS:
        raise BadLabels(
            "{count} different labels were given.",
            remedy="Give 1 to {limit}, one a line.",
            count=len(labels),
            limit=MAX_LABELS,
        )
    for label in labels.values():
        if len(label) > MAX_LABEL:
            raise BadLabels(
                "The label “{label}…” is {length} characters long.",
                remedy="Use at most {limit}: one or two words work best.",
                label=label[:MAX_LABEL],
                length=len(label),
                limit=MAX_LABEL,
            )
        if not QUOTES.isdisjoint(label):
            raise BadLabels(
                "The label “{label}” has a quotation mark, so nobody could ask for it.",
                remedy="Leave the quotation mark out.",
                label=label,
            )
    return tuple(labels.values())


def unknown(label: str, known: tuple[str, ...]) -> UnknownLabel:
    if not known:
        return UnknownLabel(
            "The pictures here have no labels.",
            remedy="Ask without label:, or have the operator run: tangerine tag",
        )
    return UnknownLabel(
        "There is no label “{label}” here.",
        remedy="There are: {names}."
        if len(known) <= NAMED
        else "There are: {names}, and {more} more.",
        label=label[:MAX_LABEL],
        names=", ".join(known[:NAMED]),
        more=len(known) - NAMED,
    )
