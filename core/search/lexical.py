"""Which captions hold the words of a query: an inverted index in memory, immutable.

What a model makes of a name, a number or a word of another language is chance; that a caption
holds it is not. Words are compared without case, accents and English plural endings; runs of
Chinese, Japanese and Thai letters, which write no spaces, in pairs of letters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

_FOREIGN_WEIGHT = 0.1
"""What a word of the caption that was not asked for counts against the match, beside a word
that was asked for and is missing (the beta of a Tversky index): captions may say more."""

_SAMPLED = 4096
"""Of many values, those that tell about how high the best ones are, before all are compared."""

_ROUNDED = 1 - 1e-6
"""What rounding to float32 may take from a score, and more."""

# Those of Latin, Greek and Cyrillic; marks of other scripts make other letters of theirs.
_ACCENTS = re.compile(r"[\u0300-\u036f]+")
_WORD = re.compile(r"\w+")
# Thai, kana, CJK ideographs, half-width kana: scripts without spaces between words.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f]+")


class CountedWords(Protocol):
    """Captions by their words, with how many of them hold a word."""

    def __len__(self) -> int:
        """How many captions there are."""

    def count(self, word: str) -> int:
        """How many of them hold a word, as :func:`words_of` writes it."""

    def search(self, text: str, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What :meth:`core.domain.ports.WordIndex.search` says."""


class CaptionWords:
    """The WordIndex port over a sequence of captions.

    A match is the weight of the shared words by the weight of those asked for, and a tenth of
    those the caption has besides. A word weighs the logarithm of how rare it is (inverse
    document frequency), so "a" and "of" weigh nothing where every caption has them.
    """

    def __init__(
        self,
        postings: Mapping[str, NDArray[np.int32]],
        weights: Mapping[str, float],
        unknown: float,
        total: int,
    ) -> None:
        """``postings``: the captions that hold a word, rising; ``weights`` of each word."""
        self._weights = weights
        self._unknown = unknown
        lengths = np.fromiter(map(len, postings.values()), dtype=np.int64, count=len(postings))
        rows = np.concatenate([np.empty(0, dtype=np.int32), *postings.values()])
        each = np.repeat([weights[word] for word in postings], lengths)
        heavy = np.bincount(rows, each, total).astype(np.float32)
        # Places instead of rows from here on: captions that say the least first, since among
        # those that share as much with a question they are the best ones.
        self._rows = np.argsort(heavy, kind="stable")
        self._heavy = heavy[self._rows]
        places = np.empty(total, dtype=np.int32)
        places[self._rows] = np.arange(total, dtype=np.int32)
        found, words = places[rows], np.repeat(np.arange(len(postings)), lengths)
        self._places = found[np.lexsort((found, words))]
        ends = np.cumsum(lengths).tolist()
        spans = zip([0, *ends], ends, strict=False)
        self._spans: dict[str, tuple[int, int]] = dict(zip(postings, spans, strict=True))

    @classmethod
    def of(cls, captions: Iterable[str], background: CountedWords | None = None) -> Self:
        """The index of these captions.

        How rare a word is, is told by them and by the captions of the ``background``: a
        handful that lie over a large collection cannot tell it alone.
        """
        found: dict[str, array[int]] = {}
        total = 0
        for total, caption in enumerate(captions, start=1):
            for word in set(words_of(caption)):
                found.setdefault(word, array("i")).append(total - 1)
        postings = {word: np.frombuffer(rows, dtype=np.int32) for word, rows in found.items()}
        others = 0 if background is None else len(background)
        weights = {
            word: _weight(
                total + others, len(rows) + (0 if background is None else background.count(word))
            )
            for word, rows in postings.items()
        }
        return cls(postings, weights, _weight(total + others, 1), total)

    def __len__(self) -> int:
        return len(self._rows)

    def count(self, word: str) -> int:
        """How many captions hold a word, as :func:`words_of` writes it."""
        start, end = self._spans.get(word, (0, 0))
        return end - start

    def search(self, text: str, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The at most ``k`` captions that share a word with the text: scores and rows, [n]."""
        weights = {word: self._weights.get(word, self._unknown) for word in words_of(text)}
        # Those of every caption weigh nothing, and would be the most to look at.
        held = [word for word, weight in weights.items() if weight > 0 and word in self._spans]
        if not held:
            return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
        postings = [self._places[slice(*self._spans[word])] for word in held]
        each = np.repeat([weights[word] for word in held], [len(places) for places in postings])
        hits = np.bincount(np.concatenate(postings), each, len(self)).astype(np.float64, copy=False)
        asked = sum(weights.values())
        places = self._hopeful(hits, asked, k)
        rows, scores = self._rows[places], self._scores(hits, asked, places)
        best = np.lexsort((rows, -scores))[:k]
        return scores[best], rows[best]

    def _scores(
        self, hits: NDArray[np.float64], asked: float, places: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Of these captions, by the weight that each shares, [len], and what is asked for."""
        shared = hits[places]
        foreign = np.maximum(self._heavy[places] - shared, 0)
        found: NDArray[np.float32] = (
            shared / (np.maximum(shared, asked) + _FOREIGN_WEIGHT * foreign)
        ).astype(np.float32)
        return found

    def _hopeful(self, hits: NDArray[np.float64], asked: float, k: int) -> NDArray[np.int64]:
        """Places of the best ``k``, or of all that share a word, and of a few others.

        A common word may be in most captions, and to score and sort these is the most of the
        work. So some hundred are scored that share much and say little besides. Whatever is as
        good as the worst of their best ``k`` shares enough, and says no more than so much.
        """
        sample = hits[:: max(1, len(hits) // _SAMPLED)]
        # Four times as many as are wanted, so that chance rarely leaves too few.
        above = min(len(sample), 1 + 4 * k * len(sample) // len(hits))
        level = float(np.sort(sample)[len(sample) - above])
        if level > 0:
            higher = np.flatnonzero(hits > level)
            lightest = np.flatnonzero(hits[: len(hits) // 2] == level)[: 4 * k]
            first = np.concatenate([higher, lightest])
            if len(first) >= k:
                scores = np.sort(self._scores(hits, asked, first))
                worst = float(scores[len(scores) - k]) * _ROUNDED
                # Of captions that share no more than the level.
                heaviest = level + max(0.0, level / worst - asked) / _FOREIGN_WEIGHT
                end = int(np.searchsorted(self._heavy, heaviest / _ROUNDED, side="right"))
                level_or_less = np.flatnonzero(hits[:end] >= worst * asked)
                return np.concatenate([level_or_less, higher[higher >= end]])
        return np.flatnonzero(hits > 0)


def words_of(text: str) -> Iterator[str]:
    """The words of a text as they are compared, in order."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    for word in _WORD.findall(unicodedata.normalize("NFC", plain)):
        start = 0
        for run in _UNSPACED.finditer(word):
            yield from _spaced(word[start : run.start()])
            yield from _pairs(run.group())
            start = run.end()
        yield from _spaced(word[start:])


def _spaced(word: str) -> Sequence[str]:
    return (_singular(word),) if word else ()


def _pairs(run: str) -> Sequence[str]:
    return tuple(run[place : place + 2] for place in range(max(1, len(run) - 1)))


def _singular(word: str) -> str:
    """Without an English plural ending: the S-stemmer of Harman, "How effective is suffixing?".

    (Journal of the American Society for Information Science 42(1), 1991.)
    """
    if word.endswith("ies") and not word.endswith(("eies", "aies")) and len(word) > len("ties"):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and len(word) > len("as"):
        return word[:-1]
    return word


def _weight(total: int, holding: int) -> float:
    """0 for a word of every caption, growing with its rarity."""
    return max(0.0, math.log((total + 1) / (holding + 1))) if total > 1 else 1.0
