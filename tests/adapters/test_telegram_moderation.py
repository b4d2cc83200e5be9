"""Held pictures on Telegram's real path: shown to administrators in the review, to nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.domain.types import CommunitySettings
from core.search.moderation import Criterion
from tests.adapters.telegram_parts import ADA, EVE, GROUP, Talk, data_of, photos_of, talking
from tests.colours import share_of
from tests.fakes import picture_bytes
from tests.servers.telegram_world import Json

COMMUNITY = f"telegram:{GROUP}"


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot in a group that holds whatever is blue; Ada owns the group."""
    async with talking(tmp_path) as running:
        await running.parts.moderation.add(Criterion("blue"), community=COMMUNITY)
        running.parts.settings.kept[COMMUNITY] = CommunitySettings(show_weak=True)
        yield running


def said(messages: list[Json]) -> str:
    """All words of some messages."""
    return "\n".join(m.get("text", "") + m.get("caption", "") for m in messages)


async def test_members_are_shown_nothing_that_is_held(talk: Talk) -> None:
    """By words, by a picture and by captions, in the group."""
    found = await talk.ask("/find something blue --count 5", 6, chat=GROUP, user=EVE)
    assert "blue" not in {colour for colour, _ in photos_of(talk, found)}
    assert "blue " not in said(found).replace("“something blue”", "")
    before = len(talk.sent)
    photo = picture_bytes("blue", seed=9, edge=64)
    await talk.server.say(GROUP, EVE, "/describe --count 5", photo=photo)
    described = await talk.answers(after=before)
    assert "blue" not in said(described)
    assert "green" in said(described)
    refused = await talk.ask("/moderation review", chat=GROUP, user=EVE)
    assert "Only administrators" in said(refused)


async def test_inline_offers_nothing_that_is_held(talk: Talk) -> None:
    """Though the bot has sent it before, and knows its file id."""
    await talk.ask("/find blue --count 5", 6, chat=EVE, user=EVE)
    before = await talk.inline(EVE, "blue")
    assert any("blue" in result["caption"] for result in before["results"])
    await talk.parts.moderation.add(Criterion("blue"), community=f"telegram:{EVE}")
    after = await talk.inline(EVE, "blue ")
    assert not any("blue" in result.get("caption", "") for result in after["results"])


async def test_administrators_review_and_decide(talk: Talk) -> None:
    """In their own chat with the bot, on one sheet; what is approved is found in the group."""
    [review] = await talk.ask("/moderation review", chat=GROUP, user=ADA)
    assert review["chat"]["id"] == ADA
    assert "Held pictures 1–5 of 5" in review["caption"]  # noqa: RUF001 - a range
    name = review["photo"][-1]["file_id"]
    assert share_of(talk.server.world.files[name].data, "blue") > 0.05
    assert "blue fruits" in review["caption"]
    before = len(talk.sent)
    await talk.server.press(review, data_of(review, "Approve #1"), ADA)
    [approved] = await talk.answers(after=before)
    assert "Approved and shown again: blue fruits" in approved["text"]
    found = await talk.ask("/find blue fruits --count 5", 6, chat=GROUP, user=EVE)
    assert "blue" in {colour for colour, _ in photos_of(talk, found)}


async def test_a_former_administrator_decides_nothing(talk: Talk) -> None:
    """The right is asked for at each press, not when the review was shown."""
    [review] = await talk.ask("/moderation review", chat=GROUP, user=ADA)
    talk.server.world.group(GROUP, {EVE: "creator", ADA: "member"})
    answer = await talk.press(review, "Approve #1", ADA)
    assert answer["text"]
    assert talk.parts.moderation.verdicts == {}
