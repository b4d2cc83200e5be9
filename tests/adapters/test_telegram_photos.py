"""Photos that nobody asked about: answered where administrators want it, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.telegram_parts import (
    ADA,
    BEN,
    EVE,
    GROUP,
    OTHER_GROUP,
    Talk,
    data_of,
    talking,
)
from tests.fake_collections import FakeSnapshot
from tests.fakes import picture_bytes
from tests.servers.telegram import Fault
from tests.servers.telegram_world import BOT_ID, BOT_NAME

RED = picture_bytes("red", seed=77, edge=64)
HINT = "I do not see the photos of this group yet."


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A bot that hears all photos of a group where its owner has switched them on."""
    async with talking(tmp_path, privacy=False) as running:
        running.server.world.group(OTHER_GROUP, {ADA: "creator", EVE: "member"})
        await running.ask("/settings --photos on", chat=GROUP)
        yield running


async def _answered(talk: Talk) -> list[dict[str, Any]]:
    """What the bot said in groups once it is idle."""
    await talk.idle()
    return [message for message in talk.sent if message["chat"]["id"] < 0]


async def test_a_posted_photo_is_answered_below_it(talk: Talk) -> None:
    """By one sheet, with buttons for whoever posted it; words below it are no question."""
    posted = await talk.server.say(GROUP, EVE, "look at my blue bicycle", photo=RED)
    [_, message] = await talk.answers(2)
    assert message["chat"]["id"] == GROUP
    assert message["reply_to_message"]["message_id"] == posted["message_id"]
    assert message["caption"].startswith("Similar pictures 1–5\n")  # noqa: RUF001 - a range
    assert message["caption"].count("red ") == 5
    refused = await talk.pressed(await talk.server.press(message, data_of(message, "Next"), BEN))
    assert refused["text"].startswith("Only the person who asked")
    await talk.press(message, "Next", EVE)
    [second] = await talk.answers(after=2)
    assert second["chat"]["id"] == GROUP


async def test_other_chats_of_the_bot_stay_as_they_are(talk: Talk) -> None:
    """It was switched on for one chat, and it can be switched off again."""
    await talk.server.say(OTHER_GROUP, EVE, photo=RED)
    assert await _answered(talk) == []
    await talk.ask("/settings --photos off", chat=GROUP)
    await talk.server.say(GROUP, EVE, photo=RED)
    assert await _answered(talk) == []
    assert talk.server.called("getFile") == []


@pytest.mark.parametrize("kind", ["document", "sticker"])
async def test_picture_documents_and_stickers_count(talk: Talk, kind: str) -> None:
    """Whatever way a picture is posted, it is looked at."""
    size = talk.server.world.size_of(talk.server.world.store(RED))
    content = {
        "document": {"document": {**size, "mime_type": "image/png"}},
        "sticker": {
            "sticker": {**size, "type": "regular", "is_animated": False, "is_video": False}
        },
    }[kind]
    await talk.server.say(GROUP, EVE, **content)
    [message] = await _answered(talk)
    assert message["caption"].count("red ") == 5


async def test_what_moves_and_what_is_no_picture_is_left_alone(talk: Talk) -> None:
    """Videos, animations, moving stickers, other files, and files of no known kind."""
    size = talk.server.world.size_of(talk.server.world.store(RED))
    moving = {"duration": 1, **size, "thumbnail": size}
    sticker = {**size, "type": "regular", "is_animated": False, "is_video": True}
    contents: list[dict[str, Any]] = [
        {"video": moving},
        {"animation": moving, "document": {**moving, "mime_type": "image/gif"}},
        {"sticker": {**sticker, "thumbnail": size}},
        {"sticker": {**sticker, "is_animated": True, "is_video": False}},
        {"document": {**size, "mime_type": "application/pdf"}},
        {"document": size},
        {},
    ]
    for content in contents:
        await talk.server.say(GROUP, EVE, "red", **content)
    assert await _answered(talk) == []
    assert talk.server.called("getFile") == []


async def test_bots_and_commands_are_left_alone(talk: Talk) -> None:
    """Two bots never answer each other; a command for another bot is its business."""
    talk.server.world.users[talk.server.world.user(99)]["is_bot"] = True
    await talk.server.say(GROUP, 99, photo=RED)
    await talk.server.say(GROUP, EVE, photo=RED, via_bot=talk.server.world.bot)
    await talk.server.say(GROUP, EVE, "/sauce@other_bot", photo=RED)
    await talk.server.say(GROUP, EVE, "/sauce", photo=RED)
    assert await _answered(talk) == []


async def test_an_album_gets_one_answer(talk: Talk) -> None:
    """However many photos it has."""
    for _ in range(4):
        await talk.server.say(GROUP, EVE, photo=RED, media_group_id="5")
    [message] = await _answered(talk)
    assert "caption" in message


@pytest.mark.parametrize(
    "trouble",
    ["nothing close", "unreadable", "gone", "nothing indexed", "no right", "refused", "defect"],
)
async def test_nothing_is_said_where_nothing_is_worth_saying(talk: Talk, trouble: str) -> None:
    """Neither words nor a sign of activity: nobody has asked. The next photo is answered."""
    server, library = talk.server, talk.parts.library
    content: dict[str, Any] = {"photo": RED}
    whole = library.snapshots["gallery"]
    if trouble == "nothing close":
        content = {"photo": picture_bytes("cyan", seed=5, edge=64)}
    elif trouble == "unreadable":
        broken = server.world.size_of(server.world.store(b"no picture"))
        content = {"document": {**broken, "mime_type": "image/png"}}
    elif trouble == "gone":
        server.fail("getFile", Fault(400))
    elif trouble == "nothing indexed":
        library.snapshots["gallery"] = FakeSnapshot.of((), encoder=talk.parts.embedder.encoder)
    elif trouble == "no right":
        server.world.chats[GROUP].may_send_photos = server.world.chats[GROUP].may_send_text = False
    elif trouble == "refused":
        server.fail("sendPhoto", Fault(400))
    else:
        talk.parts.embedder.error = RuntimeError("boom")  # type: ignore[assignment]
    before = len(server.called("sendChatAction"))
    await server.say(GROUP, EVE, **content)
    assert await _answered(talk) == []
    shown = {int(c.params["chat_id"]) for c in server.called("sendChatAction")[before:]}
    assert GROUP not in shown
    library.snapshots["gallery"] = whole
    talk.parts.embedder.error = None
    server.world.chats[GROUP].may_send_photos = True
    await server.say(GROUP, EVE, photo=RED)
    assert len(await _answered(talk)) == 1


async def test_those_who_ask_come_first_in_a_busy_group(talk: Talk) -> None:
    """A group's messages of a minute are not used up by answers that nobody asked for."""
    await talk.ask("/find red --count 10", 11, chat=GROUP)
    for _ in range(8):
        await talk.server.say(GROUP, EVE, photo=RED)
    await talk.idle()
    in_group = [message for message in talk.sent if message["chat"]["id"] == GROUP]
    assert 12 <= len(in_group) <= 15
    await talk.ask("/find blue --count 2", chat=GROUP, user=BEN)
    assert {call.status for call in talk.server.calls} == {200}


async def test_a_question_about_a_photo_is_still_answered(talk: Talk) -> None:
    """A mention, a reply or a command means the bot, wherever photos are answered anyway."""
    await talk.server.say(GROUP, EVE, f"@{BOT_NAME} something blue", photo=RED)
    [message] = await _answered(talk)
    assert "mixed with “something blue”" in message["caption"]


async def test_settings_say_that_photos_are_not_heard(tmp_path: Path) -> None:
    """In privacy mode Telegram keeps photos from a bot that administers nothing."""
    async with talking(tmp_path) as talk:
        [off] = await talk.ask("/settings --photos off", chat=GROUP)
        assert HINT not in off["text"]
        [on] = await talk.ask("/settings --photos on", chat=GROUP)
        assert HINT in on["text"]
        await talk.press(on, "Show weak")
        await talk.server.until(lambda: talk.server.called("editMessageText"))
        await talk.idle()
        assert HINT in on["text"]
        talk.server.world.chats[GROUP].members[BOT_ID] = "administrator"
        [heard] = await talk.ask("/settings", chat=GROUP)
        assert HINT not in heard["text"]
        talk.server.world.chats[GROUP].members[BOT_ID] = "member"
        talk.server.world.privacy = False
        [heard] = await talk.ask("/settings", chat=GROUP)
        assert HINT not in heard["text"]
