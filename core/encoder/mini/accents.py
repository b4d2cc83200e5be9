"""Words as they are spelt, of words as they are typed: "aviao", "Schluessel", "شجره".

The text tower adds up what the pieces of a text mean. A word without its accents is cut into pieces
that have nothing to do with it, although the word as it is spelt is often one piece. Arabic is
typed without hamza and the dots of last letters, and set with vowels and drawn out letters, of
which the tower knows next to none.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import cached_property
from typing import Any

from core.encoder.mini.likelihood import START, log_likelihood

_LEAST = 3
"""Letters of a word. Shorter ones are too many words of too many languages."""

_LIKELIER = 4.0
"""By how much a word's logarithm of probability has to be above that of the pieces it replaces.
"lander" and "signale" stay, which are words without an accent, too."""

_ARABIC_LIKELIER = 2.0
"""The same for Arabic words, of which far fewer are one piece."""

_RARE = -30.0

_TYPED = re.compile(rf"(?<!\w)[A-Za-z]{{{_LEAST},}}(?!\w)")
_LATIN = re.compile(rf"^{START}[A-Za-z\u00c0-\u024f]{{{_LEAST},}}$", re.MULTILINE)
_UNMARKED = str.maketrans({"ł": "l", "\u0131": "i", "ø": "o", "đ": "d", "ß": "ss"})
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_UMLAUTS = {"ae": "ä", "oe": "ö", "ue": "ü", "Ae": "Ä", "Oe": "Ö", "Ue": "Ü"}
_MARKED = {
    "a": "àáâãäåąă", "c": "çćč", "e": "éèêëęě", "g": "ğ", "i": "íìîï\u0131", "l": "ł", "n": "ñńň",
    "o": "óòôõöőø", "r": "ř", "s": "şśšß", "u": "úùûüůű", "y": "ý", "z": "żźž",
}  # fmt: skip
"""Of Latin letters, those that the tower's languages mark, and their neighbours."""

_SET = re.compile("[\u0640\u064b-\u0652]")
"""What draws letters out (tatweel), and the marks of vowels (harakat), as Lucene's ArabicNormalizer
takes them off."""

_ARABIC = re.compile(rf"[\u0621-\u064a]{{{_LEAST},}}")
_STOPS_BEFORE = re.compile(r"^[.!\s]+(?=[\u0621-\u064a])")
"""Where a stop comes that was typed behind an Arabic text in a field that runs from the left."""

_HAMZA = "\u0623\u0625\u0622"
_ALEF, _LAST = "\u0627", {"\u0647": "\u0629", "\u064a": "\u0649"}
"""Letters that are typed for those with a hamza; and at a word's end heh for teh marbuta, yeh for
alef maksura: what the same normalizer makes equal."""

_BEFORE = (
    "\u0648\u0627\u0644",
    "\u0628\u0627\u0644",
    "\u0627\u0644",
    "\u0648",
    "\u0628",
    "\u0644",
    "",
)
"""What is written together with a word: the article, "and", "with" and "for"."""


class Accents:
    """Spells words as the vocabulary of a tokenizer has them.

    ``model`` is its SentencePieceProcessor, of the kind that knows how likely each piece is.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def restored(self, text: str) -> str:
        """The text with the accents of those words that are no word without them.

        ASCII words get those of Latin letters, Arabic ones hamza and dots, and lose vowels.
        """
        latin = _TYPED.sub(lambda found: self._spelt(found.group()), text)
        arabic = _STOPS_BEFORE.sub("", _SET.sub("", latin))
        return _ARABIC.sub(lambda found: self._likeliest(found.group()), arabic)

    def _likeliest(self, word: str) -> str:
        known = self._model.piece_to_id(START + word) != self._model.unk_id()
        spelt = {word} if known else _arabic(word)
        return max(
            spelt, key=lambda other: self._likely(other) - _ARABIC_LIKELIER * (other != word)
        )

    def _spelt(self, word: str) -> str:
        model = self._model
        if model.piece_to_id(START + word) != model.unk_id():
            return word
        found = self._words.get(word.lower())
        spelt, likely = found or max(
            ((other, self._likely(other)) for other in _respelt(word)),
            key=lambda each: each[1],
        )
        return spelt if likely - self._likely(word) >= _LIKELIER else word

    def _likely(self, word: str) -> float:
        return log_likelihood(self._model, word, rare=_RARE)

    @cached_property
    def _words(self) -> dict[str, tuple[str, float]]:
        """The likeliest word with accents, and its logarithm of probability, by its ASCII form.

        Takes a twentieth of a second, all of it at once in what is written in C: it is made for the
        first word that is not known as it stands, which a command may well be asked for.
        """
        model = self._model
        pieces = "\n".join(model.id_to_piece(list(range(len(model)))))
        marked = [piece for piece in _LATIN.findall(pieces) if not piece[len(START) :].isascii()]
        likelihoods = model.get_score(model.piece_to_id(marked))
        spelt = [piece.removeprefix(START) for piece in marked]
        small = "\n".join(spelt).lower()
        bare = small.translate({ord(letter): _bare(letter) for letter in set(small)})
        words: dict[str, tuple[str, float]] = {}
        for typed in (bare, small.translate(_GERMAN)):
            for word, likely, ascii_form in zip(spelt, likelihoods, typed.split("\n"), strict=True):
                if ascii_form.isascii() and likely > words.get(ascii_form, ("", -math.inf))[1]:
                    words[ascii_form] = word, likely
        return words


def _respelt(word: str) -> set[str]:
    """The word with an accent on any one letter, or umlauts for "ue" and the like; and as it is."""
    spelt = {word}
    for typed, umlaut in _UMLAUTS.items():
        spelt |= {other.replace(typed, umlaut) for other in spelt}
    for place, letter in enumerate(word):
        for marked in _MARKED.get(letter, ""):
            spelt.add(word[:place] + marked + word[place + 1 :])
    return spelt


def _arabic(word: str) -> set[str]:
    """The word with a hamza at its start and dots at its end; and as it is."""
    spelt = {word}
    for before in _BEFORE:
        stem = word.removeprefix(before)
        if stem.startswith(_ALEF) and word.startswith(before):
            spelt |= {before + hamza + stem[1:] for hamza in _HAMZA}
    return spelt | {other[:-1] + _LAST[word[-1]] for other in spelt if word[-1] in _LAST}


def _bare(word: str) -> str:
    parted = unicodedata.normalize("NFD", word.translate(_UNMARKED))
    return "".join(letter for letter in parted if not unicodedata.combining(letter))
