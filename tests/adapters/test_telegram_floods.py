"""One person's flood: everybody else is answered, in other chats and in the same one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.telegram.shares import Tally
from tests.adapters.telegram_parts import ADA, BEN, EVE, GROUP, Talk, talking
from tests.galleries import until
from tests.servers.telegram import Fault

FLOOD = 300
ALLOWED_S = 5.0

# The library warns of its own deprecated attribute whenever it builds this exception.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*retry_after:telegram.warnings.PTBDeprecationWarning"),
]


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A running bot."""
    async with talking(tmp_path, drain_s=0.2) as running:
        yield running


async def _flood(talk: Talk, chat: int, text: str = "/help") -> None:
    for _ in range(FLOOD):
        await talk.server.say(chat, EVE, text)


async def _answered(talk: Talk, chat: int, user: int) -> float:
    """Seconds until somebody has an answer below the question."""
    began = time.monotonic()
    question = await talk.server.say(chat, user, "/help")
    await talk.server.until(
        lambda: any(
            m["chat"]["id"] == chat
            and m.get("reply_to_message", {}).get("message_id") == question["message_id"]
            for m in talk.sent
        ),
        seconds=ALLOWED_S,
    )
    return time.monotonic() - began


@pytest.mark.parametrize("text", ["/help", "/find red"])
async def test_a_flood_in_a_group_leaves_others_their_answers(talk: Talk, text: str) -> None:
    """300 commands of one person: another one is answered in private and in that very group."""
    await _flood(talk, GROUP, text)
    seconds = [await _answered(talk, ADA, ADA), await _answered(talk, GROUP, BEN)]
    print(f"{FLOOD} {text} of one person; others after {seconds[0]:.2f} s, {seconds[1]:.2f} s")
    assert talk.adapter.unready() is None


async def test_a_chat_behind_a_429_leaves_others_their_answers(talk: Talk) -> None:
    """300 questions in a chat that Telegram takes nothing for keep their own chat's share."""
    talk.server.fail("sendMessage", Fault(429, retry_after=100))
    await talk.server.say(EVE, EVE, "/help")
    await talk.server.until(lambda: talk.server.called("sendMessage"))
    await _flood(talk, EVE)
    seconds = await _answered(talk, ADA, ADA)
    print(f"{FLOOD} questions behind a 429; another one after {seconds:.2f} s")
    assert talk.adapter.unready() is None


async def test_a_group_without_budget_gets_no_refusals(talk: Talk) -> None:
    """What cannot be said in time is not said: a minute's messages are for answers."""
    talk.server.methods.flood[GROUP] = deque()
    await _flood(talk, GROUP, "/find")  # refused: there is no query
    await talk.idle()
    assert 0 < len([m for m in talk.sent if m["chat"]["id"] == GROUP]) <= 15
    assert 429 not in {call.status for call in talk.server.calls}


async def test_readiness_tells_of_taken_hands(tmp_path: Path) -> None:
    """Where the next one would wait whoever it is, /readyz says why."""
    async with talking(tmp_path, at_once=2) as talk:
        talk.parts.embedder.gate.clear()
        for person in (ADA, BEN):
            await talk.server.say(person, person, "/find red --count 1")
        await talk.server.until(lambda: talk.adapter.unready() is not None)
        assert talk.adapter.unready() == "telegram: all 2 answers at a time are taken"
        talk.parts.embedder.gate.set()
        await talk.answers(2)
        await talk.server.until(lambda: talk.adapter.unready() is None)


async def test_a_flood_is_two_lines_of_the_log(tmp_path: Path) -> None:
    """The first that is dropped is told at once, all others together: nobody fills a disk so."""
    with capture_logs() as logs:
        async with talking(tmp_path, drain_s=0.2) as talk:
            talk.parts.embedder.gate.clear()
            await _flood(talk, EVE, "/find red")
            await _answered(talk, ADA, ADA)
            talk.parts.embedder.gate.set()
    counts = [each["count"] for each in logs if each["event"] == "updates dropped"]
    assert counts[0] == 1
    assert len(counts) == 2
    assert FLOOD - 100 < sum(counts) < FLOOD


async def test_a_tally_tells_at_once_and_then_together() -> None:
    """What happens while it is quiet comes with the next line, or with the end."""
    told: list[int] = []
    tally = Tally(told.append, every_s=0.01)
    for _ in range(5):
        tally.add()
    assert told == [1]
    await until(lambda: len(told) > 1)
    assert told == [1, 4]
    tally.close()
    tally.close()
    for _ in range(3):
        tally.add()
    tally.close()
    assert told == [1, 4, 1, 2]
