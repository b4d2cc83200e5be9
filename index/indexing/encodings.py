"""Which encoding a text of unknown origin is in: caption tables, captions, lists of labels."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

SAMPLE: Final = 1 << 16
"""Bytes that are enough to tell."""

_LATIN: Final = "cp1252"
_TRIED: Final = (
    *(_LATIN, "cp932", "cp949", "gb18030", "euc_jp", "big5hkscs", "cp1251"),
    *("cp1250", "cp1254", "cp1255", "koi8_r", "cp866", "cp1253", "cp1256"),
    "mac_roman",
)
"""What Windows, and Unix and Macs before UTF-8, saved texts in; those met more often first."""

_CYRILLIC: Final = ("cp1251", "koi8_r", "cp866")

_ALPHABETS: Final = tuple(
    map(
        frozenset,
        (
            *("äöüßé", "àâæçéèêëîïôœùûüÿ", "áéíñóúüç", "áâãàçéêíóôúü", "àèéìíîòóù", "áéèëïíóöüç"),
            *("åäöé", "æøåéóäö", "çğıöşüâîûi̇", "ąćęłńóśźż", "áčďéěíňóřšťúůýžäĺľôŕ", "áéíóöőúüű"),
            *("ăâîşţéö", "čćđšž", "õäöüšž", "çëâ", "àçèéíïòóúü·"),
        ),
    )
)
"""Letters beyond ASCII of German, French, Spanish, Portuguese, Italian, Dutch; Swedish, Danish and
Norwegian, Turkish, Polish, Czech and Slovak, Hungarian; Romanian, Croatian and Slovene, Estonian,
Albanian, Catalan."""

_ICELANDIC: Final = frozenset("áðéíóúýþæö")
"""Its letters stand where Turkish ones do, which are met more often."""

_RARELY: Final = 0.05
"""What a text is thought to be less likely for that."""

_VOWELS: Final = {"cyrillic": frozenset("аеиоуыэюяёіїєўѣ"), "greek": frozenset("αεηιουωάέήίόύώ")}
_FREQUENT: Final = frozenset("оеаинтсрвлкмд")
"""Three of four letters in Russian, and nearly as many in its kin."""

_WITHOUT_VOWELS: Final = 3
"""No Russian, Ukrainian or Greek word of so many letters lacks a vowel; Hebrew ones read so do."""

_COMMON: Final = {
    # The first level of each standard: characters of everyday use, in a row by lead bytes.
    "cp932": ("euc_jp", 0xB0, 0xCF),
    "euc_jp": ("euc_jp", 0xB0, 0xCF),
    "gb18030": ("gb2312", 0xB0, 0xD7),
    "big5hkscs": ("big5", 0xA4, 0xC6),
    "cp949": ("euc_kr", 0xB0, 0xC8),
}
_WORD: Final = re.compile(r"[^\s\x00-\x40\[-`{-\x7f]*[^\x00-\x7f][^\s\x00-\x40\[-`{-\x7f]*")
"""A run of letters with at least one beyond ASCII in it."""

_LATIN_ENDING: Final = re.compile(r"[^\x00-\x7f][a-z]")
"""A word that goes on in Latin letters behind a character of Asia."""

_RANGES: Final = (
    ("kana", 0x3041, 0x30FF),
    ("ideograph", 0x3400, 0x9FFF),
    ("hangul", 0xAC00, 0xD7A3),
    ("wide", 0x3000, 0x3040),
    ("wide", 0xFF01, 0xFF60),
)
_PUNCTUATION: Final = frozenset({"Pd", "Pi", "Pf", "Po", "Ps", "Pe", "Sc", "Zs"})


def marked_encoding(start: bytes) -> str | None:
    """The Unicode encoding that the first bytes of a text tell, by a mark or by zeros."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"  # of which one begins as UTF-16's
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = start[::2].count(0), start[1::2].count(0)
    few, many = sorted((even, odd))
    # Latin letters, commas and line ends of UTF-16 have a zero each, always on the same side.
    if many > len(start) // 20 and few * 10 < many:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def legacy_encoding(sample: bytes) -> str:
    """The likeliest encoding of bytes that are no UTF-8; Windows' Latin where nothing tells.

    charset-normalizer finds those in which they are some text. Captions are too short for its
    frequencies of letters, so that they are ordered by how many letters would be out of place.
    """
    from charset_normalizer import from_bytes  # noqa: PLC0415 - most texts are UTF-8

    lines = b"\n".join(line for line in sample.splitlines() if not line.isascii())
    found = from_bytes(lines, cp_isolation=list(_TRIED), threshold=0.4)
    likely = {each for match in found for each in match.could_be_from_charset}

    ranked = {
        encoding: round(_out_of_place(lines.decode(encoding, "replace"), encoding), 2)
        for encoding in _TRIED
        if encoding in likely or encoding == _LATIN
    }
    best = min(ranked, key=lambda encoding: ranked[encoding])
    if best not in _CYRILLIC:
        return best
    # One is another one with small letters for capitals, whose words look like words.
    alike = [each for each in _CYRILLIC if ranked.get(each, 1.0) == ranked[best]]
    return min(alike, key=lambda encoding: _seldom(lines.decode(encoding)))


def mostly_utf8(lines: Iterable[bytes]) -> bool:
    """Whether more than half of the lines beyond ASCII are UTF-8: the others are damaged."""
    whole = broken = 0
    for line in lines:
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            broken += 1
        else:
            whole += 1
    return whole > broken


def _out_of_place(text: str, encoding: str) -> float:
    """The share of letters beyond ASCII that stand where no language has them."""
    odd = letters = 0
    latin: list[str] = []
    for word in _WORD.findall(text):
        beyond = [letter for letter in word if not letter.isascii()]
        letters += len(beyond)
        kinds = {_kind(letter) for letter in word} - {"mark"}
        if encoding in _COMMON:
            odd += sum(not _is_common(letter, encoding) for letter in beyond)
            odd += len(_LATIN_ENDING.findall(word))
        elif len(kinds) > 1 or not (all(map(_belongs, beyond)) and _spelt(word, kinds)):
            odd += len(beyond)
        elif kinds == {"latin"} and not all(map(_within, word[1:-1])):
            odd += len(beyond)  # a dash, or a quotation mark, between letters
        elif kinds == {"latin"} and 2 * len(beyond) > max(3, len(word)):
            odd += len(beyond)  # accents on most letters of a word
        elif _capitals_within("".join(filter(str.isalpha, word))):
            odd += len(beyond)
        elif kinds == {"latin"}:
            # Portuguese has its own õ before an e alone; Hungarian's ő would be one elsewhere.
            accented = word.lower().replace("õe", "oe")
            latin += [letter for letter in accented if letter.isalpha() and not letter.isascii()]
    if not letters:
        return 1.0
    outside = [sum(letter not in known for letter in latin) for known in _ALPHABETS]
    rarely = sum(letter not in _ICELANDIC for letter in latin) + _RARELY * letters
    return (odd + min(*outside, rarely)) / letters


def _seldom(text: str) -> float:
    """How many Cyrillic letters are not met often, of each that is."""
    letters = [letter for letter in text.lower() if _kind(letter) == "cyrillic"]
    often = sum(letter in _FREQUENT for letter in letters)
    return (len(letters) - often) / max(often, 1)


def _within(letter: str) -> bool:
    return letter.isascii() or letter.isalpha() or letter in "\u2019·\u2010\u2011"


def _capitals_within(letters: str) -> bool:
    return letters[1:] != letters[1:].lower() and letters != letters.upper()


def _spelt(word: str, kinds: set[str]) -> bool:
    """Whether it begins with a letter, and has a vowel where any such word has one."""
    letters = [letter for letter in word.lower() if letter.isalpha()]
    return not unicodedata.combining(word[0]) and (
        len(letters) < _WITHOUT_VOWELS
        or not any(_VOWELS[kind].isdisjoint(letters) for kind in kinds & _VOWELS.keys())
    )


def _is_common(letter: str, encoding: str) -> bool:
    kind = _kind(letter)
    if kind == "wide":
        return True
    if kind == "kana":
        return encoding in {"cp932", "euc_jp"}
    if kind not in {"ideograph", "hangul"}:
        return unicodedata.category(letter) in _PUNCTUATION
    standard, first, last = _COMMON[encoding]
    coded = letter.encode(standard, "ignore")
    return len(coded) > 1 and first <= coded[0] <= last


def _belongs(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LM" or unicodedata.category(letter) in _PUNCTUATION


def _kind(letter: str) -> str:
    code = ord(letter)
    for kind, first, last in _RANGES:
        if first <= code <= last:
            return kind
    if letter.isalpha():
        return unicodedata.name(letter, "?").partition(" ")[0].lower()
    return "mark" if unicodedata.category(letter) in _PUNCTUATION | {"Mn"} else "symbol"
