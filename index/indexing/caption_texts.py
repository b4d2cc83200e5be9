"""Captions from a text file beside the picture, or from the picture's own name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from core.domain.plain_text import folded
from index.indexing.encodings import SAMPLE, legacy_encoding, marked_encoding, mostly_utf8
from index.indexing.program_names import (
    EDITS,
    GENERIC,
    behind_program,
    is_counted,
    is_random,
    is_timed,
    without_stamps,
)

MAX_CAPTION = 2000
"""Characters of a caption that are kept: far beyond the 77 tokens or so that a text tower
reads, and little enough for a chat to show."""

_MAX_TEXT_FILE = 1 << 16
"""Bytes of a side-by-side text file that are read."""

_LEADS, _BEYOND_ASCII = 0b1100_0000, 0b1000_0000
"""The bits of a byte that begins a character of several bytes, and of any byte of one."""

_TRANSLATION = re.compile(r"([A-Za-z]{2,3}(?:[_@.-][A-Za-z]+)*)\.utf8\s*=(.*)")
"""A line of Tux Paint's stamp texts, as ``de.utf8=Eine Orange.``"""


@dataclass(frozen=True, slots=True)
class TextCaption:
    """A side-by-side text: the caption, and translations of it by language."""

    caption: str
    translations: Mapping[str, str]

    def in_language(self, language: str) -> str:
        """The translation into a language, "" where there is none.

        ``pt`` also takes what is for a country (``pt_BR``) or in other letters, where nothing
        is for the language as such.
        """
        wanted = language.replace("-", "_").casefold()
        for name, text in sorted(self.translations.items()):
            if text and f"{name}_".replace("@", "_").casefold().startswith(f"{wanted}_"):
                return text
        return ""


def tidy(text: str) -> str:
    """One line without control characters or stray white space, at most MAX_CAPTION long."""
    if text.isascii() and text.isprintable():
        # Nearly every caption: letter by letter is thirty times as long.
        return " ".join(text.split())[:MAX_CAPTION].rstrip()
    kept = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        # Cs: lone surrogates, which no database takes; Cc: control characters.
        if character.isspace() or unicodedata.category(character) not in {"Cc", "Cs"}
    )
    return " ".join(kept.split())[:MAX_CAPTION].rstrip()


def parse_text(text: str) -> TextCaption:
    """The first line that is no translation is the caption; the rest is not read.

    Tux Paint's stamps have the English text first, then one ``xx.utf8=...`` a line.
    """
    caption: str | None = None
    translations: dict[str, str] = {}
    for line in text.splitlines():
        match = _TRANSLATION.fullmatch(line.strip())
        if match:
            translations.setdefault(match[1], tidy(match[2]))
        elif caption is None and tidy(line):
            caption = tidy(line)
    return TextCaption(caption or "", translations)


def read_text(path: Path) -> TextCaption:
    """The caption in a text file of any encoding.

    Raises OSError.
    """
    with path.open("rb") as file:
        data = file.read(_MAX_TEXT_FILE)
    if len(data) == _MAX_TEXT_FILE:
        # Nothing is lost: the caption is the first line, and no character is cut in two.
        data = data[: data.rfind(b"\n") + 1] or _whole_characters(data)
    return parse_text(decode(data))


def _whole_characters(data: bytes) -> bytes:
    """UTF-8 without the beginning of a character at its end (at most three bytes)."""
    for length in range(1, 4):
        if data[-length] & _LEADS == _LEADS:
            return data[:-length]
        if not data[-length] & _BEYOND_ASCII:
            break
    return data


def decode(data: bytes) -> str:
    """Text of an unknown encoding. Never fails: what is in none has marks of replacement."""
    encoding = marked_encoding(data[:SAMPLE])
    if encoding is None:
        try:
            return data.decode()
        except UnicodeDecodeError:
            # A line that is damaged takes nothing from the others.
            damaged = mostly_utf8(data.splitlines())
            encoding = "utf-8" if damaged else legacy_encoding(data[:SAMPLE])
    return data.decode(encoding, "replace")


# Those that say nothing even beside a telling word, and what cameras put behind them.
_PREFIX = re.compile(
    r"(img|imgp|imag|dsc|dscn|dscf|pxl|mvimg|pano|cimg|gopr|dji|hpim|mg)", re.IGNORECASE
)
_MODE = re.compile(
    r"(night|portrait|cover|burst|edited|hdr|raw|mp|cr\d|nef|arw|dng)", re.IGNORECASE
)
# Code points, hashes: five or more hexadecimal digits, two of them decimal ("facade" is none).
_HEX = re.compile(r"(?=(?:.*\d){2})[0-9a-f]{5,}", re.IGNORECASE)
_SIZE = re.compile(r"(\d+x\d+|\d+x|\d+(px|mp|dpi))", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s_+.,;@()\[\]{}~-]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORDS = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]+)*")
_COUNTED = re.compile(r"([^\W\d_]{3,})\d+")
_DIGITS = str.maketrans(dict.fromkeys("123456789", "0"))

_TIMES = 5
_FEW = 2
"""Pictures with the same words and a time or identifier each: nobody types these, and few programs
fill a folder. Classes of a data set, which may have identifiers, are more."""

_COUNTERS = 20
_NEARLY_ALL = 0.9
"""Pictures with the same words and a long counter each, and their share of a folder."""


def repeated_captions(paths: Iterable[str]) -> frozenset[str]:
    """What programs called the pictures of one folder, as :func:`caption_from_name` wants it.

    Recognised without knowing the program: the same words beside times or identifiers, or
    beside counters on nearly all pictures. What the folder's own name says is left to them.
    """
    # Digits make no difference to the words: each kind of name is read once.
    alike = Counter(
        (path.translate(_DIGITS), is_counted(path.rpartition("/")[2])) for path in paths
    )
    timed: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    for (path, has_counter), count in alike.items():
        said, has_time = _kind_of(path)
        if said and (has_counter or has_time):
            counted[said] += count
            timed[said] += count if has_time else 0
    own = {
        folded(word).rstrip("s")
        for folder in {PurePosixPath(path).parent.name for path, _ in alike}
        for word in _telling(folder)
    }

    def programs(counts: Counter[str], least: float) -> frozenset[str]:
        return frozenset(
            said
            for said, count in counts.items()
            if count >= least and own.isdisjoint(word.rstrip("s") for word in said.split())
        )

    by_time = programs(timed, _TIMES)
    by_counter = programs(counted, max(_COUNTERS, _NEARLY_ALL * alike.total()))
    return by_time | by_counter if len(by_time) <= _FEW else by_counter


@lru_cache(maxsize=1 << 16)
def _kind_of(path: str) -> tuple[str, bool]:
    """The words of a name, folded, and whether there is a time or an identifier beside them."""
    said = folded(caption_from_name(path))
    return said, bool(said) and is_timed(_stem(path))


def caption_from_name(path: str, repeated: AbstractSet[str] = frozenset()) -> str:
    """What the name of a picture says, empty where a camera or a program named it.

    ``orange-slice_02.png`` says "orange slice", ``IMG_2041.jpg`` says nothing. ``repeated``:
    what programs called others of its folder (:func:`repeated_captions`).
    """
    stem = unicodedata.normalize("NFC", _stem(path))
    if _HEX.fullmatch(stem):
        return ""
    caption = _said(without_stamps(stem))
    if repeated and folded(caption).translate(_DIGITS) in repeated:
        return "" if is_counted(stem) or is_timed(stem) else caption
    return caption


def _stem(path: str) -> str:
    """The name without its ending; "Dr. Smith at sea" is a name that has none."""
    name = PurePosixPath(path)
    return name.name if " " in name.suffix else name.stem


def _said(stem: str) -> str:
    behind = behind_program(stem)
    words = _telling(stem if behind is None else behind)
    telling = [word for word in words if not _is_generic(word)]
    # "photo_5909211111_y" is one of Telegram's sizes.
    if not telling or (len(telling) < len(words) and _is_letter("".join(telling))):
        return ""
    if _PREFIX.fullmatch(words[0]):
        words = [word for word in words[1:] if not _MODE.fullmatch(word)]
    while words and words[-1].casefold() in EDITS:
        words.pop()
    caption = tidy(" ".join(words))
    if _is_letter(caption):
        return ""
    return caption.lower() if caption.isupper() else caption


def _telling(stem: str) -> list[str]:
    """The words of a name, without counters, sizes and identifiers."""
    words: list[str] = []
    for chunk in _SEPARATORS.split(stem):
        if not chunk or _SIZE.fullmatch(chunk) or _HEX.fullmatch(chunk) or is_random(chunk):
            continue
        parts = [chunk] if _is_generic(chunk) else _CAMEL.sub(" ", chunk).split()
        for part in parts:
            words.extend(_words_of(part))
    return words


def _is_letter(text: str) -> bool:
    return len(text) == 1 and text.isascii()


def _is_generic(word: str) -> bool:
    folded = word.casefold()
    return folded in GENERIC or folded in EDITS


def _words_of(part: str) -> list[str]:
    words: list[str] = []
    for word in _WORDS.findall(part):
        counted = _COUNTED.fullmatch(word)
        plain = counted[1] if counted else word
        bare = plain.strip("0123456789")
        if not any(character.isalpha() for character in plain):
            continue
        # "P1010023" and "WA0007" are counters, "mp3" and "h2o" are words.
        words.append(bare if bare != plain and _is_generic(bare) else plain)
    return words
