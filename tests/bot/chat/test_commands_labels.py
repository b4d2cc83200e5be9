"""Labels in every chat: asked for, paged, shown on cards, and told where unknown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.i18n.messages import Words
from bot.protocol.json_views import search_view
from bot.protocol.replies import PictureCard, Pictures, Reply
from bot.protocol.requests import Request
from core.search.labels import unknown
from core.search.query import SearchQuery
from tests.fake_labels import FakeLabels, labelled
from tests.web.parts import Parts, languages


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat over five pictures of each colour, tagged with three of them."""
    labels = FakeLabels({"gallery": labelled("red", "green", "blue")})
    built = Parts(tmp_path, labels=labels)
    yield built
    await built.close()


def asked(text: str, community: str = "web") -> Request:
    """A request of somebody who is no administrator."""
    return Request(community.partition(":")[0], community, "web:1", text=text)


def cards(reply: Reply) -> list[PictureCard]:
    """The cards of a reply."""
    return [card for part in reply.parts if isinstance(part, Pictures) for card in part.cards]


async def test_a_label_holds_on_every_page(parts: Parts) -> None:
    """The button of the next page carries it, and each card names it."""
    shown: list[PictureCard] = []
    reply = await parts.commands.handle(asked("/find label:green green house --count 3"))
    while True:
        shown += cards(reply)
        page = [button.action for button in reply.buttons if button.kind == "page"]
        if not page:
            break
        reply = await parts.commands.act(page[0], asked(""))
    assert [card.number for card in shown] == [1, 2, 3, 4, 5]
    assert {card.caption.split()[0] for card in shown} == {"green"}
    assert all(card.score_text.endswith(" · label: green") for card in shown)
    assert all("label: green" in card.alt for card in shown)


async def test_a_label_may_be_an_option(parts: Parts) -> None:
    """With words or alone, on every page; in quotation marks where it has spaces."""
    parts.labels.sets["gallery"] = labelled("red", "dark green")
    for text in ("/find red house --label red --count 2", "/find --label red --count 2"):
        reply = await parts.commands.handle(asked(text))
        [following] = [button.action for button in reply.buttons if button.kind == "page"]
        both = cards(reply) + cards(await parts.commands.act(following, asked("")))
        assert [card.caption.split()[0] for card in both] == ["red"] * 4
    for label in ('"dark green"', "dark green", 'dark "green"'):
        assert cards(await parts.commands.handle(asked(f"/find green house --label {label}")))
    unknown = await parts.commands.handle(asked("/find house --label shoe"))
    assert unknown.error is not None
    assert unknown.error.code == "unknown_label"


async def test_a_message_without_a_command_may_name_a_label(parts: Parts) -> None:
    """A text alone is a find; a label alone lists all of its pictures without asking again."""
    reply = await parts.commands.handle(asked("label:red"))
    assert {card.caption.split()[0] for card in cards(reply)} == {"red"}
    assert len(cards(reply)) == 5


async def test_cards_of_untagged_pictures_are_as_before(parts: Parts) -> None:
    """Where no label fits, or there are none, nothing is said of labels."""
    reply = await parts.commands.handle(asked("/find purple house"))
    assert cards(reply)
    assert not any("label" in card.score_text for card in cards(reply))


async def test_an_unknown_label_names_those_that_are_known(parts: Parts) -> None:
    """In the language of whoever asks."""
    reply = await parts.commands.handle(asked("/find label:shoe red"))
    assert reply.error is not None
    assert reply.error.code == "unknown_label"
    assert "red, green, blue" in reply.error.text
    assert "shoe" in reply.error.text
    for language in set(languages().all) - {"en"}:
        words = languages().presenter(language).words
        cause, remedy = words.error(unknown("Schuh", ("rot", "grün")))
        assert ("Schuh" in cause, "rot, grün" in remedy) == (True, True)
        assert cause != Words().error(unknown("Schuh", ("rot", "grün")))[0]
        assert "Schuh" not in str(words.error(unknown("Schuh", ())))


async def test_labels_are_those_of_the_asked_collection(parts: Parts) -> None:
    """Another collection's are unknown there, and its pictures stay where they are."""
    question = asked("/find label:red thing --collection secret", community="discord:7")
    reply = await parts.commands.handle(question)
    assert reply.error is not None
    assert "green" not in reply.error.text
    hidden = await parts.commands.handle(asked("/find label:red --collection secret"))
    assert hidden.error is not None
    assert hidden.error.code == "not_found"


async def test_json_names_the_tag(parts: Parts) -> None:
    """``tag`` beside each hit, null where no label fits."""
    view = search_view(
        await parts.search.find(SearchQuery.parse("label:blue house"), community="web", k=2)
    )
    assert view["query"] == "label:blue house"
    assert [hit["tag"] for hit in view["hits"]] == ["blue", "blue"]
    view = search_view(await parts.search.find("purple house", community="web", k=1))
    assert [hit["tag"] for hit in view["hits"]] == [None]
