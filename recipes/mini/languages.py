"""Short texts in other languages beside the English ones that they translate, by package.

Stamps carry captions in seventy languages, Unicode's CLDR names every emoji, dictionaries give
single words. Whole concepts stay on one side of the held-out split: what translates a held-out
English text is left out, whatever the language.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from core.encoder.mini.split import is_held_out, words_of
from recipes.mini.sources import STAMPS, stamp_caption

LANGUAGES: dict[str, tuple[str, ...]] = {
    "pt": ("pt", "pt_BR", "pt-PT"),
    "es": ("es", "es-MX"),
    "de": ("de",),
    "fr": ("fr",),
    "it": ("it",),
    "nl": ("nl",),
    "pl": ("pl",),
    "ru": ("ru",),
    "tr": ("tr",),
    "zh": ("zh_CN", "zh_TW", "zh", "zh-Hant"),
    "th": ("th",),
    "ja": ("ja",),
    "ko": ("ko",),
    "ar": ("ar",),
}
"""The text tower's languages beside English, and the names that stamps and CLDR have for each."""

DICTIONARIES = {
    "ara": "ar",
    "deu": "de",
    "fra": "fr",
    "ita": "it",
    "jpn": "ja",
    "nld": "nl",
    "pol": "pl",
    "por": "pt",
    "rus": "ru",
    "spa": "es",
    "tur": "tr",
}
"""Debian's ``dict-freedict-eng-…`` by the language that they translate into."""

MOST = 3
"""Translations of a text into one language that count: the first ones are the usual ones."""

_ACCENTS_LEFT_OUT = frozenset({"pt", "es", "de", "fr", "it", "nl", "pl", "tr"})
_WITHOUT_MARKS = str.maketrans({"\u0142": "l", "\u0131": "i", "\u00f8": "o"})
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

_LONGEST_WORD = 40

Translations = dict[str, dict[str, list[str]]]
"""By the English text and the language."""

Held = Callable[[str], bool]


class Parallel:
    """All translations by what the English text says, whatever its case, article and stop."""

    def __init__(self, *sources: Translations, held: Held = is_held_out) -> None:
        self._by_words: dict[str, dict[str, list[str]]] = {}
        self.english: list[str] = []
        for source in sources:
            for english, found in source.items():
                if held(english):
                    continue
                self.english.append(english)
                known = self._by_words.setdefault(words_of(english), {})
                for language, texts in found.items():
                    known.setdefault(language, []).extend(texts[:MOST])

    def of(self, english: str) -> list[str]:
        """Translations of a text into all languages, each also as people type it; maybe none."""
        found = [
            view
            for language, texts in self._by_words.get(words_of(english), {}).items()
            for text in texts
            for view in (text, *as_typed(text, language))
        ]
        return list(dict.fromkeys(found))


def as_typed(text: str, language: str = "en") -> list[str]:
    """A text in small letters without its stop, and without accents, where these differ."""
    small = re.sub("[.!?\u3002\uff01\uff1f\u2026]+$", "", text.strip().lstrip(".")).strip().lower()
    bare = small.translate(_GERMAN) if language == "de" else small
    if language in _ACCENTS_LEFT_OUT:
        parted = unicodedata.normalize("NFD", bare.translate(_WITHOUT_MARKS))
        bare = "".join(each for each in parted if not unicodedata.combining(each))
    return [view for view in dict.fromkeys((small, bare)) if view and view != text]


def stamp_translations(root: Path) -> Translations:
    """Captions of Tux Paint's stamps: ``pt.utf8=Uma laranja.`` in the lines below the first."""
    found: Translations = {}
    for file in sorted((root / STAMPS).rglob("*.txt")):
        english = stamp_caption(file)
        if not english:
            continue
        lines = file.read_text(encoding="utf-8", errors="replace")
        told = dict(line.split(".utf8=", 1) for line in lines.splitlines() if ".utf8=" in line)
        known = found.setdefault(english, {})
        for language, names in LANGUAGES.items():
            for name in names:
                text = told.get(name, "").strip()
                # An untranslated line repeats the English one.
                if text and text != english and text not in known.setdefault(language, []):
                    known[language].append(text)
    return found


def emoji_translations(emojibase: Path, cldr: Path) -> Translations:
    """What CLDR calls emoji, by their English label, and four of its keywords."""
    entries = json.loads((emojibase / "en" / "data.json").read_text(encoding="utf-8"))
    labels = {_bare(entry["emoji"]): entry["label"] for entry in entries}
    found: Translations = {}
    for language, names in LANGUAGES.items():
        for name in names:
            file = cldr / "annotations" / name / "annotations.json"
            if not file.is_file():
                continue
            told = json.loads(file.read_text(encoding="utf-8"))["annotations"]["annotations"]
            for emoji, texts in told.items():
                label = labels.get(_bare(emoji))
                if label and "tts" in texts:
                    known = found.setdefault(label, {}).setdefault(language, [])
                    named = dict.fromkeys((*texts["tts"], *texts.get("default", [])[:4]))
                    known += [text for text in named if text not in known]
    return found


def dictionary_translations(roots: dict[str, Path], words: Collection[str]) -> Translations:
    """What the dictionaries, by language code of theirs, have for these English words."""
    found: Translations = {}
    for code, root in roots.items():
        for english, body in _entries(root / "usr" / "share" / "dictd", code):
            texts = _meanings(english, body) if english in words else []
            if texts:
                known = found.setdefault(english, {}).setdefault(DICTIONARIES[code], [])
                known += [text for text in texts if text not in known]
    return found


def _bare(emoji: str) -> str:
    return emoji.replace("\ufe0f", "")


def _entries(folder: Path, code: str) -> Iterator[tuple[str, list[str]]]:
    """Headwords and what stands below them; the format is told by dictfmt(1)."""
    text = gzip.decompress((folder / f"freedict-eng-{code}.dict.dz").read_bytes())
    index = (folder / f"freedict-eng-{code}.index").read_text(encoding="utf-8")
    for line in index.splitlines():
        word, start, length = line.split("\t")[:3]
        if not word.startswith("00"):
            first = _number(start)
            body = text[first : first + _number(length)].decode("utf-8", "replace")
            yield word.strip().lower(), body.splitlines()[1:]


def _number(digits: str) -> int:
    """A number to the base 64, as indexes of dictd have it."""
    order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for digit in digits:
        value = 64 * value + order.index(digit)
    return value


def _meanings(english: str, body: list[str]) -> list[str]:
    """The first two translations of an entry."""
    found: list[str] = []
    for line in body:
        if not line.strip() or line.startswith((" see", "   Syn", '      "', "         Note")):
            if found:
                break
            continue
        texts = (_clean(part) for part in re.split(r"[,;]", _clean(line)))
        found += [
            text for text in texts if 0 < len(text) < _LONGEST_WORD and text.lower() != english
        ]
        if len(found) > 1:
            break
    return found[:2]


def _clean(line: str) -> str:
    """Without kinds of words, pronunciation, remarks and numbers."""
    bare = re.sub(r"<[^>]*>|\[[^\]]*\]|\{[^}]*\}|\([^)]*\)|//.*?//|/[^/]*/", "", line)
    return re.sub(r"^\s*[\dIVX]+\.\s*", "", bare).strip(' .;,"\t')
