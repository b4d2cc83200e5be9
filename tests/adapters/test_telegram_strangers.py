"""A Telegram bot whose pictures are for nobody there: each way to ask it, and the ways in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.access_list import Roster
from tests.adapters.telegram_parts import ADA, BEN, EVE, GROUP, SMALL, Talk, photos_of, talking
from tests.fakes import picture_bytes
from tests.servers.telegram_world import Json
from tests.web.parts import Parts

PHOTO = picture_bytes("red", seed=90, edge=64)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """Ada is the operator; the collection is for the web chat."""
    parts = Parts(tmp_path, SMALL)
    parts.library.communities["gallery"] = frozenset({"web"})
    async with talking(tmp_path, parts=parts, roster=Roster({ADA})) as talk:
        yield talk


def text_in(message: Json) -> str:
    """What a message says."""
    return str(message.get("text") or message.get("caption"))


async def test_a_group_is_told_its_id_and_sees_nothing(talk: Talk) -> None:
    """Its own administrator, too; in the group, where it was asked."""
    for text in ("/find red", "/status", "/reindex", "/settings", "/help"):
        [answer] = await talk.ask(text, chat=GROUP, user=BEN)
        assert answer["chat"]["id"] == GROUP
        assert f"tangerine allow telegram:{GROUP}" in text_in(answer)
    before = len(talk.sent)
    await talk.server.say(GROUP, BEN, "/add mine", photo=PHOTO)
    [answer] = await talk.answers(after=before)
    assert f"telegram:{GROUP}" in text_in(answer)
    assert photos_of(talk, talk.sent) == []
    assert talk.parts.contributions.uploads == {}
    assert talk.parts.reindexing.calls == []


async def test_a_mention_is_answered_once(talk: Talk) -> None:
    """A group that talks about the bot is left in peace."""
    name = talk.server.world.bot["username"]
    [answer] = await talk.ask(f"@{name} red balloons", chat=GROUP, user=EVE)
    assert f"telegram:{GROUP}" in text_in(answer)
    before = len(talk.sent)
    for _ in range(3):
        await talk.server.say(GROUP, EVE, f"@{name} red balloons")
    await talk.idle()
    assert [m for m in talk.sent[before:] if m["chat"]["id"] == GROUP] == []


async def test_inline_mode_and_buttons_show_nothing(talk: Talk) -> None:
    """Whoever types gets no result, and a hint; a forged press gets an alert."""
    for offset in ("", "f5.5|red", "m5|p0000000"):
        answer = await talk.inline(EVE, "red fruits", offset)
        assert answer["results"] == []
    assert "may not search" in answer["button"]["text"]
    [message] = await talk.ask("/help", chat=EVE, user=EVE)
    for data in ("f5|red", "m5|p0000000", "r5|p0000000"):
        query = await talk.server.press(message, data, EVE)
        assert "may not search" in (await talk.pressed(query))["text"]
    assert photos_of(talk, talk.sent) == []


async def test_an_operator_opens_a_group_in_one_step(talk: Talk) -> None:
    """By an id of the settings and nobody else's right; alone with the bot, by nothing at all."""
    talk.parts.library.communities["gallery"] |= {f"telegram:{ADA}"}  # as the engine does
    assert photos_of(talk, await talk.ask("/find red --count 2", 3, chat=ADA, user=ADA))
    [refused] = await talk.ask("/allow", chat=GROUP, user=BEN)
    assert "operator" in text_in(refused)
    [allowed] = await talk.ask("/allow", chat=GROUP, user=ADA)
    assert "may now search" in text_in(allowed)
    assert photos_of(talk, await talk.ask("/find red --count 2", 3, chat=GROUP, user=EVE))
    [gone] = await talk.ask("/allow off", chat=GROUP, user=ADA)
    assert "no longer" in text_in(gone)
    [answer] = await talk.ask("/find red", chat=GROUP, user=EVE)
    assert "may not search" in text_in(answer)


async def test_menus_do_not_name_the_ways_in(talk: Talk) -> None:
    """They are needed once, and told where they are needed; an operator's help has /allow."""
    await talk.server.until(lambda: talk.server.called("setMyCommands"))
    menus = talk.server.called("setMyCommands")
    assert all("claim" not in str(c.params) and "allow" not in str(c.params) for c in menus)
    talk.parts.library.communities["gallery"] |= {f"telegram:{ADA}", f"telegram:{EVE}"}
    [mine] = await talk.ask("/help", chat=ADA, user=ADA)
    [theirs] = await talk.ask("/help", chat=EVE, user=EVE)
    assert "/allow" in text_in(mine)
    assert "/allow" not in text_in(theirs)
    assert "/claim" not in text_in(mine)
