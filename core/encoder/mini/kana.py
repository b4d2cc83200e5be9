"""Japanese words in Han characters, of words in kana: "りんご" is "林檎", "おおきな" is "大きな".

The text tower learnt Japanese as adults write it. A text in kana alone, as children write and as
people type in a hurry, falls into pieces of one letter or two that mean next to nothing.
"""

from __future__ import annotations

import gzip
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from core.encoder.mini.likelihood import START, log_likelihood

WORDS = Path(__file__).with_name("kana.tsv.gz")
"""Words with Han characters by their hiragana, a line "りんご<tab>林檎" each: one of each reading,
the most usual. Made by ``recipes/mini/kana.py``; ``kana.txt`` beside it says by whose leave."""

_WORD_COSTS = 8.0
"""What a word has to be worth more, as the logarithm of a probability. So a few long words go
before many short ones."""

_RARE = -20.0
"""The logarithm of how likely a letter is that is no piece."""

_LONGEST = 12
"""Letters of a word."""

_MOST = 200
"""Letters of a text that is read twice: of more, the tower has no room for the second time."""

_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_KANA = re.compile("[\u3041-\u3096]+|[\u30a1-\u30f6\u30fc]+")
_KATAKANA = "\u30a1"
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


class Kana:
    """Spells Japanese texts that are all in kana.

    ``model`` is a SentencePieceProcessor of the kind that knows how likely each piece is.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def read(self, text: str) -> str:
        """A text in kana alone and behind it the same with Han characters; any other as it is.

        Both are read, since a word in kana may be any of several. A text that has some Han
        characters has them wherever they are usual.
        """
        if len(text) > _MOST or not _KANA.search(text) or _HAN.search(text):
            return text
        spelt = _KANA.sub(lambda found: self._spelt(found.group()), text)
        return text if spelt == text else f"{text} {spelt}"

    def _spelt(self, kana: str) -> str:
        if kana[0] < _KATAKANA:
            return self._likeliest(kana)
        # Animals and plants, but more often loan words: only what is Han characters throughout.
        word = self._words.get(kana.translate(_TO_HIRAGANA), kana)
        whole = all(_HAN.match(letter) for letter in word)
        return word if whole and self._likely(word) > self._likely(kana) else kana

    def _likeliest(self, kana: str) -> str:
        """Of all ways to part hiragana into words, the likeliest one's (a Viterbi search)."""
        best = [(0.0, "")]
        for end in range(1, len(kana) + 1):
            ways = [
                (best[start][0] + likely - _WORD_COSTS, best[start][1] + word)
                for start in range(max(0, end - _LONGEST), end)
                for word, likely in self._readings(kana[start:end])
            ]
            best.append(max(ways))
        return best[-1][1]

    def _readings(self, kana: str) -> list[tuple[str, float]]:
        """What some letters may be, as one word or piece, and how likely each of it is."""
        model, found = self._model, []
        pieces = [piece for piece in model.encode(kana) if piece != model.piece_to_id(START)]
        if len(kana) == 1 or len(pieces) == 1:
            found.append((kana, self._likely(kana)))
        if word := self._words.get(kana):
            found.append((word, self._likely(word)))
        return found

    def _likely(self, word: str) -> float:
        return log_likelihood(self._model, word, rare=_RARE)

    @cached_property
    def _words(self) -> dict[str, str]:
        """Takes a fiftieth of a second, for the first text in kana."""
        lines = gzip.decompress(WORDS.read_bytes()).decode().splitlines()
        return dict(line.split("\t") for line in lines)
