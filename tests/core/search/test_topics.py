"""Topics: what a collection is about, in words of which each finds something."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.protocol.requests import Request
from core.search.everyday import EVERYDAY, language_of
from core.search.moderation import Criterion
from core.search.topics import MAX_TOPICS, Topics
from core.search.zero_shot import BACKGROUND
from tests.fake_labels import labelled
from tests.fakes import COLOURS
from tests.web.parts import GALLERY, Parts, languages

SILENT: Sequence[tuple[str, str]] = tuple((colour, "") for colour, _ in GALLERY)
"""The same pictures without a caption."""


async def topics_of(parts: Parts) -> tuple[str, ...]:
    """What the web is offered."""
    return await Topics(parts.library, parts.search, parts.labels).of(community="web")


async def test_topics_are_words_of_the_captions(tmp_path: Path) -> None:
    """One a group, as somebody would type it, and none twice."""
    topics = await topics_of(Parts(tmp_path))
    assert 4 <= len(topics) <= MAX_TOPICS
    assert len(set(topics)) == len(topics)
    words = {word for _, caption in GALLERY for word in caption.split()}
    assert set(topics) <= words
    assert set(topics) & set(COLOURS), "what the pictures of a group have in common"


async def test_every_topic_finds_something(tmp_path: Path) -> None:
    """A chip that leads to "no close match" would be worse than none."""
    parts = Parts(tmp_path)
    for topic in await topics_of(parts):
        assert (await parts.search.find(topic, community="web")).close_match


async def test_without_captions_labels_are_topics(tmp_path: Path) -> None:
    """Those that find something, not what the pictures do not show."""
    parts = Parts(tmp_path, captions=SILENT)
    parts.labels.sets["gallery"] = labelled("red", "blue", "a thing that nobody painted")
    topics = await topics_of(parts)
    assert set(topics) == {"red", "blue"}


async def test_without_labels_everyday_words_are_topics(tmp_path: Path) -> None:
    """As far as they find something, and no two for the same picture."""
    parts = Parts(tmp_path, captions=SILENT)
    topics = await topics_of(parts)
    assert set(topics) <= set(BACKGROUND)
    found = [await parts.search.find(topic, community="web", k=1) for topic in topics]
    assert all(each.close_match for each in found)
    assert len({each.hits[0].picture.id for each in found}) == len(topics) > 0


async def test_topics_say_nothing_of_what_is_held(tmp_path: Path) -> None:
    """They are made of what the community sees."""
    parts = Parts(tmp_path)
    for colour in ("blue", "red"):
        await parts.moderation.add(Criterion(colour), community="web")
    assert {"blue", "red"}.isdisjoint(await topics_of(parts))


async def test_topics_are_found_once_for_each_state(tmp_path: Path) -> None:
    """However many ask for them, together or later."""
    parts = Parts(tmp_path)
    topics = Topics(parts.library, parts.search)
    first, second = await asyncio.gather(topics.of(community="web"), topics.of(community="web"))
    asked = parts.embedder.texts_encoded
    assert first == second == await topics.of(community="web")
    assert parts.embedder.texts_encoded == asked


async def test_a_welcome_does_not_wait_for_them(tmp_path: Path) -> None:
    """Whoever comes while they are still looked for gets none, and later has them."""
    parts = Parts(tmp_path)
    request = Request("web", "web", "web:1")
    parts.embedder.gate.clear()
    assert await parts.commands.topics(request, patience_s=0.01) == ()
    parts.embedder.gate.set()
    assert await parts.commands.topics(request)


@pytest.mark.parametrize("collection", ["secret", "never"])
async def test_topics_of_another_community_are_nobodys(tmp_path: Path, collection: str) -> None:
    """The same error for what is not there and what is not for them."""
    parts = Parts(tmp_path)
    with pytest.raises(Exception, match="no such collection"):
        await Topics(parts.library, parts.search).of(community="web", collection=collection)


async def test_who_asks_in_another_language_gets_words_of_their_own(tmp_path: Path) -> None:
    """Everyday words that find something; where none does, the captions' as for all."""
    parts = Parts(tmp_path)
    topics = Topics(parts.library, parts.search, parts.labels)
    plain = await topics.of(community="web")
    assert await topics.translated("en", community="web") == ()
    german = await topics.translated("de", community="web")
    assert set(german) <= set(EVERYDAY["de"])
    for topic in german:
        assert (await parts.search.find(topic, community="web")).close_match
    assert await topics.of(community="web", language="de") == (german or plain)
    assert await topics.of(community="web", language="sv") == plain


async def test_captions_in_the_askers_language_stay_topics(tmp_path: Path) -> None:
    """They say what there is better than everyday words do."""
    said = tuple((colour, f"Ein Ball und eine Katze in {colour}") for colour, _ in GALLERY)
    parts = Parts(tmp_path, captions=said)
    topics = Topics(parts.library, parts.search, parts.labels)
    assert await topics.translated("de", community="web") == ()


@pytest.mark.parametrize(
    ("captions", "language"),
    [
        (["A red car on the road.", "An orange."], "en"),
        (["Ein rotes Auto.", "Die Katze und der Hund"], "de"),
        (["Uma laranja.", "O gato no telhado com a lua"], "pt"),
        (["Un perro con los niños", "El gato y la luna"], "es"),
        (["Un chien dans la rue", "Les fleurs du jardin"], "fr"),
        (["赤い車", "海のそばの家"], "ja"),
        (["红色的汽车", "海边的房子"], "zh"),
        (["빨간 자동차"], "ko"),
        (["قطة على السطح"], "ar"),
        (["Красная машина"], "ru"),
        (["Ένα κόκκινο αυτοκίνητο"], None),
        (["IMG 2041", "cow"], None),
        ([], None),
    ],
)
def test_captions_tell_their_language(captions: list[str], language: str | None) -> None:
    """By their script or their small words; nothing is guessed from names and numbers."""
    assert language_of(captions) == language


def test_everyday_words_are_there_for_every_language_of_the_replies() -> None:
    """As many in each, none twice, and short enough for a chip."""
    assert set(EVERYDAY) | {"en"} >= {tag.partition("-")[0] for tag in languages().all}
    for words in EVERYDAY.values():
        assert len(words) == len(set(words)) == 24
        assert max(map(len, words)) <= 26
