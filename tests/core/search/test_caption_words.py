"""Words of a question that stand in one caption: that picture is the answer, not a refusal."""

from __future__ import annotations

import numpy as np
import pytest

from core.domain.types import Band, SearchResult
from core.search.lexical import CaptionWords
from core.search.service import Search
from tests.evaluation.literal_queries import COMMON_WORDS, ONE_OF_MANY, PARTS_OF_WORDS
from tests.fake_collections import FakeLibrary, FakeSnapshot
from tests.fakes import COLOURS, FakeDecoder, FakeEmbedder

_WANTED = "my car in Lisbon"


async def _find(text: str, *captions: str) -> SearchResult:
    """What is found among flat pictures, of which the first is the car in Lisbon."""
    colours = [*COLOURS] * (1 + len(captions) // len(COLOURS))
    snapshot = FakeSnapshot.of(list(zip(colours, (_WANTED, *captions), strict=False)))
    search = Search(FakeLibrary({"gallery": snapshot}), FakeEmbedder(), FakeDecoder())
    return await search.find(text, community="web", k=3)


_FEW = ("the dog of Anna", "Oma im Garten", "sprint 42")
_FEW_CAPTIONED = ("the dog of Anna", *("",) * 40)
_MANY = tuple(f"the {thing} of {n}" for n in range(60) for thing in ("party", "garden"))


@pytest.mark.parametrize("captions", [(), _FEW, _FEW_CAPTIONED, _MANY])
@pytest.mark.parametrize("text", ["Lisbon", "LISBON!", "car lisbon", "a photo of Lisbon"])
async def test_a_word_of_one_caption_finds_its_picture(
    text: str, captions: tuple[str, ...]
) -> None:
    """At least fair, in a collection of any size, whatever the model makes of it.

    And first, but where made-up vectors have one of many others stand out as one in a hundred does.
    """
    page = await _find(text, *captions)
    [hit] = [hit for hit in page.hits if hit.picture.caption == _WANTED]
    assert hit.band is not Band.WEAK
    assert all(above.band is Band.STRONG for above in page.hits[: hit.rank - 1])
    assert page.close_match


@pytest.mark.parametrize("captions", [_FEW, _MANY])
async def test_half_of_what_is_asked_is_shown_with_doubt(captions: tuple[str, ...]) -> None:
    """The caption knows Lisbon, and says nothing of the river."""
    page = await _find("Lisbon river", *captions)
    assert page.hits[0].picture.caption == _WANTED
    assert page.close_match or page.doubtful


def _held(text: str, *captions: str) -> float:
    held = CaptionWords.of((_WANTED, *captions)).search(text, 99)
    return float(np.max(held.held[held.rows == 0], initial=0))


@pytest.mark.parametrize("captions", [_FEW, _MANY])
@pytest.mark.parametrize("text", [*COMMON_WORDS, *PARTS_OF_WORDS, "car" + "pet", "photo"])
def test_small_words_and_parts_of_words_ask_for_nothing(
    text: str, captions: tuple[str, ...]
) -> None:
    """Whichever captions hold them."""
    assert _held(text, *captions) == 0


@pytest.mark.parametrize("captions", [_FEW, _MANY])
def test_one_word_of_many_says_little(captions: tuple[str, ...]) -> None:
    """Of a long question about something else."""
    assert max(_held(text, *captions) for text in ONE_OF_MANY) < 0.4


def test_what_is_held_goes_by_how_rare_it_is() -> None:
    """Of two words, the one that few captions have says more; one of all captions nothing."""
    others = [f"my car number {n}" for n in range(20)]
    assert _held("car Lisbon", *others) == 1
    assert _held("Lisbon river", *others) == pytest.approx(0.5, abs=0.05)
    assert _held("car river", *others) == 0
    assert _held("lisbon, lisbon", *others) == 1
