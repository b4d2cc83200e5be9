"""Private answers in groups, and who may do what there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.telegram_parts import ADA, BEN, EVE, GROUP, Talk, labels, talking
from tests.servers.telegram import Fault
from tests.servers.telegram_world import BOT_NAME


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A bot that hears everything in its groups, and has to tell what is meant for it."""
    async with talking(tmp_path, privacy=False) as running:
        yield running


async def test_private_answers_leave_the_group(talk: Talk) -> None:
    """--private sends the pictures to the asker's own chat, without buttons of the group."""
    [*album, last] = await talk.ask("/find red --count 2 --private", 3, chat=GROUP, user=BEN)
    assert {message["chat"]["id"] for message in [*album, last]} == {BEN}
    assert labels(last) == []


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
    """They have no chat of their own, so what holds no pictures is said in the group."""
    await talk.server.say(GROUP, None, "/status")
    [message] = await talk.answers()
    assert message["chat"]["id"] == GROUP
    assert "Model: fake" in message["text"]
    await talk.server.say(GROUP, None, "/find red --private")
    [_, refusal] = await talk.answers(2)
    assert "press Start" in refusal["text"]


async def test_errors_are_told_where_it_was_asked(talk: Talk) -> None:
    """A refusal replies to its question, in the group too."""
    [message] = await talk.ask("/find red --count 99", chat=GROUP, user=EVE)
    assert message["chat"]["id"] == GROUP
    assert message["text"] == "99 results cannot be shown. Ask for 1 to 10."


@pytest.mark.parametrize(
    ("caller", "allowed"),
    [
        ("owner", True),
        ("administrator", True),
        ("anonymous administrator", True),
        ("member", False),
        ("demoted a moment ago", False),
        ("in private", False),
        ("a channel", False),
        ("left the group", False),
    ],
)
async def test_only_administrators_reindex(talk: Talk, caller: str, *, allowed: bool) -> None:
    """The right is asked of Telegram when it is used, and nothing else is believed."""
    server = talk.server
    if caller == "anonymous administrator":
        await server.say(GROUP, None, "/reindex")
    elif caller == "a channel":
        channel = {"id": -1009, "type": "channel", "title": "Channel"}
        await server.say(GROUP, EVE, "/reindex", sender_chat=channel)
    elif caller == "in private":
        await server.say(ADA, ADA, "/reindex")
    elif caller == "demoted a moment ago":
        await server.say(GROUP, BEN, "/status")
        await talk.answers()
        server.world.chats[GROUP].members[BEN] = "member"
        await server.say(GROUP, BEN, "/reindex")
    else:
        user = {"owner": ADA, "administrator": BEN, "member": EVE}.get(caller, 31)
        if caller == "left the group":
            server.world.group(GROUP, {server.world.user(31): "left"})
        await server.say(GROUP, user, "/reindex")
    before = 1 if caller == "demoted a moment ago" else 0
    [message] = await talk.answers(after=before)
    assert talk.parts.reindexing.calls == ([("gallery", False)] if allowed else [])
    if not allowed:
        assert message["text"].startswith("Only administrators may use /reindex here.")


async def test_members_cannot_flood_telegram_with_questions_of_rights(talk: Talk) -> None:
    """A refusal is remembered; a promotion that Telegram tells of counts at once."""
    for _ in range(3):
        [_] = await talk.ask("/reindex", chat=GROUP, user=EVE)
    assert len(talk.server.called("getChatMember")) == 1
    world = talk.server.world
    world.chats[GROUP].members[EVE] = "administrator"
    member = {"status": "member", "user": world.users[EVE]}
    await talk.server.push(
        chat_member={
            "chat": world.chats[GROUP].json,
            "from": world.users[ADA],
            "date": 1,
            "old_chat_member": {"status": "left", "user": world.users[EVE]},
            "new_chat_member": member,
        }
    )
    await talk.ask("/reindex", chat=GROUP, user=EVE)
    assert talk.parts.reindexing.calls == [("gallery", False)]


async def test_rights_that_cannot_be_asked_are_no_rights(talk: Talk) -> None:
    """Where Telegram does not say, the command is refused with the reason."""
    talk.server.fail("getChatMember", *[Fault(500)] * 4)
    [message] = await talk.ask("/reindex", chat=GROUP, user=ADA)
    assert message["text"].startswith("Telegram does not say who administers this chat.")
    assert talk.parts.reindexing.calls == []
