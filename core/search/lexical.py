"""Which captions hold the words of a query: an inverted index in memory, immutable.

What a model makes of a name, a number or a word of another language is chance; that a caption
holds it is not. Words are compared without case, accents and English plural endings; runs of
Chinese, Japanese and Thai letters, which write no spaces, in pairs of letters.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.domain.ports import SharedWords
from core.search.common_words import SAID_OF_ANYTHING, SAID_OFTEN

_FOREIGN_WEIGHT = 0.1
"""What a word of the caption that was not asked for counts against the match, beside a word
that was asked for and is missing (the beta of a Tversky index): captions may say more."""

_SAMPLED = 4096
"""Of many values, those that tell about how high the best ones are, before all are compared."""

_ROUNDED = 1 - 1e-6
"""What rounding to float32 may take from a score, and more."""

_WORD = re.compile(r"\w+")
# Thai, kana, CJK ideographs, half-width kana: scripts without spaces between words.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f]+")
_ARTICLE = re.compile(r"(?:[\u0648\u0628\u0643\u0641]?\u0627\u0644|\u0644\u0644)(?=\w\w)")
"""The Arabic one, alone or behind "and", "with", "as" or "so", and in "for the"."""


_ACCENTS = re.compile("[\u0300-\u036f\u0640\u064b-\u0655]+")
"""Those of Latin, Greek and Cyrillic, and what Arabic is mostly typed without: vowels, hamza on a
letter, drawn out letters. Marks of other scripts make other letters of theirs."""

_ARABIC = str.maketrans({"\u0649": "\u064a", "\u0629": "\u0647"})
"""Letters typed for each other at the end of words, as Lucene's ArabicNormalizer has them."""


class CountedWords(Protocol):
    """Captions by their words, with how many of them hold a word."""

    def __len__(self) -> int:
        """How many captions there are."""

    def count(self, word: str) -> int:
        """How many of them hold a word, as :func:`words_of` writes it."""

    def search(self, text: str, k: int) -> SharedWords:
        """What :meth:`core.domain.ports.WordIndex.search` says."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldWords:
    """Which captions hold a word, before it is known whose captions count.

    ``numbers``: of each word; ``postings``: for word after word, the captions that hold it, rising;
    ``lengths``: how many each has, int64 [words]; ``total``: how many captions there are.
    """

    numbers: Mapping[str, int]
    postings: NDArray[np.int32]
    lengths: NDArray[np.int64]
    total: int

    @classmethod
    def of(cls, captions: Iterable[str]) -> Self:
        """Of these captions."""
        found: dict[str, array[int]] = {}
        total = 0
        for total, caption in enumerate(captions, start=1):
            for word in set(words_of(caption)):
                found.setdefault(word, array("i")).append(total - 1)
        rows = (np.frombuffer(each, dtype=np.int32) for each in found.values())
        return cls(
            {word: number for number, word in enumerate(found)},
            np.concatenate([np.empty(0, dtype=np.int32), *rows]),
            np.fromiter(map(len, found.values()), dtype=np.int64, count=len(found)),
            total,
        )

    def joined(self, rows: NDArray[np.int64], others: HeldWords) -> HeldWords:
        """The words of some of these captions, which rise, and of all of the others behind them."""
        numbers = dict(self.numbers)
        for word in others.numbers:
            numbers.setdefault(word, len(numbers))
        of_others = np.array([numbers[word] for word in others.numbers], dtype=np.int64)
        words, postings = self._left(rows)
        words = np.concatenate([words, np.repeat(of_others, others.lengths)])
        postings = np.concatenate([postings, others.postings + np.int32(len(rows))])
        # Of each word in the order in which they stand: those of the others come behind.
        order = np.argsort(words, kind="stable")
        lengths = np.bincount(words, minlength=len(numbers))
        return HeldWords(numbers, postings[order], lengths, len(rows) + others.total)

    def among(self, rows: NDArray[np.int64], background: CountedWords | None) -> CaptionWords:
        """The index of some of the captions alone, which it numbers anew; they rise."""
        words, postings = self._left(rows)
        lengths = np.bincount(words, minlength=len(self.lengths))
        return CaptionWords(self.numbers, postings, lengths, len(rows), background)

    def _left(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The words of these captions, and for each the caption by its new number."""
        numbers = np.full(self.total, -1, dtype=np.int32)
        numbers[rows] = np.arange(len(rows), dtype=np.int32)
        renumbered = numbers[self.postings]
        left = renumbered >= 0
        return np.repeat(np.arange(len(self.lengths)), self.lengths)[left], renumbered[left]


class CaptionWords:
    """The WordIndex port over a sequence of captions.

    A match is the weight of the shared words by the weight of those asked for, and a tenth of
    those the caption has besides. A word weighs the logarithm of how rare it is (inverse
    document frequency), so "a" and "of" weigh nothing where every caption has them.
    """

    def __init__(
        self,
        numbers: Mapping[str, int],
        postings: NDArray[np.int32],
        lengths: NDArray[np.int64],
        total: int,
        background: CountedWords | None = None,
    ) -> None:
        """``postings``: for word after word, by its number, the captions that hold it, rising.

        ``lengths``: how many of them each word has, [words]; words without any are unknown.
        ``total``: how many captions there are.
        """
        others = 0 if background is None else len(background)
        known = np.zeros(len(lengths), dtype=np.int64)
        if background is not None:
            held = ((number, word) for word, number in numbers.items() if lengths[number])
            for number, word in held:
                known[number] = background.count(word)
        self._numbers = numbers
        self._unknown = float(_weights(total + others, np.ones(1, dtype=np.int64))[0])
        self._weights = _weights(total + others, np.where(lengths > 0, lengths + known, 1))
        heavy = np.bincount(postings, np.repeat(self._weights, lengths), total).astype(np.float32)
        # Places instead of rows from here on: captions that say the least first, since among
        # those that share as much with a question they are the best ones.
        self._rows = np.argsort(heavy, kind="stable")
        self._heavy = heavy[self._rows]
        places = np.empty(total, dtype=np.int32)
        places[self._rows] = np.arange(total, dtype=np.int32)
        found, words = places[postings], np.repeat(np.arange(len(lengths)), lengths)
        self._places = found[np.lexsort((found, words))]
        self._ends = np.cumsum(lengths)

    @classmethod
    def of(cls, captions: Iterable[str], background: CountedWords | None = None) -> Self:
        """The index of these captions.

        How rare a word is, is told by them and by the captions of the ``background``: a
        handful that lie over a large collection cannot tell it alone.
        """
        held = HeldWords.of(captions)
        return cls(held.numbers, held.postings, held.lengths, held.total, background)

    def __len__(self) -> int:
        return len(self._rows)

    def count(self, word: str) -> int:
        """How many captions hold a word, as :func:`words_of` writes it."""
        start, end = self._span(word)
        return end - start

    def search(self, text: str, k: int) -> SharedWords:
        """The at most ``k`` captions that share a word with the text, best first."""
        weights = {word: self._weight(word) for word in words_of(text)}
        # Those of every caption weigh nothing, and would be the most to look at.
        held = [word for word, weight in weights.items() if weight > 0 and self.count(word)]
        if not held:
            nothing = np.empty(0, dtype=np.float32)
            return SharedWords(nothing, nothing.astype(np.int64), nothing)
        postings = [self._places[slice(*self._span(word))] for word in held]
        each = np.repeat([weights[word] for word in held], [len(those) for those in postings])
        hits = np.bincount(np.concatenate(postings), each, len(self)).astype(np.float64, copy=False)
        asked = sum(weights.values())
        places = self._hopeful(hits, asked, k)
        rows, scores = self._rows[places], self._scores(hits, asked, places)
        best = np.lexsort((rows, -scores))[:k]
        meant = sum(weight for word, weight in weights.items() if word not in _COMMON)
        of_meant = np.zeros(len(best))
        for word, those in zip(held, postings, strict=True):
            if word not in _COMMON:
                at = np.minimum(np.searchsorted(those, places[best]), len(those) - 1)
                of_meant += weights[word] * (those[at] == places[best])
        share = (of_meant / (meant or 1.0)).astype(np.float32)
        return SharedWords(scores[best], rows[best], share)

    def _span(self, word: str) -> tuple[int, int]:
        number = self._numbers.get(word)
        if number is None:
            return 0, 0
        return (int(self._ends[number - 1]) if number else 0), int(self._ends[number])

    def _weight(self, word: str) -> float:
        number = self._numbers.get(word)
        return self._unknown if number is None else float(self._weights[number])

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


def unaccented(text: str) -> str:
    """The form in which words are compared: without case, accents and full width."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", plain).translate(_ARABIC)


def words_of(text: str) -> Iterator[str]:
    """The words of a text as they are compared, in order."""
    for word in _WORD.findall(unaccented(text)):
        start = 0
        for run in _UNSPACED.finditer(word):
            yield from _spaced(word[start : run.start()])
            yield from _pairs(run.group())
            start = run.end()
        yield from _spaced(word[start:])


def telling_words(text: str) -> Iterator[str]:
    """Those of :func:`words_of` that nearly every sentence does not have, in order."""
    return (word for word in words_of(text) if word not in _COMMON)


def _spaced(word: str) -> Sequence[str]:
    return (_stem(word),) if word else ()


def _pairs(run: str) -> Sequence[str]:
    return tuple(run[place : place + 2] for place in range(max(1, len(run) - 1)))


def _stem(word: str) -> str:
    """Without an Arabic article, as light10 takes it off, and an English plural ending.

    Larkey et al. 2007, "Light stemming for Arabic information retrieval"; the S-stemmer of Harman,
    "How effective is suffixing?" (Journal of the American Society for Information Science 42(1),
    1991).
    """
    if article := _ARTICLE.match(word):
        return word[article.end() :]
    if word.endswith("ies") and not word.endswith(("eies", "aies")) and len(word) > len("ties"):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and len(word) > len("as"):
        return word[:-1]
    return word


def _weights(total: int, holding: NDArray[np.int64]) -> NDArray[np.float64]:
    """0 for a word of every caption, growing with its rarity."""
    if total <= 1:
        return np.ones(len(holding))
    weights: NDArray[np.float64] = np.maximum(0.0, np.log((total + 1) / (holding + 1)))
    return weights


_COMMON = frozenset(words_of(SAID_OFTEN + SAID_OF_ANYTHING))
