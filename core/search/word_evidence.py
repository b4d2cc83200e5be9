"""What the words in pictures say of a question, and how they are weighed beside captions.

They are compared as words (:mod:`core.search.words`), and by what they mean, as captions are: a
passage's *match* is how far its cosine with a question has come from an average passage's (0) to
the very same text (1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.domain.types import Vectors
from core.search.captions import CaptionEvidence, CaptionScale
from core.search.words import telling

_BEGINS, FAIR, STRONG = 0.3, 0.45, 0.65
"""Of the strength of a match: where it begins to say something, and its bands."""

_LIFT: Final = 14.0
"""Deviations of picture scores that a whole match is worth, as of captions."""

_WHOLE: Final = 30.0
"""What is added beyond a strong match: all of a question's words stand before most of them, however
the pictures look, which differ by some four deviations (``recipes.memes``)."""

MEANS_LEAST: Final = 0.2
"""The match by meaning from which a passage lifts its picture: half of the questions about nothing
of what made memes say come so far with one of 300."""

_MEANT: Final = ((MEANS_LEAST, _BEGINS), (0.5, FAIR), (0.75, STRONG), (1.0, 0.8))
"""Matches by meaning, and how strong each is: four in five of those questions come to 0.37, one in
twenty to 0.54, most of them by a word that does stand there."""

_MEANT_LIFT: Final = 24.0
"""Deviations that a whole match by meaning is worth. At 16 a tenth fewer of the paraphrases of
``recipes.memes`` find their picture among five; more than 24 gains two points, and weighs more
beside captions, whose whole match is worth 16."""

_PASSAGE: Final = 240
_PASSAGES: Final = 8
"""Characters of a passage, which a model still tells apart, and passages of one picture."""


class AskedMeaning(NamedTuple):
    """A question's vector, float32 [d], and how near an ``average`` text is to it, a cosine."""

    vector: Vectors
    average: float


class FoundWords(NamedTuple):
    """A picture by its ``row``, the ``strength`` of its words in [0, 1], and the ``line`` to show.

    ``match``: by meaning, where that found it; 0 else.
    """

    row: int
    strength: float
    line: str
    match: float = 0.0


def passages(lines: Sequence[str]) -> Sequence[str]:
    """The lines of a picture as texts of some lines each; the first eight."""
    found: list[str] = []
    for line in lines:
        if found and len(found[-1]) + len(line) < _PASSAGE:
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found[:_PASSAGES]


def for_model(text: str) -> str:
    """A passage as a model is given it: capitals, which it takes for other words, in small."""
    capitals = sum(letter.isupper() for letter in text)
    return text.lower() if 2 * capitals > sum(map(str.isalpha, text)) else text


def by_meaning(row: int, line: str, match: float, question: str) -> FoundWords:
    """A picture that a question found by what its words mean."""
    matches, strengths = zip(*_MEANT, strict=True)
    match *= telling(question)
    return FoundWords(row, float(np.interp(match, matches, strengths)), line, match)


@dataclass(frozen=True, slots=True, eq=False)
class WordEvidence:
    """What the words in pictures say of a question.

    ``rows`` of the pictures that hold some of it, int64 [n] rising, how ``strong`` each match is,
    float64 [n] in [0, 1], by its words or by meaning, whichever says more, the ``lines`` that
    match, [n], and the deviations of picture scores by which the higher of both lifts each
    row, ``lifts``, float64 [n].
    """

    rows: NDArray[np.int64]
    strong: NDArray[np.float64]
    lines: tuple[str, ...]
    lifts: NDArray[np.float64]

    @classmethod
    def of(cls, found: Sequence[FoundWords]) -> WordEvidence:
        """Of what was found for one row the strongest counts, by words and by meaning each."""
        best: dict[int, FoundWords] = {}
        spelt: dict[int, float] = {}
        meant: dict[int, float] = {}
        for each in sorted(found, key=lambda one: one.strength):
            best[each.row] = each
            if each.match:
                meant[each.row] = max(each.match, meant.get(each.row, 0.0))
            else:
                spelt[each.row] = each.strength
        rows = sorted(row for row, each in best.items() if each.strength > 0)
        letters = np.array([spelt.get(row, 0.0) for row in rows])
        meanings = np.array([meant.get(row, 0.0) for row in rows])
        lifts = np.maximum(_LIFT * (letters - _BEGINS), 0)
        lifts += _WHOLE * np.maximum(letters - STRONG, 0)
        # Their sum would let what means nearly the same pass what says it letter by letter.
        lifts = np.maximum(lifts, _MEANT_LIFT * (meanings - MEANS_LEAST))
        return cls(
            np.array(rows, dtype=np.int64),
            np.array([best[row].strength for row in rows], dtype=np.float64),
            tuple(best[row].line for row in rows),
            lifts,
        )

    def strong_alone(self) -> WordEvidence:
        """The rows alone whose match is a strong one."""
        kept = np.flatnonzero(self.strong >= STRONG)
        lines = tuple(self.lines[place] for place in kept.tolist())
        return WordEvidence(self.rows[kept], self.strong[kept], lines, self.lifts[kept])

    def among(self, row: int) -> tuple[float, str]:
        """The strength and the line of a row; 0 and no line where it holds nothing."""
        place = int(np.searchsorted(self.rows, row))
        if place == len(self.rows) or self.rows[place] != row:
            return 0.0, ""
        return float(self.strong[place]), self.lines[place]

    def says(self, row: int) -> str | None:
        """The line of a row that is found by its words, None where it is not."""
        strength, line = self.among(row)
        return line if strength >= FAIR else None

    def matches(self, scale: CaptionScale) -> NDArray[np.float64]:
        """The matches of captions that are worth as much, [n]."""
        ours = (0.0, _BEGINS, FAIR, STRONG, 1.0)
        theirs = (0.0, scale.start, max(scale.fair, scale.start), scale.strong, 1.0)
        return np.interp(self.strong, ours, theirs)


def with_words(told: CaptionEvidence, read: WordEvidence, scale: CaptionScale) -> CaptionEvidence:
    """What captions say, or the words in the picture where those say more."""
    speaks = read.strong > _BEGINS
    if not speaks.any():
        return told
    rows = np.union1d(told.rows, read.rows[speaks])
    matches, lifts, cosines = (np.full(len(rows), -np.inf) for _ in range(3))
    held = np.zeros(len(rows))
    heard = np.searchsorted(rows, told.rows)
    matches[heard], lifts[heard], cosines[heard] = told.matches, told.lifts, told.cosines
    held[heard] = told.held
    seen = np.searchsorted(rows, read.rows[speaks])
    matches[seen] = np.maximum(matches[seen], read.matches(scale)[speaks])
    # A picture without a caption keeps what every such one is lifted by.
    lifts[seen] = np.maximum(np.maximum(lifts[seen], read.lifts[speaks]), told.silent)
    return replace(told, rows=rows, matches=matches, lifts=lifts, cosines=cosines, held=held)
