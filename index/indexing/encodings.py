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
    *("cp1250", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256"),
)
"""What Windows, and Unix before UTF-8, saved texts in; those that are met more often first."""

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
        encoding: _out_of_place(lines.decode(encoding, "replace"), encoding)
        for encoding in _TRIED
        if encoding in likely or encoding == _LATIN
    }
    return min(ranked, key=lambda encoding: round(ranked[encoding], 1))


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
    for word in _WORD.findall(text):
        beyond = [letter for letter in word if not letter.isascii()]
        letters += len(beyond)
        kinds = {_kind(letter) for letter in word} - {"mark"}
        if encoding in _COMMON:
            odd += sum(not _is_common(letter, encoding) for letter in beyond)
            odd += len(_LATIN_ENDING.findall(word))
        elif len(kinds) > 1 or not all(_belongs(letter) for letter in beyond):
            odd += len(beyond)
        elif kinds == {"latin"} and 2 * len(beyond) > max(3, len(word)):
            odd += len(beyond)  # accents on most letters of a word
        elif word[1:].lower() != word[1:] and word.upper() != word:
            odd += len(beyond)  # capitals within a word
    return odd / letters if letters else 1.0


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
