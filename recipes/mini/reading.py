"""All texts that the heads of ``mini`` are trained on, in every language, and what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from recipes.mini.data import Held
from recipes.mini.fetch import Packages
from recipes.mini.imagenet import nouns
from recipes.mini.languages import (
    Parallel,
    as_typed,
    dictionary_translations,
    emoji_translations,
    stamp_translations,
)
from recipes.mini.texts import teacher_features, text_features


@dataclass(frozen=True, eq=False)
class Texts:
    """All texts, and the English one that each of them says: itself, or what it translates.

    ``features`` float32 [n, 1792] are the text tower's, ``meanings`` float32 [n, 384] the unit
    vectors of the English ones by the teacher. ``row`` finds a text.
    """

    row: Mapping[str, int]
    features: torch.Tensor
    meanings: torch.Tensor

    def among(self, english: Sequence[str], parallel: Parallel) -> Texts:
        """Those of the texts that :func:`all_features` would encode for these."""
        says = _says(english, parallel)
        own: dict[int, str] = {}
        for text, number in says.items():
            own.setdefault(number, text)
        rows = [self.row[text] for text in says]
        meant = [self.row[own[number]] for number in says.values()]
        numbers = {text: number for number, text in enumerate(says)}
        return Texts(numbers, self.features[rows], self.meanings[meant])


def all_features(english: Sequence[str], parallel: Parallel, cache: Path) -> Texts:
    """English texts and what translates them or anything else, through tower and teacher."""
    says = _says(english, parallel)
    teacher = teacher_features(list(dict.fromkeys([*english, *parallel.english])), cache)
    return Texts(
        row={text: number for number, text in enumerate(says)},
        features=text_features(list(says), cache),
        meanings=teacher[list(says.values())],
    )


def _says(english: Sequence[str], parallel: Parallel) -> dict[str, int]:
    """All texts, each with the number of the English one that it says, which stand first."""
    every = list(dict.fromkeys([*english, *parallel.english]))
    says = {text: number for number, text in enumerate(every)}
    for number, text in enumerate(every):
        for other in (*as_typed(text), *parallel.of(text)):
            says.setdefault(other, number)
    return says


def parallel_texts(
    packages: Packages, words: Sequence[str], held: Held, *, stamps: bool = True
) -> Parallel:
    """Everything that translates an English text which is not ``held`` out.

    ``words``: the English texts in which a word stands that dictionaries are asked for;
    ``stamps``: whether captions of stamps are among the translations.
    """
    known = {text for text in nouns(packages.wordnet) if len(text) > 2}  # noqa: PLR2004
    asked = {
        part
        for text in words
        for found in [re.findall(r"[a-z]+", text.lower())]
        for part in (*found, *map(" ".join, pairwise(found)))
    }
    return Parallel(
        stamp_translations(packages.stamps) if stamps else {},
        emoji_translations(packages.emojibase, packages.cldr),
        dictionary_translations(packages.dictionaries, known & asked),
        held=held,
    )
