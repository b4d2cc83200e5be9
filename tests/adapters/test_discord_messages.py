"""Messages: when the bot answers, what it reads without privileged intents, and where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.discord_parts import ANA, BEN, HOME, Chat, chatting, colour_of, colours_of
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_people import TOKEN
from tests.servers.discord_rest import Fault
from tests.servers.discord_world import APPLICATION, MANAGE_GUILD, Person, Server, dm_channel
from tests.web.parts import Parts

ME = f"<@{APPLICATION}>"
# Rights of a message's author come from their roles, not with the message itself.
BOSS = Person(14, "bo", roles=(4321,))
GREEN = ("green.png", picture_bytes("green", seed=77, edge=64))
BROWN = ("brown.png", picture_bytes("brown", seed=78, edge=64))


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A bot in one server that has a role for managing it."""
    server = Server(HOME, role_rights={4321: MANAGE_GUILD})
    async with chatting(Parts(tmp_path), server) as chat:
        yield chat


async def _barrier(chat: Chat, answers: int) -> None:
    # Events are handled in order: once this one is answered, earlier ones would be.
    await chat.discord.say(BEN, chat.server, f"{ME} /help")
    await chat.discord.replied(chat.server.channel, answers + 1)


async def test_no_privileged_intent_is_asked_for(chat: Chat) -> None:
    """The bot connects with servers and messages alone."""
    assert chat.discord.gateway.intents == 1 << 0 | 1 << 9 | 1 << 12


async def test_a_picture_with_the_bot_s_name_gets_similar_ones(chat: Chat) -> None:
    """The answer is a reply that notifies nobody; its buttons are the poster's."""
    asked = await chat.discord.say(ANA, chat.server, ME, GREEN)
    shown = await chat.discord.replied(chat.server.channel)
    assert colours_of(shown.pictures[0])["green"] > 0.2
    assert shown.message["message_reference"]["message_id"] == int(asked["id"])
    assert shown.message["allowed_mentions"] == {"parse": [], "replied_user": False}
    exchange = await chat.discord.press(ANA, chat.server, shown, shown.buttons["Next 5"])
    assert "Similar pictures" in (await chat.discord.answer(exchange)).text


async def test_a_text_with_the_bot_s_name_is_a_question(chat: Chat) -> None:
    """Also with options, as written in other chats."""
    await chat.discord.say(ANA, chat.server, f"{ME} something blue --count 2")
    shown = await chat.discord.replied(chat.server.channel)
    assert [colour_of(data) for data in shown.pictures] == ["blue"] * 2


async def test_an_answer_to_a_picture_asks_about_that_picture(chat: Chat) -> None:
    """Naming the bot below somebody's picture works where Discord lets the bot read it."""
    posted = await chat.discord.say(BEN, chat.server, f"look {ME}", BROWN)
    await chat.discord.replied(chat.server.channel)
    await chat.discord.say(ANA, chat.server, f"{ME} /describe", reply_to=posted)
    shown = await chat.discord.replied(chat.server.channel, 2)
    assert "brown" in shown.text


async def test_a_picture_in_answer_to_the_bot_gets_similar_ones(chat: Chat) -> None:
    """No name is needed then; a mere remark about what the bot showed is left alone."""
    await chat.discord.say(ANA, chat.server, f"{ME} red")
    shown = await chat.discord.replied(chat.server.channel)
    await chat.discord.say(BEN, chat.server, "nice ones!", reply_to=shown.message)
    await chat.discord.say(BEN, chat.server, "", GREEN, reply_to=shown.message)
    similar = await chat.discord.replied(chat.server.channel, 2)
    assert "### Similar pictures" in similar.text


async def test_an_album_gets_one_reply(chat: Chat) -> None:
    """The first picture is answered, and the reply says so."""
    await chat.discord.say(ANA, chat.server, ME, GREEN, BROWN, BROWN)
    shown = await chat.discord.replied(chat.server.channel)
    assert "You sent 3 pictures; this answers the first one." in shown.text


async def test_direct_messages_need_no_name(chat: Chat) -> None:
    """A picture and a question, alone with the bot."""
    channel = int(dm_channel(ANA)["id"])
    await chat.discord.say(ANA, None, "", GREEN)
    assert "### Similar pictures" in (await chat.discord.replied(channel)).text
    await chat.discord.say(ANA, None, "something cyan")
    shown = await chat.discord.replied(channel, 2)
    assert colour_of(shown.pictures[0]) == "cyan"


async def test_forwarded_pictures_and_stickers_count(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forward carries its pictures in a snapshot; a sticker lies on the CDN by its id."""
    snapshot = {"content": "", "attachments": [chat.discord.attachment(*BROWN)], "embeds": []}
    snapshot |= {"timestamp": "2025-01-01T00:00:00+00:00", "edited_timestamp": None, "type": 0}
    await chat.discord.say(ANA, None, "", message_snapshots=[{"message": snapshot}])
    channel = int(dm_channel(ANA)["id"])
    assert "brown" in (await chat.discord.replied(channel)).text
    # The library knows one address of stickers only.
    monkeypatch.setattr("discord.Asset.BASE", f"{chat.discord.rest.store.url}/cdn")
    chat.discord.rest.store.files["stickers/4.png"] = GREEN[1]
    sticker = {"id": "4", "name": "wave", "format_type": 1}
    await chat.discord.say(ANA, None, "", sticker_items=[sticker])
    assert "green" in (await chat.discord.replied(channel, 2)).text


async def test_other_talk_is_left_alone(chat: Chat) -> None:
    """Neither people's talk, nor bots, nor system messages are answered."""
    robot = Person(77, "robot", bot=True)
    await chat.discord.say(ANA, chat.server, "something red")
    await chat.discord.say(ANA, chat.server, "", GREEN)
    await chat.discord.say(robot, chat.server, f"{ME} red")
    await chat.discord.say(ANA, chat.server, f"{ME} red", type=7)
    await chat.discord.say(ANA, chat.server, f"{ME} red", webhook_id="5")
    await _barrier(chat, 0)


async def test_a_message_seen_twice_is_answered_once(chat: Chat) -> None:
    """A resumed connection repeats events."""
    await chat.discord.say(ANA, chat.server, f"{ME} red", times=3)
    await _barrier(chat, 1)


async def test_errors_are_said_where_one_asked(chat: Chat) -> None:
    """Cause and remedy, as a reply: a message cannot be answered for one person's eyes."""
    await chat.discord.say(ANA, chat.server, f"{ME} /describe")
    shown = await chat.discord.replied(chat.server.channel)
    assert shown.text.startswith("/describe needs a picture. Attach one")
    await chat.discord.say(ANA, chat.server, f"{ME} /reindex")
    shown = await chat.discord.replied(chat.server.channel, 2)
    assert (
        shown.text
        == "Only administrators may use /reindex here. Ask an administrator of this chat."
    )


async def test_private_answers_come_as_direct_messages(chat: Chat) -> None:
    """The channel only learns that there is one."""
    await chat.discord.say(BOSS, chat.server, f"{ME} /status")
    private = await chat.discord.replied(int(dm_channel(BOSS)["id"]))
    assert "**Model** fake" in private.text
    assert (await chat.discord.replied(chat.server.channel)).text.startswith("I sent you")


async def test_closed_direct_messages_are_told_of(chat: Chat) -> None:
    """What may not be said in public is not, and the asker learns what to do."""
    chat.discord.rest.closed_dms.add(int(dm_channel(BOSS)["id"]))
    await chat.discord.say(BOSS, chat.server, f"{ME} /status")
    shown = await chat.discord.replied(chat.server.channel)
    assert "you take no direct messages from me" in shown.text
    assert "fake" not in shown.text


async def test_a_channel_that_the_bot_may_not_write_to(chat: Chat) -> None:
    """The asker is told directly, with the remedy; where that is closed, nothing breaks."""
    chat.server.muted = True
    await chat.discord.say(ANA, chat.server, f"{ME} red")
    shown = await chat.discord.replied(int(dm_channel(ANA)["id"]))
    assert shown.text.startswith("I may not answer in the channel where you asked.")
    chat.discord.rest.closed_dms.add(int(dm_channel(BEN)["id"]))
    await chat.discord.say(BEN, chat.server, f"{ME} red")
    await until(lambda: _refused_dms(chat, BEN))
    chat.server.muted = False
    await _barrier(chat, 0)


async def test_a_deleted_question_is_answered_all_the_same(chat: Chat) -> None:
    """The reply then refers to nothing."""
    asked = await chat.discord.say(ANA, chat.server, f"{ME} red")
    chat.discord.rest.store.deleted.add(int(asked["id"]))
    shown = await chat.discord.replied(chat.server.channel)
    assert len(shown.pictures) == 5
    assert "message_reference" not in shown.message


async def test_a_slow_typing_sign_delays_no_answer(chat: Chat) -> None:
    """It is a courtesy: the answer does not wait for it."""
    chat.discord.rest.faults.append(Fault(r"POST .*/typing", stall_s=600.0))
    await chat.discord.say(ANA, chat.server, f"{ME} red")
    assert (await chat.discord.replied(chat.server.channel)).pictures


async def test_without_the_right_to_read_history(chat: Chat) -> None:
    """Discord then refuses replies; the answer comes as a plain message."""
    refusal = {"code": 160002, "message": "Cannot reply without permission to read history"}
    fault = Fault(r"POST .*/channels/\d+/messages", 400, refusal)
    chat.discord.rest.faults.append(fault)
    await chat.discord.say(ANA, chat.server, f"{ME} red")
    shown = await chat.discord.replied(chat.server.channel)
    assert len(shown.pictures) == 5


async def test_the_token_reaches_no_log(
    chat: Chat, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither in words of ours nor of the library, also where things go wrong."""
    caplog.set_level("DEBUG", logger="bot")
    chat.discord.rest.faults.append(Fault(r"POST .*/messages", 400, {"code": 1, "message": "no"}))
    await chat.discord.say(ANA, chat.server, f"{ME} red")
    shown = await chat.discord.replied(chat.server.channel)
    assert shown.text == "Discord did not take the answer. Try again in a moment."
    out, err = capsys.readouterr()
    assert TOKEN not in caplog.text + out + err


def _refused_dms(chat: Chat, person: Person) -> bool:
    call = f"POST /api/v10/channels/{dm_channel(person)['id']}/messages"
    return call in chat.discord.rest.calls
