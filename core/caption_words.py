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
        """What :meth:`core.ports.WordIndex.search` says."""


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
        self._postings = postings
        self._weights = weights
        self._unknown = unknown
        self._caption_weights = np.zeros(total, dtype=np.float32)
        for word, rows in postings.items():
            self._caption_weights[rows] += weights[word]

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
        return len(self._caption_weights)

    def count(self, word: str) -> int:
        """How many captions hold a word, as :func:`words_of` writes it."""
        rows = self._postings.get(word)
        return 0 if rows is None else len(rows)

    def search(self, text: str, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The at most ``k`` captions that share a word with the text: scores and rows, [n]."""
        shared = np.zeros(len(self), dtype=np.float32)
        asked = 0.0
        for word in set(words_of(text)):
            weight = self._weights.get(word, self._unknown)
            asked += weight
            if word in self._postings:
                shared[self._postings[word]] += weight
        rows = np.flatnonzero(shared > 0)
        hits = shared[rows]
        missing = np.maximum(asked - hits, 0)
        foreign = np.maximum(self._caption_weights[rows] - hits, 0)
        scores = (hits / (hits + missing + _FOREIGN_WEIGHT * foreign)).astype(np.float32)
        if len(rows) > k:
            # A partition first: a common word may be in most captions.
            limit = np.partition(scores, len(scores) - k)[len(scores) - k]
            kept = scores >= limit
            rows, scores = rows[kept], scores[kept]
        best = np.lexsort((rows, -scores))[:k]
        return scores[best], rows[best]


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
