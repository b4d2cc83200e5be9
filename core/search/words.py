"""Words that stand in pictures: how they are compared with those of a question.

Case and accents do not count, nor where a reader saw a space. Words are compared whole, as parts
of a line whose spaces got lost, and with a letter or two read wrongly; runs of Chinese, Japanese
and Thai letters, which write no spaces, by pairs of letters. What may match is told by *grams*,
which an index can look up: the three letters of each place in a line, each word, and how it
begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from core.search.common_words import SAID_OFTEN
from core.search.lexical import unaccented

MAX_GRAMS: Final = 64
"""Of one question; what is asked beyond that decides nothing."""

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "\u0131": "i", "æ": "ae", "œ": "oe", "_": " "}
)
"""Letters that Unicode does not take apart; U+0131 is Turkish."""

_GRAM: Final = 3
_LONGEST: Final = 24

_COMMON = frozenset(SAID_OFTEN.split())
"""Words that nearly every sentence has; they count a tenth."""

_A_TENTH: Final = 0.1
_IDEOGRAPH: Final = 2.5
"""Letters of an alphabet that one of a script without spaces says as much as."""

_SPACE_LOST: Final = 0.95
_FORGIVEN = ((4, 1), (8, 2))
"""From how many letters on a word may have so many letters read wrongly."""

_LEAST: Final = 0.34
"""Of what a question asks for, the weight that must be found."""


def folded_words(text: str) -> str:
    """The text without case and accents, its words parted by single spaces."""
    return " ".join(_WORD.findall(unaccented(text).translate(_LETTERS)))


def grams(text: str) -> set[str]:
    """Those by which a line, or a question, is looked up."""
    plain = folded_words(text)
    spaced = [word for word in plain.split() if not _UNSPACED.search(word)]
    found = {f"={word[:_LONGEST]}" for word in spaced} | set(filter(None, map(_ends, spaced)))
    for run in _UNSPACED.findall(plain):
        found.update(run)
        found.update(run[at : at + 2] for at in range(len(run) - 1))
    for part in _UNSPACED.split(plain):
        letters = part.replace(" ", "")
        found.update(letters[at : at + _GRAM] for at in range(len(letters) - _GRAM + 1))
    return found


def _ends(word: str) -> str:
    """How a word begins and ends, which stays where a letter between was read wrongly."""
    if len(word) <= _GRAM:
        return ""
    edge = 1 if len(word) == _GRAM + 1 else 2
    return f"{word[:edge]}~{word[-edge:]}"


def asked_grams(text: str) -> tuple[str, ...]:
    """Those of a question, of its weighty words first; none where there are only common ones."""
    terms = sorted(_terms(text), key=lambda term: -term.weight)
    weighty = [term for term in terms if term.weight >= 1] or terms
    found = dict.fromkeys(gram for term in weighty for gram in sorted(grams(term.word)))
    return tuple(found)[:MAX_GRAMS]


def phrase_grams(phrases: Sequence[str]) -> set[str]:
    """Those that every picture has in which these very words stand, whatever spaces got lost."""
    whole = [folded_words(phrase) for phrase in phrases]
    inside = {gram for text in whole for word in text.split() for gram in grams(word)}
    close = {gram for gram in inside if "=" not in gram and "~" not in gram}
    return close or inside


def telling(question: str) -> float:
    """How much a question says, in (0, 1]: a word of three letters may stand, or fit, anywhere."""
    return _telling(sum(term.letters for term in _terms(question)))


def _telling(letters: float) -> float:
    return min(1.0, 0.42 + 0.04 * letters)


class _Term(NamedTuple):
    word: str
    weight: float
    letters: float


@lru_cache(maxsize=256)
def _terms(text: str) -> tuple[_Term, ...]:
    """The words of a question, those without spaces in runs, each with its weight."""
    found: dict[str, _Term] = {}
    for word in folded_words(text).split():
        for part in _parts(word):
            if _UNSPACED.match(part):
                letters = _IDEOGRAPH * len(part)
            else:
                letters = len(part) * (_A_TENTH if part in _COMMON or len(part) == 1 else 1.0)
            found.setdefault(part, _Term(part, letters, letters))
    return tuple(found.values())


def _parts(word: str) -> Iterator[str]:
    start = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > start:
            yield word[start : run.start()]
        yield run.group()
        start = run.end()
    if start < len(word):
        yield word[start:]


@dataclass(frozen=True, slots=True)
class ReadWords:
    """The lines of words of one picture, as they are compared."""

    lines: tuple[str, ...]
    folded: tuple[str, ...]
    words: frozenset[str]
    whole: str

    @classmethod
    def of(cls, lines: Sequence[str]) -> ReadWords:
        plain = tuple(map(folded_words, lines))
        words = frozenset(word for line in plain for word in line.split())
        return cls(tuple(lines), plain, words, "".join(plain).replace(" ", ""))

    def strength(self, question: str) -> float:
        """How much of a question is found here, in [0, 1]; 0 for less than says anything.

        Two things count: the share of the question, and how much that is: a word of three letters
        may stand anywhere.
        """
        terms = _terms(question)
        asked = sum(term.weight for term in terms)
        if not asked:
            return 0.0
        got = [(term, self._found(term.word)) for term in terms]
        share = sum(term.weight * part for term, part in got) / asked
        if share < _LEAST:
            return 0.0
        letters = sum(term.letters * part for term, part in got)
        return _telling(letters) * (0.4 + 0.6 * share)

    def holds(self, phrase: str) -> bool:
        """Whether these very words stand here, one behind the other."""
        wanted = folded_words(phrase)
        if not wanted:
            return False
        text = f" {' '.join(self.folded)} "
        if f" {wanted} " in text:
            return True
        close = wanted.replace(" ", "")
        # A reader loses spaces, and sees some that are none.
        return (len(close) > 2 * _GRAM or bool(_UNSPACED.search(close))) and close in self.whole

    def nearly(self, phrase: str) -> bool:
        """Whether its words stand here in their order, with a letter or two read wrongly."""
        wanted, here = folded_words(phrase).split(), " ".join(self.folded).split()
        return bool(wanted) and any(
            all(map(_alike, wanted, here[at : at + len(wanted)]))
            for at in range(len(here) - len(wanted) + 1)
        )

    def line(self, question: str) -> str:
        """The line that has most of a question, cut to what is shown."""
        terms = _terms(question)
        best, most = 0, -1.0
        for place, plain in enumerate(self.folded):
            one = ReadWords((self.lines[place],), (plain,), frozenset(plain.split()), plain)
            found = sum(term.weight * one._found(term.word) for term in terms)
            if found > most:
                best, most = place, found
        return self.lines[best] if self.lines else ""

    def _found(self, word: str) -> float:
        """How surely a word stands here, in [0, 1]."""
        if word in self.words:
            return 1.0
        if _UNSPACED.match(word):
            pairs = [word[at : at + 2] for at in range(max(1, len(word) - 1))]
            return sum(pair in self.whole for pair in pairs) / len(pairs)
        close = self.whole.replace(" ", "")
        if len(word) > _GRAM and word in close:
            return _SPACE_LOST
        allowed = _allowed(word)
        if not allowed:
            return 0.0
        best, letters = allowed + 1, set(word)
        for other in self.words:
            # Most words are told apart by their letters alone.
            if abs(len(other) - len(word)) < best and len(letters.difference(other)) < best:
                best = min(best, edits(word, other, best))
        return 1 - best / len(word) if best <= allowed else 0.0


def _allowed(word: str) -> int:
    """How many letters of a word may have been read wrongly."""
    return max((most for letters, most in _FORGIVEN if len(word) >= letters), default=0)


def _alike(word: str, other: str) -> bool:
    allowed = _allowed(word)
    return word == other or (
        abs(len(word) - len(other)) <= allowed and edits(word, other, allowed + 1) <= allowed
    )


def edits(one: str, other: str, limit: int) -> int:
    """The least letters to change, add, drop or swap with their neighbour; ``limit`` or less.

    Optimal string alignment distance: Damerau, "A technique for computer detection and correction
    of spelling errors" (Communications of the ACM 7(3), 1964).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        now = [row]
        for column, against in enumerate(other, start=1):
            cost = min(
                last[column] + 1, now[column - 1] + 1, last[column - 1] + (letter != against)
            )
            swapped = row > 1 and column > 1 and letter == other[column - 2]
            if swapped and one[row - 2] == against:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) >= limit:
            return limit
        before, last = last, now
    return min(last[-1], limit)
