"""What the embedded model reaches in each language, on stamps that it has never seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.training.evaluation import Evaluation, evaluate_vectors
from core.training.pairs import unique_captions
from index.demo.packages import fetch_debian
from recipes.mini.languages import LANGUAGES, Translations, stamp_translations
from tests.evaluation.conftest import Stamps
from tests.evaluation.everyday_queries import EVERYDAY_QUERIES
from tests.evaluation.odd_queries import KANA_QUERIES, ODD_QUERIES, ODD_QUERIES_AFTERWARDS
from tests.evaluation.texts import Texts
from tests.evaluation.translated_queries import TRANSLATED_QUERIES

pytestmark = pytest.mark.model

ANSWERS = 5

LEAST_FOUND = {"pt": 17, "es": 18, "de": 17, "ja": 18}
"""Of the twenty everyday queries."""

LEAST_ODD = {
    "two languages in one text": 13,
    "a language outside the sixteen": 1,
    "emoji alone": 13,
    "misspelt, or without accents": 8,
}
"""Of the fifteen queries of each kind."""

LEAST_ODD_AFTERWARDS = {
    "emoji alone": 11,
    "without accents, or with ue and oe": 7,
    "misspelt": 5,
}
"""Of fifteen each."""

LEAST_RECALL = {
    "pt": (0.48, 0.66),
    "es": (0.56, 0.69),
    "de": (0.60, 0.75),
    "fr": (0.52, 0.71),
    "it": (0.59, 0.77),
    "nl": (0.52, 0.64),
    "pl": (0.50, 0.63),
    "ru": (0.58, 0.73),
    "tr": (0.46, 0.65),
    "zh": (0.58, 0.75),
    "th": (0.64, 0.78),
    "ja": (0.44, 0.58),
    "ko": (0.42, 0.60),
    "ar": (0.53, 0.63),
}
"""At five and at ten: two points below what was measured, for other processors."""


@pytest.fixture(scope="module")
def told(packages: Path) -> Translations:
    """The stamps' captions in other languages."""
    return stamp_translations(fetch_debian("tuxpaint-stamps-default", packages))


@pytest.fixture(scope="module")
def reached(
    stamps: Stamps, held_out_rows: Sequence[int], texts: Texts, told: Translations
) -> dict[str, Evaluation]:
    """The held-out stamps asked for in each language, among those that have a caption in it."""
    found = {}
    for language in LANGUAGES:
        pairs = [
            (row, translated[0])
            for row in held_out_rows
            if (translated := told[stamps.captions[row]].get(language))
        ]
        captions, caption_of = unique_captions([caption for _, caption in pairs])
        rows = [row for row, _ in pairs]
        found[language] = evaluate_vectors(stamps.vectors[rows], texts.of(captions), caption_of)
    return found


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_recall_on_held_out_stamps(reached: dict[str, Evaluation], language: str) -> None:
    """Captions in this language find pictures that training has never seen."""
    found = reached[language]
    print(language, found)
    assert found.pairs >= 90
    five, ten = LEAST_RECALL[language]
    assert found.text_to_image["recall@5"] >= five
    assert found.text_to_image["recall@10"] >= ten


def test_recall_over_all_languages(reached: dict[str, Evaluation]) -> None:
    """The mean of the fourteen at five."""
    assert np.mean([found.text_to_image["recall@5"] for found in reached.values()]) >= 0.53


@pytest.mark.parametrize("language", list(TRANSLATED_QUERIES))
def test_everyday_queries_in_other_languages(stamps: Stamps, texts: Texts, language: str) -> None:
    """At least one right picture is among the five best for most queries."""
    queries = TRANSLATED_QUERIES[language]
    assert len(queries) == len(EVERYDAY_QUERIES)
    patterns = [right for _, right in EVERYDAY_QUERIES]
    hits = found(stamps, texts, list(zip(queries, patterns, strict=True)))
    assert sum(hits) >= LEAST_FOUND[language]


@pytest.mark.parametrize("kind", list(ODD_QUERIES))
def test_odd_queries(stamps: Stamps, texts: Texts, kind: str) -> None:
    """Mixed and unknown languages, emoji and misspelt words, as docs/languages.md tells."""
    queries = ODD_QUERIES[kind]
    assert len(queries) == 15
    assert sum(found(stamps, texts, queries)) >= LEAST_ODD[kind]


@pytest.mark.parametrize("kind", list(ODD_QUERIES_AFTERWARDS))
def test_odd_queries_afterwards(stamps: Stamps, texts: Texts, kind: str) -> None:
    """Those that nothing was chosen by."""
    queries = ODD_QUERIES_AFTERWARDS[kind]
    assert len(queries) == 15
    assert sum(found(stamps, texts, queries)) >= LEAST_ODD_AFTERWARDS[kind]


def test_everyday_words_in_kana(stamps: Stamps, texts: Texts) -> None:
    """Of the 24, 16 when this was written; 7 as the tower reads them by itself."""
    assert sum(found(stamps, texts, KANA_QUERIES)) >= 14


def found(stamps: Stamps, texts: Texts, queries: Sequence[tuple[str, str]]) -> list[bool]:
    """For each query whether a right picture is among the five best."""
    hits = []
    for query, right in queries:
        best = np.argsort(-(stamps.vectors @ texts.of([query])[0]))[:ANSWERS]
        answers = [f"{stamps.paths[row]} {stamps.captions[row]}" for row in best]
        hits.append(any(re.search(right, answer, re.IGNORECASE) for answer in answers))
        names = ", ".join(stamps.paths[row].rpartition("/")[2][:-4] for row in best)
        print(f"{'right' if hits[-1] else 'WRONG'}  {query}: {names}")
    return hits
