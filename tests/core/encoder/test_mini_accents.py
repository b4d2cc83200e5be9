"""Accents that nobody typed, by the words that the text tower of ``mini`` knows."""

from __future__ import annotations

import pytest

from core.encoder.mini.pieces import Pieces
from core.encoder.mini.towers import TEXT_PACKAGE, package_file

FILE = package_file(TEXT_PACKAGE, "resources/sp.model")


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    """The vocabulary that the model ships."""
    return Pieces(FILE)


@pytest.fixture(scope="module")
def as_written() -> Pieces:
    """The same, with which every text stays as it is."""
    return Pieces(FILE, as_written=True)


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("aviao", "avião"),
        ("uma arvore grande", "uma árvore grande"),
        ("Schluessel", "Schlüssel"),
        ("bir cicek", "bir çiçek"),
        ("esit degil!", "esit değil!"),
        ("Kuerbis aus der Windmuehle", "Kürbis aus der Windmühle"),
        ("\u0627\u0631\u0646\u0628", "أرنب"),
        ("\u0627\u0644\u0627\u0631\u0646\u0628 \u0648\u0634\u062c\u0631\u0647", "الأرنب وشجرة"),
        ("\u0633\u064a\u0627\u0631\u0647 \u0627\u0635\u0641\u0631", "سيارة أصفر"),
        ("\u0645\u0633\u062a\u0634\u0641\u064a", "مستشفى"),
        (".حلزون سعيد", "حلزون سعيد"),
    ],
)
def test_a_word_that_is_none_without_its_accents_gets_them(
    pieces: Pieces, as_written: Pieces, typed: str, spelt: str
) -> None:
    """Typed and spelt are read as the same; words that the vocabulary lacks stay as they are."""
    assert pieces(typed) == as_written(spelt)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("\u0643\u0650\u062a\u064e\u0627\u0628", "كتاب"),
        ("\u0642\u0650\u0637\u0651\u064e\u0629 a cat", "قطة a cat"),
        ("\u0643\u0640\u0640\u0644\u0640\u0628", "كلب"),
        ("\u0643\u0650\u062a\u064e\u0640\u0627\u0628\u064c", "كتاب"),
    ],
)
def test_vowels_and_drawn_out_letters_are_taken_off_in_arabic(
    pieces: Pieces, as_written: Pieces, typed: str, plain: str
) -> None:
    """Harakat and tatweel, as Lucene's ArabicNormalizer does."""
    assert pieces(typed) == as_written(plain)


@pytest.mark.parametrize(
    "text",
    [
        "resume of a cafe, a lunar lander",
        "ce panneau signale un passage",
        "Lisbon Tangerine xkqz",
        "ein blauer Bauer am Feuer",
        "elefant Rana GNU",
        "um limão, żółw",
        "東京 cat",
        "علي يكتب على الأرض، هذا كتابه إلى أبي",
        "القطة السوداء في البيت",
        "",
    ],
)
def test_everything_else_stays_as_it_is_written(
    pieces: Pieces, as_written: Pieces, text: str
) -> None:
    """Words that are right as they stand, names, other alphabets, and the case of letters."""
    assert pieces(text) == as_written(text)
