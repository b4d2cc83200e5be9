"""Buttons: always answered, for the one who asked, after a restart, and never for others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.chat.actions import Action
from tests.adapters.telegram_parts import (
    ADA,
    BEN,
    EVE,
    GROUP,
    SMALL,
    Talk,
    adapter_of,
    data_of,
    photos_of,
    talking,
)
from tests.fakes import picture_bytes
from tests.web.parts import Parts

RED = picture_bytes("red", seed=77, edge=64)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot."""
    async with talking(tmp_path) as running:
        yield running


async def test_next_and_more_like_answer_below_the_question(talk: Talk) -> None:
    """The following page is a message of its own, and its buttons work as well."""
    *first, keyboard = await talk.ask("/find red --count 2", 3)
    answer = await talk.press(keyboard, "Next")
    assert "text" not in answer
    *second, keyboard = await talk.answers(3, after=3)
    shown = [caption for _, caption in photos_of(talk, [*first, *second])]
    assert [caption[:2] for caption in shown] == ["1.", "2.", "3.", "4."]
    assert keyboard["reply_to_message"]["text"] == "/find red --count 2"
    await talk.press(keyboard, "More like #3")
    [sheet] = await talk.answers(after=6)
    assert sheet["caption"].startswith("More like “red ")


async def test_nothing_close_offers_to_show_it_anyway(talk: Talk) -> None:
    """The button shows what was held back, and says that it is weak."""
    [message] = await talk.ask("zebra crossing at night")
    assert message["text"].startswith("No close match.")
    await talk.press(message, "Show anyway")
    *album, last = await talk.answers(6, after=1)
    assert "These matches are weak." in last["text"]
    assert len(photos_of(talk, album)) == 5


async def test_paging_a_similar_search_fetches_the_asked_picture_again(talk: Talk) -> None:
    """Also where the question replied to the picture, which Telegram then leaves out."""
    picture = await talk.server.say(GROUP, EVE, photo=RED)
    await talk.server.say(GROUP, ADA, "/similar --count 2", reply_to=picture)
    [sheet] = await talk.answers()
    await talk.press(sheet, "Next")
    [_, second] = await talk.answers(2)
    assert second["caption"].startswith("Similar pictures 3–4\n")  # noqa: RUF001 - a range


@pytest.mark.parametrize("gone", [False, True])
async def test_only_the_caller_is_obeyed(talk: Talk, *, gone: bool) -> None:
    """Others are told so, whether the question still stands or was deleted."""
    *_, keyboard = await talk.ask("/find red --count 2", 3, chat=GROUP, user=BEN)
    if gone:
        question = keyboard["reply_to_message"]["message_id"]
        talk.server.world.delete({"chat": keyboard["chat"], "message_id": question})
    for other in (EVE, ADA):
        refused = await talk.press(keyboard, "Next", other)
        assert refused["text"].startswith("Only the person who asked may press this button.")
        assert refused["show_alert"] == "true"
    assert len(talk.sent) == 3
    await talk.press(keyboard, "Next", BEN)
    await talk.answers(3, after=3)


async def test_an_anonymous_administrators_buttons_obey_administrators(talk: Talk) -> None:
    """A press shows the person, so whoever administers the group may press."""
    await talk.server.say(GROUP, None, "/find red --count 2")
    *_, keyboard = await talk.answers(3)
    refused = await talk.press(keyboard, "Next", EVE)
    assert refused["text"].startswith("Only the person who asked")
    await talk.press(keyboard, "Next", BEN)
    await talk.answers(3, after=3)


async def test_a_button_pressed_twice_acts_once(talk: Talk) -> None:
    """Impatience is answered, and shows nothing twice."""
    *_, keyboard = await talk.ask("/find red --count 2", 3)
    asked = talk.parts.embedder.lanes["chat"]
    talk.parts.embedder.gate.clear()
    data = talk.parts.codec.encode(Action("find", text="a fresh question"), "")
    first = await talk.server.press(keyboard, data, ADA)
    await talk.server.until(lambda: talk.parts.embedder.lanes["chat"] == asked + 1)
    second = await talk.pressed(await talk.server.press(keyboard, data, ADA))
    assert "text" not in second
    talk.parts.embedder.gate.set()
    await talk.pressed(first)
    await talk.answers(4)
    await talk.idle()
    assert len(talk.sent) == 3 + 1 + 1


@pytest.mark.parametrize("data", ["zz", "m5|p9999999", "f5*|AAAAAAAAAAAA", "f0|red"])
async def test_forged_and_forgotten_buttons_say_so(talk: Talk, data: str) -> None:
    """Whatever a press carries, it is answered with an alert."""
    *_, keyboard = await talk.ask("/find red --count 2", 3)
    answer = await talk.pressed(await talk.server.press(keyboard, data, ADA))
    assert answer["show_alert"] == "true"
    assert answer["text"]


async def test_errors_of_a_press_are_alerts(talk: Talk) -> None:
    """They are for the presser alone, and short enough for an alert."""
    *_, keyboard = await talk.ask("/find red --count 2", 3)
    talk.parts.embedder.error = RuntimeError("boom")
    data = talk.parts.codec.encode(Action("find", text="fresh"), f"telegram:{ADA}")
    answer = await talk.pressed(await talk.server.press(keyboard, data, ADA))
    assert answer["text"].startswith("Something went wrong here (error ")
    assert answer["show_alert"] == "true"
    assert len(talk.parts.log.events) == 1


async def test_buttons_of_messages_that_telegram_no_longer_shows(talk: Talk) -> None:
    """An old message comes without content; what is remembered of it is enough."""
    *_, keyboard = await talk.ask("/find red --count 2", 3, chat=GROUP)
    data = data_of(keyboard, "Next")
    assert "text" not in await talk.pressed(await talk.server.press(keyboard, data, ADA, old=True))
    await talk.answers(3, after=3)
    other = await talk.server.press(keyboard, data, EVE, old=True)
    assert "Only the person" in (await talk.pressed(other))["text"]


async def _restarted(talk: Talk, folder: Path) -> Parts:
    """Stop the bot and start another process's worth of parts over the same data."""
    await talk.adapter.stop()
    parts = Parts(folder, SMALL)
    talk.adapter = adapter_of(parts, talk.server, talk.folder)
    await talk.adapter.start()
    return parts


async def test_buttons_work_after_a_restart(talk: Talk, tmp_path: Path) -> None:
    """Of finds and of similars, for their caller, with the picture that was asked about."""
    *_, keyboard = await talk.ask("/find red --count 2", 3, chat=GROUP)
    picture = await talk.server.say(GROUP, EVE, photo=RED)
    await talk.server.say(GROUP, ADA, "/similar --count 2", reply_to=picture)
    [sheet] = await talk.answers(after=3)
    parts = await _restarted(talk, tmp_path)
    try:
        refused = await talk.press(keyboard, "Next", EVE)
        assert "Only the person" in refused["text"]
        assert "text" not in await talk.press(keyboard, "Next")
        await talk.answers(3, after=4)
        assert "text" not in await talk.press(sheet, "Next")
        [second] = await talk.answers(after=7)
        assert second["caption"].startswith("Similar pictures 3–4\n")  # noqa: RUF001 - a range
    finally:
        await talk.adapter.stop()
        await parts.close()


async def test_without_any_memory_the_question_says_whose_button_it_is(tmp_path: Path) -> None:
    """The keyboard replies to the question; without both, the button has expired."""
    async with talking(tmp_path, memory=None) as talk:
        *_, keyboard = await talk.ask("/find red --count 2", 3, chat=GROUP)
        await talk.adapter.stop()
        talk.adapter = adapter_of(talk.parts, talk.server, tmp_path, memory=None)
        await talk.adapter.start()
        try:
            assert "Only the person" in (await talk.press(keyboard, "Next", EVE))["text"]
            assert "text" not in await talk.press(keyboard, "Next")
            await talk.answers(3, after=3)
            data = data_of(keyboard, "More like #1")
            old = await talk.pressed(await talk.server.press(keyboard, data, ADA, old=True))
            assert old["text"].startswith("This button has expired.")
        finally:
            await talk.adapter.stop()


async def test_long_questions_are_forgotten_with_the_process(talk: Talk, tmp_path: Path) -> None:
    """What does not fit into a button is kept in memory: after a restart it says expired."""
    *_, keyboard = await talk.ask("/find " + "red " * 40 + "--count 2", 3)
    assert "*|" in data_of(keyboard, "Next")
    parts = await _restarted(talk, tmp_path)
    try:
        answer = await talk.press(keyboard, "Next")
        assert answer["text"].startswith("This button has expired.")
    finally:
        await talk.adapter.stop()
        await parts.close()
