"""What goes wrong in a chat is told in words, counted, and logged without the question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.protocol.requests import InMemory, Request
from core.domain.errors import PictureTooLarge
from core.domain.rate_limits import Quota
from tests.fakes import picture_bytes
from tests.web.parts import Parts

RED_PHOTO = InMemory(picture_bytes("red", seed=77, edge=64))


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat without quotas."""
    built = Parts(tmp_path)
    yield built
    await built.close()


def asked(text: str = "", **values: object) -> Request:
    """A request of somebody in the web chat who is no administrator."""
    return Request("web", "web", "web:1", text=text, **values)


@pytest.mark.slow
async def test_quotas_are_told_with_the_time_to_wait(tmp_path: Path) -> None:
    """Asking too fast is refused before the picture is fetched, and says when to come back."""
    parts = Parts(tmp_path, quota=Quota())
    assert (await parts.commands.handle(asked("red"))).error is None
    fetched = []

    class Remote:
        async def read(self) -> bytes:
            fetched.append(1)
            return RED_PHOTO.data

    refused = await parts.commands.handle(asked(pictures=(Remote(),)))
    assert refused.error.code == "too_many_requests"
    assert refused.error.retry_after == 3
    assert "Try again in 3 s" in refused.error.text
    assert fetched == []
    parts.clock.advance(3)
    assert (await parts.commands.handle(asked(pictures=(Remote(),)))).error is None
    button_press = await parts.commands.act("f5|red", asked())
    assert button_press.error.code == "too_many_requests"


async def test_an_unexpected_error_shows_the_id_that_the_log_has(parts: Parts) -> None:
    """A bug is answered with a short id; the log has it with a traceback, without the question."""
    question = "a very private question"
    parts.embedder.encoder.fails_on = lambda _text: 1 / 0
    reply = await parts.commands.handle(asked(f"/find {question}"))
    assert reply.error.code == "internal"
    (event,) = parts.log.events
    assert event["incident"] in reply.error.text
    assert "ZeroDivisionError" in event["traceback"]
    assert question not in str(event)


async def test_the_question_is_taken_out_of_the_traceback(parts: Parts) -> None:
    """Even an exception that quotes the question does not carry it into the log."""
    question = "a very private question"

    def quote(text: str) -> bool:
        raise ValueError(text)

    parts.embedder.encoder.fails_on = quote
    await parts.commands.handle(asked(question))
    assert question not in str(parts.log.events)
    assert "ValueError" in str(parts.log.events)


async def test_a_picture_that_cannot_be_fetched_is_told(parts: Parts) -> None:
    """An attachment's own typed error reaches the asker."""

    class Huge:
        async def read(self) -> bytes:
            raise PictureTooLarge("That is 30 MiB.", remedy="Send a smaller one.")

    reply = await parts.commands.handle(asked(pictures=(Huge(),)))
    assert reply.error.code == "picture_too_large"


async def test_cancellation_passes_through(parts: Parts) -> None:
    """When the asker leaves, the search is cancelled instead of answered."""
    parts.embedder.gate.clear()
    task = asyncio.create_task(parts.commands.handle(asked("red")))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert parts.log.events == []


async def test_requests_and_errors_are_counted_by_name_only(parts: Parts) -> None:
    """The metrics hold commands and codes, never what was asked."""
    await parts.commands.handle(asked("/find unmistakable marzipan"))
    await parts.commands.handle(asked("/find"))
    text = parts.metrics.render().decode()
    assert 'tangerine_requests_total{command="find",platform="web"} 2.0' in text
    assert 'tangerine_errors_total{code="empty_query"} 1.0' in text
    assert not {word for word in ("unmistakable", "marzipan") if word in text.lower()}


async def test_half_a_surrogate_pair_is_searched_for_like_any_text(parts: Parts) -> None:
    """Text that no UTF-8 can hold is repaired, not a crash."""
    typed = asked(command="find", options={"query": "red \ud800"})
    assert (await parts.commands.handle(typed)).error is None
    assert (await parts.commands.handle(asked("red \udfff"))).error is None
