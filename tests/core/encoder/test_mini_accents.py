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


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("aviao", "avião"),
        ("uma arvore grande", "uma árvore grande"),
        ("Schluessel", "Schlüssel"),
        ("bir cicek", "bir çiçek"),
        ("esit degil!", "esit değil!"),
        ("Kuerbis aus der Windmuehle", "Kürbis aus der Windmühle"),
    ],
)
def test_a_word_that_is_none_without_its_accents_gets_them(
    pieces: Pieces, typed: str, spelt: str
) -> None:
    """Typed and spelt are read as the same; words that the vocabulary lacks stay as they are."""
    assert pieces(typed) == Pieces(FILE, as_written=True)(spelt)


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
        "",
    ],
)
def test_everything_else_stays_as_it_is_written(pieces: Pieces, text: str) -> None:
    """Words that are right as they stand, names, other alphabets, and the case of letters."""
    assert pieces(text) == Pieces(FILE, as_written=True)(text)
