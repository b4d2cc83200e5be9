"""Photos that nobody asked about: answered where a channel's administrators want that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.discord_parts import ADMIN, ANA, BEN, HOME, Chat, chatting, colours_of
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_rest import Fault
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import APPLICATION, Person, Server, dm_channel
from tests.web.parts import Parts

ME = f"<@{APPLICATION}>"
THREAD = HOME + 3_000_000
GREEN = ("green.png", picture_bytes("green", seed=77, edge=64))
BROWN = ("brown.png", picture_bytes("brown", seed=78, edge=64))
NOTE = "I do not see the photos of this server yet."


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A bot that may read all messages, in one server with a thread."""
    server = Server(HOME, threads=(THREAD,))
    async with chatting(Parts(tmp_path), server, message_content=True) as chat:
        yield chat


async def _settings(chat: Chat, photos: str, *, thread: int | None = None) -> Shown:
    exchange = await chat.discord.slash(
        ADMIN, chat.server, "settings", {"photos": photos}, thread=thread
    )
    return await chat.discord.answer(exchange)


async def _nothing_more(chat: Chat, answers: int) -> None:
    # Events are handled in order, and what is in flight is waited for.
    await chat.discord.say(BEN, chat.server, f"{ME} /help")
    await chat.discord.replied(chat.server.channel, answers + 1)
    await chat.adapter.stop()
    assert len(chat.discord.written(chat.server.channel)) == answers + 1


async def test_every_photo_is_answered_where_that_is_switched_on(chat: Chat) -> None:
    """Each by one reply that notifies nobody, shows what is like it, and obeys its poster."""
    await _settings(chat, "on")
    posted = await chat.discord.say(ANA, chat.server, "my garden", GREEN)
    shown = await chat.discord.replied(chat.server.channel)
    assert colours_of(shown.pictures[0])["green"] > 0.2
    assert "**1** green" in shown.text
    assert shown.message["message_reference"]["message_id"] == int(posted["id"])
    assert shown.message["allowed_mentions"] == {"parse": [], "replied_user": False}
    pressed = await chat.discord.press(BEN, chat.server, shown, shown.buttons["More like #1"])
    assert (await chat.discord.answer(pressed)).private
    pressed = await chat.discord.press(ANA, chat.server, shown, shown.buttons["More like #1"])
    assert "More like “green" in (await chat.discord.answer(pressed)).text
    await chat.discord.say(BEN, chat.server, "", BROWN)
    assert "**1** brown" in (await chat.discord.replied(chat.server.channel, 2)).text


async def test_an_album_gets_one_answer(chat: Chat) -> None:
    """To its first picture, which the answer says."""
    await _settings(chat, "on")
    await chat.discord.say(ANA, chat.server, "", GREEN, BROWN)
    assert "**1** green" in (await chat.discord.replied(chat.server.channel)).text
    await _nothing_more(chat, 1)


async def test_stickers_and_forwarded_photos_count(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when somebody asks about them."""
    # The library knows one address of stickers only.
    monkeypatch.setattr("discord.Asset.BASE", f"{chat.discord.rest.store.url}/cdn")
    chat.discord.rest.store.files["stickers/4.png"] = GREEN[1]
    await _settings(chat, "on")
    sticker = {"id": "4", "name": "wave", "format_type": 1}
    await chat.discord.say(ANA, chat.server, "", sticker_items=[sticker])
    assert "**1** green" in (await chat.discord.replied(chat.server.channel)).text
    snapshot = {"content": "", "attachments": [chat.discord.attachment(*BROWN)], "embeds": []}
    snapshot |= {"timestamp": "2025-01-01T00:00:00+00:00", "edited_timestamp": None, "type": 0}
    await chat.discord.say(ANA, chat.server, "", message_snapshots=[{"message": snapshot}])
    assert "**1** brown" in (await chat.discord.replied(chat.server.channel, 2)).text


async def test_what_is_not_worth_an_answer_gets_none(chat: Chat) -> None:
    """No photo, a file that is none, one that cannot be fetched, one like no other."""
    await _settings(chat, "on")
    await chat.discord.say(ANA, chat.server, "something red")
    await chat.discord.say(ANA, chat.server, "", ("notes.pdf", b"%PDF-"))
    await chat.discord.say(ANA, chat.server, "", ("broken.png", b"no picture"))
    chat.discord.rest.faults.append(Fault(r"GET /cdn/.*gone", 404))
    await chat.discord.say(ANA, chat.server, "", ("gone.png", GREEN[1]))
    await until(lambda: not chat.discord.rest.faults[0].times)
    await _nothing_more(chat, 0)


async def test_bots_are_never_answered(chat: Chat) -> None:
    """Neither others nor itself: two bots could go on for ever."""
    await _settings(chat, "on")
    await chat.discord.say(Person(77, "robot", bot=True), chat.server, "", GREEN)
    await chat.discord.say(chat.discord.gateway.bot, chat.server, "", GREEN)
    await chat.discord.say(ANA, chat.server, "", GREEN, webhook_id="5")
    await chat.discord.say(ANA, chat.server, "", GREEN, type=7)
    await _nothing_more(chat, 0)


async def test_photos_are_left_alone_until_somebody_switches_that_on(chat: Chat) -> None:
    """And again as soon as it is switched off."""
    await chat.discord.say(ANA, chat.server, "", GREEN)
    await _settings(chat, "on")
    await chat.discord.say(ANA, chat.server, "", BROWN)
    assert "**1** brown" in (await chat.discord.replied(chat.server.channel)).text
    await _settings(chat, "off")
    await chat.discord.say(ANA, chat.server, "", GREEN)
    await _nothing_more(chat, 1)


async def test_each_channel_and_thread_is_switched_apart(chat: Chat) -> None:
    """What is chosen in a thread holds there, not around it."""
    await _settings(chat, "on", thread=THREAD)
    await chat.discord.say(ANA, chat.server, "", GREEN)
    await chat.discord.say(ANA, chat.server, "", BROWN, thread=THREAD)
    assert "**1** brown" in (await chat.discord.replied(THREAD)).text
    await _nothing_more(chat, 0)


async def test_a_photo_to_the_bot_is_a_question(chat: Chat) -> None:
    """It is answered as such, once, also where it is of no use."""
    await _settings(chat, "on")
    await chat.discord.say(ANA, chat.server, ME, GREEN)
    assert "### Similar pictures" in (await chat.discord.replied(chat.server.channel)).text
    await chat.discord.say(ANA, chat.server, ME, ("broken.png", b"no picture"))
    assert "no picture" in (await chat.discord.replied(chat.server.channel, 2)).text
    await _nothing_more(chat, 2)


async def test_a_photo_seen_twice_is_answered_once(chat: Chat) -> None:
    """A resumed connection repeats events."""
    await _settings(chat, "on")
    await chat.discord.say(ANA, chat.server, "", GREEN, times=3)
    await chat.discord.replied(chat.server.channel)
    await _nothing_more(chat, 1)
    # Discord itself would hide that it was posted again: by its nonce.
    assert sum("GET /cdn/" in call for call in chat.discord.rest.calls) == 1


async def test_nobody_is_troubled_where_the_bot_may_not_write(chat: Chat) -> None:
    """Nobody asked, so nobody is written to instead."""
    await _settings(chat, "on")
    chat.server.muted = True
    calls = chat.discord.rest.calls
    await chat.discord.say(ANA, chat.server, "", GREEN)
    await until(lambda: any(f"{chat.server.channel}/messages" in call for call in calls))
    await chat.adapter.stop()
    assert not any(str(dm_channel(ANA)["id"]) in call for call in calls)
    assert chat.discord.written(int(dm_channel(ANA)["id"])) == []


async def test_a_flood_of_photos_keeps_nobody_from_asking(chat: Chat) -> None:
    """The question is answered while photos wait; then they are answered, each once."""
    await _settings(chat, "on")
    chat.parts.embedder.gate.clear()
    for _ in range(12):
        await chat.discord.say(ANA, chat.server, "", GREEN)
    exchange = await chat.discord.slash(BEN, chat.server, "help")
    assert (await chat.discord.answer(exchange)).text
    assert chat.discord.written(chat.server.channel) == []
    chat.parts.embedder.gate.set()
    await until(lambda: len(chat.discord.written(chat.server.channel)) == 12)
    await _nothing_more(chat, 12)


async def test_without_the_intent_the_settings_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos cannot be seen then: the command and the button say so, and what to do."""
    async with chatting(Parts(tmp_path)) as chat:
        # The library knows one address of stickers only.
        monkeypatch.setattr("discord.Asset.BASE", f"{chat.discord.rest.store.url}/cdn")
        plain = await chat.discord.answer(await chat.discord.slash(ADMIN, chat.server, "settings"))
        assert NOTE not in plain.text
        on = await _settings(chat, "on")
        assert NOTE in on.text
        assert "discord.message\\_content" in on.text
        assert NOTE not in (await _settings(chat, "off")).text
        button = next(i for label, i in plain.buttons.items() if "photo" in label)
        pressed = await chat.discord.press(ADMIN, chat.server, plain, button)
        assert NOTE in (await chat.discord.answer(pressed)).text
        await chat.discord.say(ANA, chat.server, "", GREEN)
        # Discord shows stickers all the same: one without the other would only puzzle people.
        sticker = {"id": "4", "name": "wave", "format_type": 1}
        await chat.discord.say(ANA, chat.server, "", sticker_items=[sticker])
        await _nothing_more(chat, 0)
        assert not any("GET /cdn/" in call for call in chat.discord.rest.calls)


async def test_with_the_intent_the_settings_say_nothing_of_it(chat: Chat) -> None:
    """All is well then."""
    assert NOTE not in (await _settings(chat, "on")).text


async def test_stopping_finishes_what_is_begun_and_no_more(tmp_path: Path) -> None:
    """Photos that wait for their turn are left: nobody waits for their answers."""
    async with chatting(Parts(tmp_path), message_content=True, drain_s=10.0) as chat:
        await _settings(chat, "on")
        chat.parts.embedder.gate.clear()
        for _ in range(6):
            await chat.discord.say(ANA, chat.server, "", GREEN)
        calls = chat.discord.rest.calls
        await until(lambda: sum("GET /cdn/" in call for call in calls) == 4)
        await chat.discord.answer(await chat.discord.slash(BEN, chat.server, "help"))
        stopping = asyncio.create_task(chat.adapter.stop())
        await asyncio.sleep(0)
        chat.parts.embedder.gate.set()
        await stopping
        assert sum("GET /cdn/" in call for call in calls) == 4
        assert len(chat.discord.written(chat.server.channel)) == 4
