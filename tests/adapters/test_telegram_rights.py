"""Private answers in groups, and who may do what there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.telegram_parts import ADA, BEN, EVE, GROUP, SMALL, Talk, photos_of, talking
from tests.servers.telegram import Fault
from tests.servers.telegram_world import BOT_NAME
from tests.web.parts import Parts


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A bot that hears everything in its groups, and has to tell what is meant for it."""
    async with talking(tmp_path, privacy=False) as running:
        yield running


async def test_private_answers_leave_the_group(talk: Talk) -> None:
    """--private sends the pictures to the asker's own chat, and so does every further page."""
    [*album, last] = await talk.ask("/find red --count 2 --private", 3, chat=GROUP, user=BEN)
    await talk.press(last, "Next", BEN)
    pages = [*album, last, *await talk.answers(3, after=3)]
    assert {message["chat"]["id"] for message in pages} == {BEN}
    assert len(photos_of(talk, pages)) == 4


async def test_buttons_of_private_answers_act_for_their_group(tmp_path: Path) -> None:
    """What only the group may search is paged in the asker's chat, while they are in it."""
    parts = Parts(tmp_path, SMALL)
    parts.library.communities["gallery"] = frozenset({f"telegram:{GROUP}"})
    async with talking(tmp_path, parts=parts) as talk:
        [*_, last] = await talk.ask("/find red --count 2 --private", 3, chat=GROUP, user=EVE)
        assert "text" not in await talk.press(last, "Next", EVE)
        await talk.answers(3, after=3)
        [nothing] = await talk.ask("/find red", chat=EVE, user=EVE)
        assert "red " not in nothing["text"]
        for status in ("left", "kicked"):
            talk.server.world.chats[GROUP].members[EVE] = status
            refused = await talk.press(last, "Next", EVE)
            assert refused["text"].startswith("This button belongs to a group that you are not")
        del talk.server.world.chats[GROUP].members[EVE]
        assert "that you are not in" in (await talk.press(last, "More", EVE))["text"]
        await talk.idle()
        assert sum("photo" in message for message in talk.sent) == 4


async def test_who_never_started_the_bot_is_told_how(talk: Talk) -> None:
    """Nothing private is said in the group where the asker cannot be written to."""
    stranger = talk.server.world.user(21, started=False)
    [message] = await talk.ask("/find red --private", chat=GROUP, user=stranger)
    assert message["chat"]["id"] == GROUP
    assert "press Start" in message["text"]
    assert "red" not in message["text"]
    [[button]] = message["reply_markup"]["inline_keyboard"]
    assert button["url"] == f"https://t.me/{BOT_NAME}?start=help"


async def test_anonymous_administrators_are_administrators(talk: Talk) -> None:
    """They have no chat of their own: what they administer is said in the group."""
    await talk.server.say(GROUP, None, "/status")
    [message] = await talk.answers()
    assert message["chat"]["id"] == GROUP
    assert "Model: fake" in message["text"]
    await talk.server.say(GROUP, None, "/find red --private")
    [_, refusal] = await talk.answers(2)
    assert "Ask again in your own name." in refusal["text"]
    assert "reply_markup" not in refusal


async def test_errors_are_told_where_it_was_asked(talk: Talk) -> None:
    """A refusal replies to its question, in the group too."""
    [message] = await talk.ask("/find red --count 99", chat=GROUP, user=EVE)
    assert message["chat"]["id"] == GROUP
    assert message["text"] == "99 results cannot be shown. Ask for 1 to 10."


@pytest.mark.parametrize("caller", ["a channel", "left the group", "another group"])
async def test_outsiders_are_no_administrators(talk: Talk, caller: str) -> None:
    """Whoever speaks for another chat, or is gone, has no right in this one."""
    server = talk.server
    if caller == "left the group":
        server.world.chats[GROUP].members[server.world.user(31)] = "left"
        await server.say(GROUP, 31, "/reindex")
    else:
        kind = "channel" if caller == "a channel" else "supergroup"
        sender = {"id": -1009, "type": kind, "title": "Elsewhere"}
        await server.say(GROUP, EVE, "/reindex", sender_chat=sender)
    [message] = await talk.answers()
    assert message["text"].startswith("Only administrators may use /reindex here.")
    assert talk.parts.reindexing.calls == []


async def test_members_cannot_flood_telegram_with_questions_of_rights(talk: Talk) -> None:
    """A refusal is remembered; a promotion that Telegram tells of counts at once."""
    for _ in range(3):
        [_] = await talk.ask("/reindex", chat=GROUP, user=EVE)
    assert len(talk.server.called("getChatMember")) == 1
    await talk.server.change_member(GROUP, EVE, "administrator", by=ADA)
    await talk.ask("/reindex", chat=GROUP, user=EVE)
    assert talk.parts.reindexing.calls == [("gallery", False)]


async def test_rights_that_cannot_be_asked_are_no_rights(talk: Talk) -> None:
    """Where Telegram does not say, the command is refused with the reason."""
    talk.server.fail("getChatMember", *[Fault(500)] * 4)
    [message] = await talk.ask("/reindex", chat=GROUP, user=ADA)
    assert message["text"].startswith("Telegram does not say who administers this chat.")
    assert talk.parts.reindexing.calls == []
