"""What people type and decorate reaches the text tower as words that it knows."""

# ruff: noqa: RUF001 - letters that look like others are what is tested

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.plain_text import folded, plain_text
from core.encoder.tokenizer import TextTokens
from core.search.labels import tidy_labels
from tests.vocabularies import bert_tokenizer, clip_tokenizer


def _ascii_only(text: str) -> bool:
    return text.isascii()


@pytest.mark.parametrize(
    "typed",
    [
        *("tiger🐯", "tiger ✨", "▶tiger", "🔥tiger🔥", "ｔｉｇｅｒ", "𝐭𝐢𝐠𝐞𝐫", "ⓣⓘⓖⓔⓡ", "tiger™"),
        *("ti\u00adger", "tiger\u200b", "\ufefftiger", "t\u0336i\u0336ger", "⭐\ufe0ftiger"),
        *("tiger❤\ufe0f", "tiger👨\u200d👩\u200d👧", "tiger🇩🇪"),
    ],
)
def test_a_decorated_word_is_the_word(typed: str) -> None:
    """Where a tokenizer knows no symbols, the word is all that it is given."""
    assert plain_text(typed, _ascii_only) == "tiger"


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("a fish🐟", "a fish 🐟"),
        ("ﬁsh", "fish"),
        ("🅣🅘🅖🅔🅡", "TIGER"),
        ("cat👨\u200d👩\u200d👧dog", "cat 👨\u200d👩\u200d👧 dog"),
        ("a dog’s “bowl”", 'a dog\'s "bowl"'),
        ("don´t", "don't"),
        ("1\ufe0f\u20e3 cat", "1 cat"),
        ("5½ apples at 20℃", "5 1/2 apples at 20 °C"),
        ("x² 90°", "x2 90°"),
        ("cafe\u0301", "café"),
        ("ｶﾞﾗｽ", "ガラス"),
        ("น้ำ", "น้ำ"),
        ("ㅋㅋ", "ㅋㅋ"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("half a pair \ud83d", "half a pair ?"),
        ("plain  ASCII ^_^ stays", "plain  ASCII ^_^ stays"),
    ],
)
def test_words_are_parted_and_letters_are_ordinary(typed: str, plain: str) -> None:
    """A tokenizer that knows symbols is given them, a word apart; spelling stays spelling."""
    assert plain_text(typed) == plain


def test_symbols_alone_are_their_names() -> None:
    """A question of one emoji means what Unicode calls it, where the tokenizer knows none.

    The face of an animal is the animal.
    """
    assert plain_text("🐯", _ascii_only) == "tiger"
    assert plain_text("😀", _ascii_only) == "grinning face"
    assert plain_text("🍎🍌", _ascii_only) == "red apple banana"
    assert plain_text("🐯") == "🐯"


@given(st.text(max_size=40))
def test_any_text_is_plain_once(text: str) -> None:
    """Whatever is typed becomes a text without surrogates, and the same again."""
    once = plain_text(text)
    once.encode()
    assert plain_text(once) == once


@pytest.mark.model
def test_clip_reads_the_word_itself(tmp_path: Path) -> None:
    """With CLIP's own vocabulary decorated letters have the tokens of plain ones."""
    clip_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    tokens = TextTokens.load(tmp_path, None)
    plain, *others = tokens.tokenize(["a tiger", "a ｔｉｇｅｒ", "a 𝐭𝐢𝐠𝐞𝐫", "a ti\u00adger"])
    assert all(other["input_ids"] == plain["input_ids"] for other in others)
    with_emoji, parted = tokens.tokenize(["tiger🐯", "tiger 🐯"])
    assert with_emoji == parted
    assert len(with_emoji["input_ids"]) == len(plain["input_ids"]), "CLIP knows emoji: they stay"


@pytest.mark.model
def test_bert_is_given_no_unknown_symbol(tmp_path: Path) -> None:
    """A vocabulary without emoji reads the words alone."""
    bert_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    tokens = TextTokens.load(tmp_path, None)
    plain, *others = tokens.tokenize(["a dog", "a dog🐯", "✨ a dog ✨", "a ｄｏｇ"])
    assert all(other["input_ids"] == plain["input_ids"] for other in others)


def test_names_are_equal_in_any_case_and_form() -> None:
    """Composed or decomposed, in capitals or not: one rule for files, labels and words."""
    assert folded("Cafe\u0301") == folded("CAF\u00c9") == "caf\u00e9"
    assert folded("STRASSE") == folded("Straße")
    assert tidy_labels(["Caf\u00e9", "cafe\u0301", "tea"]) == ("Caf\u00e9", "tea")
