"""How well words in made memes are read, and found by three words of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.images.reader_version import missing_packages
from core.images.reading import WordPool
from core.search.words import ReadWords
from recipes.memes import measured, memes, recall

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(bool(missing_packages()), reason="the extra words is not installed"),
]


async def test_a_meme_of_each_language_says_its_words() -> None:
    """Whatever its font, colours and quality: five of six at least, a sample of what follows."""
    made = list(memes(6, seed=3))
    async with WordPool(1, timeout_s=110) as reader:
        read = [ReadWords.of([line.text for line in await reader.read(m.jpeg)]) for m in made]
    strengths = [text.strength(meme.asked) for meme, text in zip(made, read, strict=True)]
    print(dict(zip([meme.language for meme in made], strengths, strict=True)))
    assert sum(strength >= 0.65 for strength in strengths) >= 5


@pytest.mark.long
@pytest.mark.model
@pytest.mark.timeout(3600)
async def test_three_words_find_their_meme(tmp_path: Path) -> None:
    """Among 300 of six languages, first in nine of ten, among five in nineteen of twenty.

    By the sentence in other words, among five in three of five.
    """
    found = await measured(list(memes(300)), tmp_path)
    print(found)
    assert recall(found.places, 1) >= 0.9
    assert recall(found.places, 5) >= 0.95
    assert recall(found.meant, 5) >= 0.6
