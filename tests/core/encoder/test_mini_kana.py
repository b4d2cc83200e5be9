"""Japanese that is typed in kana, by the words that the text tower of ``mini`` knows."""

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
    ("kana", "han"),
    [
        ("ねこ", "猫"),
        ("おおきな つくえ", "大きな 机"),
        ("ちゃいろのめんどり", "茶色の雌鳥"),
        ("ミツバチ", "蜜蜂"),
    ],
)
def test_a_text_in_kana_is_read_with_han_characters_too(
    pieces: Pieces, kana: str, han: str
) -> None:
    """What was typed comes first."""
    assert pieces(kana) == Pieces(FILE, as_written=True)(f"{kana} {han}")


@pytest.mark.parametrize(
    "text",
    [
        "大きな いぬ",
        "食べるひと",
        "カメラ",
        "ライオン",
        "トマト の レシピ 本",
        "a cat",
        "고양이",
        "ー",
    ],
)
def test_everything_else_stays_as_it_is_written(pieces: Pieces, text: str) -> None:
    """Texts that have Han characters where these are usual, loan words, other languages."""
    assert pieces(text) == Pieces(FILE, as_written=True)(text)


def test_a_long_text_in_kana_is_cut_as_any_other(pieces: Pieces) -> None:
    """The two spellings share the tower's room."""
    cut = pieces("ねこ と いぬ " * 40, truncation=True)
    assert len(cut["input_ids"]) == pieces.model_max_length
