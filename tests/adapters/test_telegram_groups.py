"""Groups: what is meant for the bot, topics, private answers, rights and the group's budget."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.telegram_parts import (
    ADA,
    EVE,
    GROUP,
    OTHER_GROUP,
    Talk,
    labels,
    photos_of,
    talking,
)
from tests.fakes import picture_bytes
from tests.servers.telegram_world import BOT_NAME

RED = picture_bytes("red", seed=77, edge=64)
FORUM = -1003


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A bot that hears everything in its groups, and has to tell what is meant for it."""
    async with talking(tmp_path, privacy=False) as running:
        running.server.world.group(FORUM, {ADA: "creator"}, topics=[55])
        yield running


@pytest.mark.parametrize(
    "text",
    [
        "good morning",
        "/find@other_bot red --count 1",
        "/poll red",
        "mail me at ada@tangerine_test_bot_2",
        "@tangerine_test_bot_2 red",
    ],
)
async def test_what_is_not_meant_for_the_bot_gets_no_answer(talk: Talk, text: str) -> None:
    """A group's own talk, other bots' commands and posted photos are left alone."""
    await talk.server.say(GROUP, EVE, text)
    await talk.server.say(GROUP, EVE, photo=RED)
    await talk.idle()
    assert [message["chat"]["id"] for message in talk.sent] == [EVE]
    assert not talk.server.called("getFile")


@pytest.mark.parametrize(
    "text",
    [
        "/find red --count 1",
        f"/find@{BOT_NAME} red --count 1",
        f"@{BOT_NAME} /find red --count 1",
        f"/FIND@{BOT_NAME.upper()} red --count 1",
    ],
)
async def test_commands_and_mentions_are_meant_for_the_bot(talk: Talk, text: str) -> None:
    """They may name it or not, in any case; the name is no part of the question."""
    [message] = await talk.ask(text, chat=GROUP, user=EVE)
    assert message["chat"]["id"] == GROUP
    assert "“red”" in message["caption"]


async def test_unknown_commands_are_answered_where_they_name_the_bot(talk: Talk) -> None:
    """Whoever names the bot, or is alone with it, learns what there is for them."""
    for text, chat in ((f"/dance@{BOT_NAME}", GROUP), ("/dance", EVE)):
        [message] = await talk.ask(text, chat=chat, user=EVE)
        told = message["text"]
        assert told.startswith("There is no command /dance. There are: /find")
        assert told.endswith("/help explains them.")
        assert ("/claim" in told, "/index" in told) == (False, False)


async def test_photos_of_a_group_on_mention_and_on_reply(talk: Talk) -> None:
    """A photo whose caption names the bot, or that replies to it, gets similar pictures."""
    await talk.server.say(GROUP, EVE, f"@{BOT_NAME}", photo=RED)
    [first] = await talk.answers()
    assert first["caption"].startswith("Similar pictures 1–5\n")  # noqa: RUF001 - a range
    await talk.server.say(GROUP, EVE, photo=RED, reply_to=first)
    [second] = await talk.answers(after=1)
    assert second["caption"].startswith("Similar pictures 1–5\n")  # noqa: RUF001 - a range


async def test_an_album_of_a_group_counts_by_its_caption(talk: Talk) -> None:
    """One caption of an album is enough to mean the bot; the album gets one answer."""
    for number in range(3):
        text = f"@{BOT_NAME} something red" if number == 1 else None
        await talk.server.say(GROUP, EVE, text, photo=RED, media_group_id="9")
    [message] = await talk.answers()
    assert "You sent 3 pictures" in message["caption"]
    await talk.idle()
    assert len(talk.sent) == 2


async def test_other_bots_and_own_inline_results_are_ignored(talk: Talk) -> None:
    """Two bots never talk to each other without end."""
    bot = talk.server.world.users[talk.server.world.user(99)]
    bot["is_bot"] = True
    await talk.server.say(GROUP, 99, "/find red")
    await talk.server.say(ADA, ADA, photo=RED, via_bot=talk.server.world.bot)
    await talk.server.say(GROUP, ADA, new_chat_title="Fruits")
    await talk.idle()
    assert len(talk.sent) == 1


async def test_answers_stay_in_their_topic(talk: Talk) -> None:
    """Album and keyboard go to the topic of the question, and reply to it."""
    question = await talk.server.say(FORUM, ADA, "/find red --count 2", thread=55)
    messages = await talk.answers(3)
    assert {message["message_thread_id"] for message in messages} == {55}
    replied = {message["reply_to_message"]["message_id"] for message in messages}
    assert replied == {question["message_id"]}


async def test_the_general_topic_is_no_thread(talk: Talk) -> None:
    """Its id is left out, since Telegram knows no thread 1."""
    await talk.server.say(FORUM, ADA, "/find red --count 2", thread=1)
    messages = await talk.answers(3)
    assert all("message_thread_id" not in message for message in messages)
    assert all("message_thread_id" not in call.params for call in talk.server.calls)


async def test_reply_threads_of_a_plain_group_are_no_topics(talk: Talk) -> None:
    """Groups without topics number their reply threads too; these cannot be written to."""
    await talk.server.say(GROUP, ADA, "/find red --count 1", message_thread_id=77)
    [message] = await talk.answers()
    assert "photo" in message
    assert all("message_thread_id" not in call.params for call in talk.server.calls)


async def test_a_deleted_topic_does_not_lose_the_answer(talk: Talk) -> None:
    """The answer goes to the group where its topic is gone."""
    await talk.server.say(FORUM, ADA, "/find red --count 1", thread=56)
    [message] = await talk.answers()
    assert "message_thread_id" not in message
    assert "red" in message["caption"]


async def test_a_deleted_question_does_not_lose_the_answer(talk: Talk) -> None:
    """The answer is sent without the reply."""
    talk.parts.embedder.gate.clear()
    question = await talk.server.say(GROUP, ADA, "/find red --count 1")
    talk.server.world.delete(question)
    talk.parts.embedder.gate.set()
    [message] = await talk.answers()
    assert "reply_to_message" not in message


async def test_a_group_that_became_a_supergroup_is_answered_there(talk: Talk) -> None:
    """The old id is refused with the new one, which is used."""
    talk.parts.embedder.gate.clear()
    await talk.server.say(GROUP, ADA, "/find red --count 1")
    await talk.server.until(lambda: talk.parts.embedder.lanes["chat"])
    talk.server.world.group(OTHER_GROUP, {ADA: "creator"})
    talk.server.world.chats[GROUP].migrated_to = OTHER_GROUP
    talk.parts.embedder.gate.set()
    [message] = await talk.answers()
    assert message["chat"]["id"] == OTHER_GROUP


async def test_busy_groups_get_one_sheet_instead_of_an_album(talk: Talk) -> None:
    """Twenty messages a minute: what an album would exceed is drawn on one picture."""
    await talk.ask("/find red --count 10", 11, chat=GROUP)
    [sheet] = await talk.ask("/find blue --count 10", chat=GROUP)
    assert talk.server.world.picture(sheet).width > 1000
    assert sheet["caption"].startswith("Matches 1–10 for “blue”\n\n1. blue ")  # noqa: RUF001
    assert sheet["caption"].count("\n10. ") == 1
    assert labels(sheet)[-1] == "Next 10"
    assert {call.status for call in talk.server.calls} == {200}
    album = await talk.ask("/find blue --count 3", 4)
    assert len(photos_of(talk, album)) == 3


async def test_a_group_without_the_right_to_send_photos_is_told_so(talk: Talk) -> None:
    """The captions come as text, with what an administrator has to change."""
    talk.server.world.chats[GROUP].may_send_photos = False
    [message] = await talk.ask("/find red --count 2", chat=GROUP)
    assert "I may not send pictures in this chat." in message["text"]
    assert "\n1. red " in message["text"]


async def test_a_group_that_threw_the_bot_out_ends_nothing(talk: Talk) -> None:
    """What cannot be said there is logged; other chats go on."""
    talk.server.world.chats[GROUP].bot_inside = False
    await talk.server.say(GROUP, ADA, "/find red")
    await talk.idle()
    assert len(talk.sent) == 1
