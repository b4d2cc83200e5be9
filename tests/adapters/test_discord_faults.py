"""What goes wrong between the bot and Discord: limits, errors, broken connections, bad tokens."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.discord_parts import (
    ADMIN,
    ANA,
    Chat,
    chatting,
)
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_rest import ACKNOWLEDGE_S, Fault
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import APPLICATION, Person
from tests.web.parts import Parts

ORIGINAL = r"PATCH .*/messages/@original"
CALLBACK = r"POST .*/callback"
MESSAGES = r"POST .*/channels/\d+/messages"
GREEN = ("green.png", picture_bytes("green", seed=77, edge=64))


async def _find(chat: Chat) -> Shown:
    exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": "red"})
    return await chat.discord.answer(exchange)


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("pattern", [CALLBACK, ORIGINAL])
async def test_a_rate_limit_is_waited_out(
    tmp_path: Path, pattern: str, *, everywhere: bool
) -> None:
    """After a 429 the next call comes when Discord said, not before, and only once."""
    async with chatting(Parts(tmp_path)) as chat:
        body = {"message": "slow down", "retry_after": 0.4, "global": everywhere}
        chat.discord.rest.faults.append(Fault(pattern, 429, body))
        begun = time.monotonic()
        shown = await _find(chat)
        assert time.monotonic() - begun >= 0.4
        assert len(shown.pictures) == 5
        calls = [call for call in chat.discord.rest.calls if re.search(pattern, call)]
        assert len(calls) == 2


@pytest.mark.parametrize(
    "fault",
    [Fault(MESSAGES, 429, {"message": "slow down", "retry_after": 0.4}), Fault(MESSAGES, 502)],
    ids=["rate limit", "server error"],
)
async def test_a_reply_comes_once_all_the_same(tmp_path: Path, fault: Fault) -> None:
    """Messages are posted again after a limit or an error, and not twice."""
    async with chatting(Parts(tmp_path)) as chat:
        chat.discord.rest.faults.append(replace(fault))
        begun = time.monotonic()
        await chat.discord.say(ANA, chat.server, f"<@{APPLICATION}> red")
        assert len((await chat.discord.replied(chat.server.channel)).pictures) == 5
        assert time.monotonic() - begun >= 0.4
        calls = [call for call in chat.discord.rest.calls if re.search(MESSAGES, call)]
        assert len(calls) == 2


@pytest.mark.parametrize("pattern", [CALLBACK, ORIGINAL])
async def test_a_server_error_is_tried_again(tmp_path: Path, pattern: str) -> None:
    """One 502 on the way costs a second, not the answer."""
    async with chatting(Parts(tmp_path)) as chat:
        chat.discord.rest.faults.append(Fault(pattern, 502))
        assert len((await _find(chat)).pictures) == 5


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("pattern", [CALLBACK, ORIGINAL])
async def test_a_broken_connection_is_tried_again(
    tmp_path: Path, pattern: str, *, after: bool
) -> None:
    """Whether the request had arrived or not, there is one answer and no second one."""
    async with chatting(Parts(tmp_path)) as chat:
        chat.discord.rest.faults.append(Fault(pattern, reset=True, after=after))
        assert len((await _find(chat)).pictures) == 5


@pytest.mark.parametrize("after", [False, True])
async def test_a_reply_that_met_a_broken_connection_comes_once(
    tmp_path: Path, *, after: bool
) -> None:
    """Its nonce keeps Discord from posting it twice."""
    async with chatting(Parts(tmp_path)) as chat:
        fault = Fault(MESSAGES, reset=True, after=after)
        chat.discord.rest.faults.append(fault)
        channel, calls = chat.server.channel, chat.discord.rest.calls
        await chat.discord.say(ANA, chat.server, f"<@{APPLICATION}> red")
        await until(lambda: sum(f"{channel}/messages" in call for call in calls) == 2)
        assert len((await chat.discord.replied(channel)).pictures) == 5
        await chat.discord.say(ANA, chat.server, f"<@{APPLICATION}> blue")
        await chat.discord.replied(channel, 2)


async def test_an_outage_of_the_api_raises_no_storm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few attempts for each answer, then none; the next question is answered again."""
    pause = asyncio.sleep
    # The library doubles its pause from a second on.
    monkeypatch.setattr("discord.webhook.async_.asyncio.sleep", lambda _: pause(0))
    async with chatting(Parts(tmp_path)) as chat:
        outage = Fault(r"(PATCH|POST) .*/webhooks/", 503, times=10**6)
        chat.discord.rest.faults.append(outage)
        asked = [await chat.discord.slash(ANA, chat.server, "help") for _ in range(5)]
        await until(lambda: all(e.acknowledged_s is not None for e in asked))
        await until(lambda: not chat.adapter._work._working)
        calls = sum("/webhooks/" in call for call in chat.discord.rest.calls)
        # For each, five with the answer, one that takes back the acknowledgement, and five
        # with the word that it failed.
        assert calls <= len(asked) * (5 + 1 + 5)
        outage.times = 0
        assert len((await _find(chat)).pictures) == 5


async def test_an_answer_that_discord_refuses_is_told_of(tmp_path: Path) -> None:
    """Whatever the reason, the asker learns it; the log has code and status, no texts."""
    async with chatting(Parts(tmp_path)) as chat:
        chat.discord.rest.faults.append(Fault(ORIGINAL, 400, {"code": 50035, "message": "no"}))
        shown = await _find(chat)
        assert shown.private
        assert shown.text == "Discord did not take the answer. Try again in a moment."


async def test_an_unforeseen_failure_names_its_incident(tmp_path: Path) -> None:
    """The id that the asker sees is the one in the log."""
    async with chatting(Parts(tmp_path)) as chat:
        chat.parts.library.picture_file = None  # type: ignore[assignment]
        shown = await _find(chat)
        (event,) = chat.parts.log.events
        assert f"(error {event['incident']})" in shown.text


async def test_a_deleted_answer_comes_anew(tmp_path: Path) -> None:
    """Somebody deletes the acknowledgement while the bot is at work."""
    async with chatting(Parts(tmp_path)) as chat:
        chat.discord.rest.faults.append(Fault(ORIGINAL, stall_s=0.2))
        exchange = await chat.discord.slash(ANA, chat.server, "find", {"query": "red"})
        await until(lambda: exchange.original is not None)
        chat.discord.rest.store.deleted.add(exchange.original or 0)
        assert len((await chat.discord.answer(exchange)).pictures) == 5


async def test_a_deleted_progress_ends_nothing_but_its_drawing(tmp_path: Path) -> None:
    """The reindex itself goes on."""
    async with chatting(Parts(tmp_path)) as chat:
        exchange = await chat.discord.slash(ADMIN, chat.server, "reindex")
        await chat.discord.answer(exchange)
        chat.discord.rest.store.deleted.add(exchange.original or 0)
        chat.parts.reindexing.finish.set()
        await until(lambda: not chat.parts.jobs.running())
        assert len((await _find(chat)).pictures) == 5


async def test_repeated_events_are_answered_once(tmp_path: Path) -> None:
    """A resumed session sends some events again."""
    async with chatting(Parts(tmp_path)) as chat:
        options = {"query": "red"}
        exchange = await chat.discord.slash(ANA, chat.server, "find", options, times=3)
        await chat.discord.answer(exchange)
        await _find(chat)
        calls = [c for c in chat.discord.rest.calls if str(exchange.id) in c]
        assert sum("callback" in call for call in calls) == 1


async def test_a_picture_that_cannot_be_fetched(tmp_path: Path) -> None:
    """Gone, late, or larger than allowed: each with its own cause and remedy."""
    async with chatting(
        Parts(tmp_path), fetch_timeout_s=0.2, max_bytes=len(GREEN[1]) + 100
    ) as chat:
        rest = chat.discord.rest
        rest.faults.append(Fault(r"GET /cdn/", 404))
        assert "is not here any more. Send it again." in await _similar(chat, GREEN)
        rest.faults.append(Fault(r"GET /cdn/", stall_s=0.5))
        assert "Discord did not hand over that picture." in await _similar(chat, GREEN)
        large = ("large.png", GREEN[1] + bytes(2**20))
        fetched = sum("GET /cdn/" in call for call in rest.calls)
        text = await _similar(chat, large)
        assert "This picture has 1 MiB" in text
        assert sum("GET /cdn/" in call for call in rest.calls) == fetched
        assert "### Similar" in await _similar(chat, GREEN)
        assert "This is no picture." in await _similar(chat, ("note.png", b"hello"))


async def test_stopping_tells_those_who_wait(tmp_path: Path) -> None:
    """A reindex that is followed says that it goes on later; nobody waits for ever."""
    async with chatting(Parts(tmp_path)) as chat:
        exchange = await chat.discord.slash(ADMIN, chat.server, "reindex")
        await chat.discord.answer(exchange)
        await chat.adapter.stop()
        (shown,) = chat.discord.visible(exchange)
        assert shown.text.startswith("The server is stopping.")
        assert chat.adapter.unready() == "Discord is not connected"


@pytest.mark.slow
async def test_two_hundred_questions_at_once_are_acknowledged_in_time(tmp_path: Path) -> None:
    """While a reindex runs, ten people ask: each is acknowledged in Discord's time, and answered.

    The server refuses what comes later, and with it the answer.
    """
    async with chatting(Parts(tmp_path)) as chat:
        await chat.discord.slash(ADMIN, chat.server, "reindex")
        options = {"query": "red", "count": 1}
        asked = [
            await chat.discord.slash(Person(2000 + number % 10), chat.server, "find", options)
            for number in range(200)
        ]
        answers = await asyncio.gather(*(chat.discord.answer(e) for e in asked))
        assert all(len(shown.pictures) == 1 for shown in answers)
        slowest = max(e.acknowledged_s or 9.0 for e in asked)
        print(f"200 finds: slowest acknowledgement {slowest:.3f} s")
        assert slowest < ACKNOWLEDGE_S


async def _similar(chat: Chat, picture: tuple[str, bytes]) -> str:
    exchange = await chat.discord.slash(ANA, chat.server, "similar", picture=picture)
    return (await chat.discord.answer(exchange)).text
