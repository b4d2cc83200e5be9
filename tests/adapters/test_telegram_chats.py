"""Where the bot is: added, removed, moved; what was added there goes with the chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.domain.errors import CatalogueError
from tests.adapters.telegram_parts import ADA, BEN, GROUP, OTHER_GROUP, Talk, talking


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot."""
    async with talking(tmp_path) as running:
        yield running


async def test_a_group_that_removes_the_bot_has_left(talk: Talk) -> None:
    """Kicked or left, and added again: each is handed on once; a promotion is nothing of it."""
    server, contributions = talk.server, talk.parts.contributions
    await server.bot_member(GROUP, "member", "administrator", by=ADA)
    await server.bot_member(GROUP, "administrator", "kicked", by=ADA)
    await server.until(lambda: contributions.departed == [f"telegram:{GROUP}"])
    await server.bot_member(GROUP, "kicked", "left", by=ADA)
    await talk.idle()
    assert contributions.departed == [f"telegram:{GROUP}"]
    await server.bot_member(GROUP, "left", "restricted", by=ADA)
    await server.until(lambda: contributions.departed == [])
    await server.bot_member(GROUP, "restricted", "member", by=ADA)
    await server.bot_member(BEN, "member", "kicked", by=BEN)
    await server.until(lambda: contributions.departed == [f"telegram:{BEN}"])
    await talk.idle()
    assert contributions.departed == [f"telegram:{BEN}"]
    assert contributions.names == {}


@pytest.mark.parametrize("told", ["both", "old", "new"])
async def test_a_group_that_becomes_a_supergroup_takes_its_own_along(talk: Talk, told: str) -> None:
    """Telegram tells it in both chats; one of the two is enough, and none is answered."""
    world, contributions = talk.server.world, talk.parts.contributions
    world.group(OTHER_GROUP, {ADA: "creator"})
    world.chats[GROUP].migrated_to = OTHER_GROUP
    if told != "new":
        await talk.server.say(GROUP, ADA, migrate_to_chat_id=OTHER_GROUP)
    if told != "old":
        await talk.server.say(OTHER_GROUP, ADA, migrate_from_chat_id=GROUP)
    await talk.idle()
    assert contributions.names == {f"telegram:{GROUP}": f"telegram:{OTHER_GROUP}"}
    assert len(talk.sent) == 1


async def test_what_cannot_be_noted_ends_nothing(talk: Talk) -> None:
    """A catalogue that fails costs the note, not the bot."""

    async def fails(*_names: str) -> None:
        raise CatalogueError("The disk is full.")

    talk.parts.contributions.left = talk.parts.contributions.moved = fails  # type: ignore[method-assign]
    await talk.server.bot_member(GROUP, "member", "kicked", by=ADA)
    await talk.server.say(GROUP, ADA, "/help", migrate_from_chat_id=OTHER_GROUP)
    await talk.idle()
    assert len(talk.sent) == 1
