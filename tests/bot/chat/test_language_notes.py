"""Whoever asks in a language that the model does not read is told which ones it reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.chat.reading import LanguageNotes
from bot.engine.encoder import READS
from bot.protocol.ports import ModelCard
from tests.web.parts import languages

MINI = ModelCard("mini", 576, "cpu", reads=READS["mini"])


def said(text: str, locale: str, card: ModelCard = MINI) -> str:
    """The note on a question that found nothing close."""
    return LanguageNotes(lambda: card, languages().presenter).of(text, locale)


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("a red car", "en-GB"),
        ("ein rotes Auto", "de-AT,de;q=0.9"),
        ("赤い車", "en"),
        ("красная машина", "ru"),
        ("รถสีแดง", "en"),
        ("🍊", "en"),
        ("12", ""),
        ("a red car", "*"),
    ],
)
def test_nothing_is_said_of_languages_that_it_reads(text: str, locale: str) -> None:
    """Nor of what is in none, or of readers who do not tell theirs."""
    assert said(text, locale) == ""


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("κόκκινο αυτοκίνητο", "en"),
        ("מכונית אדומה", "en"),
        ("en röd bil", "sv-SE"),
        ("червона машина", "uk"),
        ("en rød bil", "da, en;q=0.8"),
    ],
)
def test_other_languages_are_told_which_ones_work(text: str, locale: str) -> None:
    """By the letters of the question, else by what its reader reads."""
    note = said(text, locale)
    assert note.startswith("Search works best in these languages: Arabic, Chinese, Dutch, English")
    assert "Turkish" in note


def test_it_is_said_in_the_readers_words() -> None:
    """Names of languages, too."""
    assert "Deutsch" in said("κόκκινο", "de")


def test_of_a_model_whose_languages_nobody_knows_nothing_is_said() -> None:
    """A wrong note would be worse than none."""
    assert said("κόκκινο", "el", replace(MINI, reads=())) == ""
