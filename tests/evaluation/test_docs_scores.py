"""What README and docs show of the demo gallery is what the program answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.chat.presenters.cards import hit_card
from bot.i18n.messages import Words
from core.domain.types import SearchResult
from tests.evaluation.conftest import Stamps
from tests.evaluation.galleries import KnownVectors, gallery
from tests.evaluation.texts import Texts
from tests.fakes import picture_bytes

pytestmark = pytest.mark.model

_ROOT = Path(__file__).parents[2]
# Other processors sum in another order: the second decimal may be the next one.
_ROUNDING = 0.011


@dataclass(frozen=True)
class Shown:
    """An answer in a page: what was asked, and of each hit the caption, the number, the rest."""

    page: str
    asked: str
    hits: tuple[tuple[str, float, str], ...]


def shown() -> Iterator[Shown]:
    """Every ``<!-- answer: … -->`` with the table that follows it."""
    for page in (_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))):
        for found in re.finditer(
            r"<!-- answer: (.+?) -->\n\|.*\n\|[-|]+\n((?:\|.*\n)+)", page.read_text("utf-8")
        ):
            rows = [[cell.strip() for cell in row.split("|")[1:3]] for row in found[2].splitlines()]
            hits = [(caption, *answer.split(" · ", 1)) for caption, answer in rows]
            numbers = tuple((caption, float(number), rest) for caption, number, rest in hits)
            yield Shown(page.name, found[1], numbers)


@pytest.mark.parametrize(
    "answer", tuple(shown()), ids=lambda answer: f"{answer.page}: {answer.asked}"
)
async def test_answers_in_the_docs_are_the_programs(
    answer: Shown, stamps: Stamps, texts: Texts
) -> None:
    """Captions, numbers, bands and what was found, in this order."""
    words = Words()
    embedder = KnownVectors(texts)
    search = gallery(stamps, embedder, texts, range(len(stamps.paths)), stamps.captions)
    command, _, asked = answer.asked.partition(" ")
    k = len(answer.hits)
    result: SearchResult
    if command == "find":
        result = await search.find(asked, community="web", k=k)
    else:
        posted, _, text = asked.partition(" ")
        embedder.picture = stamps.vectors[stamps.paths.index(posted)]
        result = await search.similar(picture_bytes("red"), community="web", text=text, k=k)
    told = [hit_card(words, hit) for hit in result.hits]
    print("\n".join(f"| {card.caption} | {card.score_text} |" for card in told))
    assert [(c.caption, c.score_text.split(" · ", 1)[1]) for c in told] == [
        (caption, rest) for caption, _, rest in answer.hits
    ]
    assert [card.score for card in told] == pytest.approx(
        [n for _, n, _ in answer.hits], abs=_ROUNDING
    )


def test_the_docs_show_answers() -> None:
    """The first question of the README, and its picture with words."""
    asked = {each.asked for each in shown()}
    assert {"find orange fruits", "similar food/fruit/apple_green.png but red"} <= asked
