"""Texts as people type and decorate them, to words that text towers know."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""Soft hyphens, spaces without width, marks of direction. The two joiners are no such thing:
Persian and Hindi spell with them, and emoji are joined by one."""

_STRUCK = re.compile("[\u0334-\u0338\u20d0-\u20e4]")
"""Strokes through letters, and frames around them."""

_TYPED = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"', "\u2044": "/"}
)
"""What phones and other keyboards put for an apostrophe and quotation marks. CLIP's captions had
them straightened (ftfy) before it was trained with them."""

_TRADE = re.compile("[\u00ae\u2120\u2122]")
"""Marks of registered names, which say nothing about a picture."""

_AS_TYPED = re.compile("[\u0e33\u0eb3\u3131-\u318e]")
"""Letters of Thai, Lao and Korean keyboards, which NFKC takes apart although words are spelt
with them."""

_LETTERS = ((0x1F150, 0x1F169), (0x1F170, 0x1F189))
"""White letters on dark circles and squares, A to Z, which have no compatibility mapping."""

_ANIMALS = ((0x1F400, 0x1F43F), (0x1F980, 0x1F9AE))
"""Emoji of animals: "cat face" shows a cat, where "grinning face" needs its face."""

_JOINER = "\u200d"
_SELECTORS = range(0xFE00, 0xFE10)
_NAMELESS = ("REGIONAL INDICATOR", "EMOJI MODIFIER", "VARIATION SELECTOR", "ZERO WIDTH")

Knows = Callable[[str], bool]
"""Whether a tokenizer has tokens for all of a text, so that none is the unknown one."""


def plain_text(text: str, knows: Knows = lambda _: True) -> str:
    """The same words as ordinary letters (NFKC), parted from the symbols beside them.

    ``tiger🐯`` is ``tiger 🐯``, and wide or mathematical letters are plain ones. Symbols that the
    tokenizer does not know are left out, since the unknown token pulls a text's vector away from
    its words; where there is nothing else, their Unicode names stand for them (``tiger``). A
    text in ASCII stays as it is.
    """
    if text.isascii():
        return text
    # Half a surrogate pair (a cut emoji) is no Unicode text; tokenizers reject it.
    sound = text.encode("utf-8", "replace").decode("utf-8")
    seen = _TRADE.sub(" ", _STRUCK.sub("", _INVISIBLE.sub("", sound)))
    letters = unicodedata.normalize("NFC", "".join(map(_ordinary, seen)).translate(_TYPED))
    pieces = list(_pieces(letters))
    if all(not is_symbol or knows(piece) for piece, is_symbol in pieces):
        return " ".join(" ".join(piece for piece, _ in pieces).split())
    words = (piece if not symbol else _known(piece, knows) for piece, symbol in pieces)
    said = " ".join(" ".join(words).split())
    return said or " ".join(_names(letters)) or letters


def folded(text: str) -> str:
    """The form in which names and words are equal that differ in case or Unicode form alone."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _ordinary(character: str) -> str:
    code = ord(character)
    for first, last in _LETTERS:
        if first <= code <= last:
            return chr(ord("A") + code - first)
    if character.isascii() or _AS_TYPED.match(character):
        return character
    if unicodedata.category(character) == "Sk":
        return character  # an accent alone would become a space and a combining one
    mapped = unicodedata.normalize("NFKC", character)
    # "№" and "½" are words of their own, "ⓣ" and "²" are parts of one.
    apart = unicodedata.category(character) in {"So", "No"} and len(mapped) > 1
    return f" {mapped} " if apart else mapped


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The words and the runs of symbols of a text, in order, and which of them are symbols."""
    run, symbols = "", False
    for character in text:
        selects = ord(character) in _SELECTORS
        if selects and not symbols:
            continue  # the look of an emoji that was taken for a digit, as "1️⃣"
        is_symbol = selects or (symbols if character == _JOINER else _is_symbol(character))
        if run and is_symbol != symbols:
            yield run, symbols
            run = ""
        run, symbols = run + character, is_symbol
    if run:
        yield run, symbols


def _is_symbol(character: str) -> bool:
    # Tokenizers part ASCII and punctuation by themselves; a degree belongs to its number.
    return (
        not character.isascii() and character != "°" and unicodedata.category(character)[0] == "S"
    )


def _known(symbols: str, knows: Knows) -> str:
    if knows(symbols):
        return symbols
    return " ".join(each for each in symbols if _is_symbol(each) and knows(each))


def _names(symbols: str) -> Iterator[str]:
    for each in symbols:
        name = unicodedata.name(each, "")
        if any(first <= ord(each) <= last for first, last in _ANIMALS):
            name = name.removesuffix(" FACE")
        if name and not name.startswith(_NAMELESS):
            yield name.lower().replace("-", " ")
