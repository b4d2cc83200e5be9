"""What the recipe of the embedded model reads in other languages, and what it keeps from them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from core.encoder.mini.split import is_held_out
from recipes.mini.languages import (
    Parallel,
    as_typed,
    dictionary_translations,
    emoji_translations,
    stamp_translations,
)
from recipes.mini.sources import STAMPS


def test_a_held_out_concept_is_held_out_in_every_language() -> None:
    """Whatever source translates it, and however the English text is spelt."""
    words = [f"thing {number}" for number in range(50)]
    told = {f"A {word}.": {"pt": [f"coisa {word}"]} for word in words}
    plain = {word.upper(): {"ja": [f"物 {word}"]} for word in words}
    parallel = Parallel(told, plain)
    held = {word for word in words if is_held_out(word)}
    assert held
    assert {word for word in words if not parallel.of(word)} == held
    assert not any(is_held_out(english) for english in parallel.english)


def test_all_sources_translate_one_text() -> None:
    """By what it says: case, article and stop make no difference."""
    parallel = Parallel(
        {"A lemon.": {"pt": ["Um limão."]}}, {"lemon": {"pt": ["limão"]}}, held=lambda _: False
    )
    assert parallel.of("Lemon") == ["Um limão.", "um limão", "um limao", "limão", "limao"]


def test_texts_are_shown_as_people_type_them() -> None:
    """Small, without a stop, and without accents where keyboards lack them."""
    assert as_typed("Ein Schlüssel.", "de") == ["ein schlüssel", "ein schluessel"]
    assert as_typed("マッシュルーム\uff01", "ja") == ["マッシュルーム"]
    assert as_typed("Ёлка", "ru") == ["ёлка"]
    assert as_typed("cow") == []


def test_captions_of_stamps_are_read_in_each_language(tmp_path: Path) -> None:
    """Lines that repeat the English caption translate nothing."""
    folder = tmp_path / STAMPS
    folder.mkdir(parents=True)
    (folder / "cow.txt").write_text(
        "A cow.\npt.utf8=Uma vaca.\npt_BR.utf8=A vaca.\nde.utf8=A cow.\nja.utf8=うし\n",
        encoding="utf-8",
    )
    assert stamp_translations(tmp_path) == {
        "A cow.": {"pt": ["Uma vaca.", "A vaca."], "ja": ["うし"]}
    }


def test_emoji_are_read_by_their_english_label(tmp_path: Path) -> None:
    """Names first, then keywords; the variation selector makes no difference."""
    (tmp_path / "en").mkdir()
    entry = {"emoji": "\u2708\ufe0f", "label": "airplane"}
    (tmp_path / "en" / "data.json").write_text(json.dumps([entry]))
    (tmp_path / "annotations" / "tr").mkdir(parents=True)
    told = {"\u2708": {"tts": ["uçak"], "default": ["uçak", "hava"]}, "x": {"tts": ["y"]}}
    (tmp_path / "annotations" / "tr" / "annotations.json").write_text(
        json.dumps({"annotations": {"annotations": told}})
    )
    assert emoji_translations(tmp_path, tmp_path) == {"airplane": {"tr": ["uçak", "hava"]}}


def test_dictionaries_give_their_first_two_words(tmp_path: Path) -> None:
    """Without kind, sound and number of the entry, for the words asked for alone."""
    folder = tmp_path / "usr" / "share" / "dictd"
    folder.mkdir(parents=True)
    first = "key /ki/\n1. <n> anahtar, (mec.) kama; tuş\n2. ada\n".encode()
    second = b"lion\naslan\n"
    (folder / "freedict-eng-tur.dict.dz").write_bytes(gzip.compress(first + second))
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    (folder / "freedict-eng-tur.index").write_text(
        f"00info\tA\tA\nkey\tA\t{digits[len(first)]}\nlion\t{digits[len(first)]}\t{digits[len(second)]}\n"
    )
    found = dictionary_translations({"tur": tmp_path}, {"key"})
    assert found == {"key": {"tr": ["anahtar", "kama"]}}
