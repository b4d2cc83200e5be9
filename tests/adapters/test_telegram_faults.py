"""What goes wrong between the bot and Telegram: waited for, repeated, said, never doubled."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.telegram.photos import Turns
from core.domain.types import Progress
from tests.adapters.telegram_parts import (
    ADA,
    BEN,
    EVE,
    GROUP,
    Talk,
    adapter_of,
    data_of,
    photos_of,
    talking,
)
from tests.fakes import picture_bytes
from tests.servers.telegram import Fault

RED = picture_bytes("red", seed=77, edge=64)

# The library warns of its own deprecated attribute whenever it builds this exception.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*retry_after:telegram.warnings.PTBDeprecationWarning"
)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot."""
    async with talking(tmp_path) as running:
        yield running


async def test_too_many_requests_are_waited_for(talk: Talk) -> None:
    """The answer comes after the time that Telegram names, and not before."""
    talk.server.fail("sendMediaGroup", Fault(429, retry_after=1))
    assert len(photos_of(talk, await talk.ask("/find red --count 2", 3))) == 2
    refused, accepted = talk.server.called("sendMediaGroup")
    assert refused.status == 429
    assert accepted.at - refused.at >= 1.0


async def test_a_flooded_group_is_answered_in_the_end(talk: Talk) -> None:
    """Telegram's own count of a minute is obeyed, whatever the bot believed."""
    talk.server.methods.window_s = 1.5
    talk.server.methods.flood[GROUP] = deque([time.monotonic()] * 20)
    assert await talk.ask("/find red --count 2", 3, chat=GROUP)
    assert 429 in {call.status for call in talk.server.calls}


async def test_a_chat_that_has_to_wait_holds_up_no_other(talk: Talk) -> None:
    """A 429 is about one chat: its questions wait, without more refusals, others are answered."""
    talk.server.fail("sendMessage", Fault(429, retry_after=2))
    began = time.monotonic()
    await talk.server.say(ADA, ADA, "/help")
    await talk.server.until(lambda: talk.server.called("sendMessage"))
    await talk.server.say(ADA, ADA, "/help")
    [other] = await talk.ask("/help", chat=BEN, user=BEN)
    assert other["chat"]["id"] == BEN
    late = await talk.answers(2, after=1)
    assert {message["chat"]["id"] for message in late} == {ADA}
    assert time.monotonic() - began >= 2.0
    assert [call.status for call in talk.server.called("sendMessage")].count(429) == 1


async def test_a_wait_that_nobody_would_sit_out_is_given_up(talk: Talk) -> None:
    """An hour's ban of one chat leaves no task behind that waits for an hour."""
    talk.server.fail("sendMessage", Fault(429, retry_after=3600))
    await talk.server.say(ADA, ADA, "/help")
    await talk.idle()
    assert [message["chat"]["id"] for message in talk.sent] == [EVE]


@pytest.mark.parametrize("fault", [Fault(500), Fault(502), Fault(0)])
async def test_failures_of_the_server_are_repeated(talk: Talk, fault: Fault) -> None:
    """A 5xx and a reset connection cost time, not the answer."""
    talk.server.fail("sendMessage", fault, fault)
    talk.server.fail("sendMediaGroup", fault)
    messages = await talk.ask("/find red --count 2", 3)
    assert len(messages) == 3
    assert len(talk.server.called("sendMessage")) == 3


async def test_failures_without_end_are_given_up(talk: Talk) -> None:
    """There are four attempts, no storm, and other chats go on."""
    talk.server.fail("sendPhoto", *[Fault(503)] * 4)
    await talk.server.say(ADA, ADA, "/find red --count 1")
    await talk.server.until(lambda: len(talk.server.called("sendPhoto")) == 4)
    await talk.idle()
    assert len(talk.server.called("sendPhoto")) == 4


async def test_polling_goes_on_after_an_outage(talk: Talk) -> None:
    """While Telegram fails the bot is unready and says why; then it hears what was written."""
    await talk.ask("/help")
    assert talk.adapter.unready() is None
    talk.server.fail("getUpdates", Fault(502))
    await talk.server.say(ADA, ADA, "/help")
    await talk.server.until(
        lambda: talk.adapter.unready() == "telegram: Telegram answers with HTTP 502"
    )
    await talk.answers(2)
    await talk.ask("/help")
    assert talk.adapter.unready() is None


async def test_a_second_program_with_the_token_is_named(talk: Talk) -> None:
    """Two that poll take each other's updates; readiness says so."""
    await talk.ask("/help")
    other = asyncio.create_task(talk.server._get_updates({"timeout": 3}))
    await talk.server.until(lambda: talk.adapter.unready() is not None)
    reason = talk.adapter.unready()
    other.cancel()
    assert reason == "telegram: another program polls with the same token"


async def test_an_update_that_cannot_be_read_does_not_stop_the_others(talk: Talk) -> None:
    """It is dropped, once: a newer Telegram must not make the bot deaf."""
    await talk.ask("/help")
    polls = len(talk.server.called("getUpdates"))
    await talk.server.push(message={"text": "no sender, no chat, no date"})
    await talk.server.push(my_chat_member={"chat": 5})
    assert len(await talk.ask("/help")) == 1
    assert len(talk.server.called("getUpdates")) - polls < 10


async def test_the_same_update_is_answered_once(talk: Talk) -> None:
    """However often Telegram sends it."""
    await talk.server.say(ADA, ADA, "/find red --count 1", times=3)
    await talk.answers()
    await talk.idle()
    assert len(talk.sent) == 2


async def test_each_picture_is_uploaded_once_per_bot(talk: Talk, tmp_path: Path) -> None:
    """Later answers use Telegram's copy, also after a restart, also for other people."""
    await talk.ask("/find red --count 3", 4)
    assert len(talk.server.world.uploads) == 3
    await talk.ask("/find red --count 4", 5, chat=BEN, user=BEN)
    assert len(talk.server.world.uploads) == 4
    await talk.adapter.stop()
    talk.adapter = adapter_of(talk.parts, talk.server, tmp_path)
    await talk.adapter.start()
    messages = await talk.ask("/find red --count 4", 5)
    assert len(talk.server.world.uploads) == 4
    assert {colour for colour, _ in photos_of(talk, messages)} == {"red"}
    await talk.adapter.stop()


@pytest.mark.parametrize("count", [1, 3])
async def test_two_who_need_a_picture_at_once_upload_it_once(talk: Talk, count: int) -> None:
    """Whoever comes second waits for the first one's upload, and sends its file id."""
    people = [talk.server.world.user(50 + number) for number in range(4)]
    talk.parts.embedder.gate.clear()
    for person in people:
        await talk.server.say(person, person, f"/find red --count {count}")
    await talk.server.until(lambda: talk.parts.embedder.lanes["chat"] == len(people))
    talk.parts.embedder.gate.set()
    messages = await talk.answers(len(people) * (count + (count > 1)))
    assert len(photos_of(talk, messages)) == len(people) * count
    assert len(talk.server.world.uploads) == count


async def test_who_waits_for_an_upload_too_long_uploads_too() -> None:
    """One chat that has to wait for Telegram does not hold up the picture for all others."""
    turns, order = Turns(patience_s=0.05), []

    async def hold(names: list[str], *, until: asyncio.Event) -> None:
        async with turns.of(names):
            order.append(names)
            await until.wait()

    blocked, free = asyncio.Event(), asyncio.Event()
    free.set()
    first = asyncio.create_task(hold(["a", "b"], until=blocked))
    await asyncio.sleep(0)
    await hold(["c"], until=free)
    await hold(["b", "a"], until=free)
    assert order == [["a", "b"], ["c"], ["b", "a"]]
    blocked.set()
    await first


async def test_an_upload_that_fails_leaves_its_turn_to_the_next(talk: Talk) -> None:
    """Nobody waits for a picture whose first sender was refused."""
    talk.server.fail("sendPhoto", Fault(400))
    await talk.ask("/find red --count 1")
    [message] = await talk.ask("/find red --count 1")
    assert "photo" in message


@pytest.mark.parametrize("count", [1, 3])
async def test_a_forgotten_file_is_uploaded_again(talk: Talk, count: int) -> None:
    """Telegram may drop a file whose id we kept."""
    await talk.ask(f"/find red --count {count}", count + (count > 1))
    talk.server.world.files.clear()
    messages = await talk.ask(f"/find red --count {count}", count + (count > 1))
    assert len(photos_of(talk, messages)) == count
    assert len(talk.server.world.uploads) == 2 * count


async def test_pictures_whose_file_is_gone_stay_in_the_list(talk: Talk) -> None:
    """The others are shown, and the missing one is named with its score."""
    files = talk.parts.library.files
    *album, _ = await talk.ask("/find red --count 3", 4)
    talk.server.world.files.clear()
    lost = album[1]["caption"].split("\n")[0].removeprefix("2. ")
    picture = next(p for p in talk.parts.snapshot.pictures if p.caption == lost)
    files[picture.id].unlink()
    talk.parts.thumbnails._kept.clear()
    *album, last = await talk.ask("/find red --count 3", 3)
    assert [caption[:2] for _, caption in photos_of(talk, album)] == ["1.", "3."]
    assert re.search(rf"\n\n2\. {re.escape(lost)} · [01]\.\d\d", last["text"])


async def test_pictures_that_are_too_large_are_not_fetched_to_their_end(tmp_path: Path) -> None:
    """Neither where Telegram tells the size, nor where it hides it."""
    async with talking(tmp_path, max_bytes=100_000) as talk:
        file_id = talk.server.world.store(RED + bytes(2_000_000))
        size = {**talk.server.world.size_of(file_id), "mime_type": "image/png"}
        await talk.server.say(ADA, ADA, document=size)
        [told] = await talk.answers()
        assert told["text"].startswith("That picture is larger than 0.095 MiB.")
        assert not talk.server.called("getFile")
        del size["file_size"]
        await talk.server.say(ADA, ADA, document=size)
        [_, hidden] = await talk.answers(2)
        assert hidden["text"] == told["text"]


@pytest.mark.parametrize("method", ["getFile", "file"])
async def test_a_picture_that_cannot_be_fetched_is_named_so(talk: Talk, method: str) -> None:
    """One failure is repeated, a lasting one is told with what to do."""
    talk.server.fail(method, Fault(502))
    await talk.server.say(ADA, ADA, "/describe", photo=RED)
    [message] = await talk.answers()
    assert "\n1. red " in message["caption"]
    talk.server.fail(method, *[Fault(502)] * 8)
    await talk.server.say(ADA, ADA, photo=RED)
    [_, message] = await talk.answers(2)
    assert message["text"].startswith("The picture could not be fetched from Telegram.")


async def test_bad_requests_nobody_foresaw_are_said_with_an_id(talk: Talk) -> None:
    """The chat gets a short id, under which the log has the reason."""
    talk.server.fail("sendPhoto", Fault(400))
    [message] = await talk.ask("/find red --count 1")
    [event] = talk.parts.log.events
    assert event["incident"] in message["text"]
    assert re.search(r"\bred\b", event["traceback"]) is None


async def test_a_press_whose_acknowledgement_fails_is_obeyed(talk: Talk) -> None:
    """The end of the spinner is lost, the pictures are not."""
    *_, keyboard = await talk.ask("/find red --count 2", 3)
    talk.server.fail("answerCallbackQuery", *[Fault(502)] * 4)
    await talk.server.press(keyboard, data_of(keyboard, "Next"), ADA)
    assert len(photos_of(talk, await talk.answers(3, after=3))) == 2


async def test_a_group_where_nothing_may_be_said_is_left_alone(talk: Talk) -> None:
    """There are two attempts, with and without pictures, and no storm; others are answered."""
    chat = talk.server.world.chats[GROUP]
    chat.may_send_photos = chat.may_send_text = False
    await talk.server.say(GROUP, ADA, "/find red --count 2")
    await talk.idle()
    assert [message["chat"]["id"] for message in talk.sent] == [EVE]
    refused = [call for call in talk.server.calls if call.status == 400]
    assert 1 <= len(refused) <= 3


async def test_a_progress_that_cannot_be_edited_for_a_while_goes_on(talk: Talk) -> None:
    """A 429, a 5xx and a reset of an edit cost a step of the progress, not its end."""
    [message] = await talk.ask("/reindex", chat=GROUP)
    talk.server.fail("editMessageText", Fault(429, retry_after=1), Fault(502), Fault(0))
    talk.parts.reindexing.step(Progress("encode", 40, 100))
    await talk.server.until(lambda: len(talk.server.called("editMessageText")) > 2)
    talk.parts.reindexing.finish.set()
    await talk.server.until(lambda: "2 added" in message["text"])
    assert len(talk.sent) == 1
