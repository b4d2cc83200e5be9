"""Topics: what a collection is about, in words of which each finds something."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.protocol.requests import Request
from core.search.moderation import Criterion
from core.search.topics import MAX_TOPICS, Topics
from core.search.zero_shot import BACKGROUND
from tests.fake_labels import labelled
from tests.fakes import COLOURS
from tests.web.parts import GALLERY, Parts

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
