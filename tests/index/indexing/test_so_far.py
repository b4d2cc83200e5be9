"""Asking while a collection is indexed for the first time: what every place says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.protocol.json_views import describe_view, search_view
from bot.protocol.replies import Reply, Text
from bot.protocol.requests import InMemory, Request
from bot.terminal.console import Terminal
from core.domain.errors import BeingIndexed
from core.domain.types import Progress, SoFar
from tests.fakes import picture_bytes
from tests.web.parts import Parts, serving

RED = InMemory(picture_bytes("red", seed=77, edge=64))
NOTE = "31 of 785 pictures so far; the others are being indexed."


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """A chat whose collection has 785 pictures, 31 of which can be searched by now."""
    built = Parts(tmp_path)
    built.library.expecting = 785
    yield built
    await built.close()


def _notes(reply: Reply) -> list[str]:
    return [part.text for part in reply.parts if isinstance(part, Text) and part.style == "note"]


async def test_every_answer_says_how_much_was_searched(parts: Parts) -> None:
    """In words as a person reads numbers, above the pictures; once all is there, no more."""
    count = len(parts.snapshot.pictures)
    note = NOTE.replace("31", str(count))
    for text, pictures in (("/find red", ()), ("", (RED,)), ("/describe", (RED,))):
        asked = Request("web", "web", "web:1", text=text, pictures=pictures)
        assert note in _notes(await parts.commands.handle(asked)), text
    parts.library.expecting = count
    reply = await parts.commands.handle(Request("web", "web", "web:1", text="/find red"))
    assert note not in _notes(reply)


async def test_nothing_yet_is_no_error(parts: Parts) -> None:
    """It says that it has begun and when to ask, names no command, and is not drawn in red."""
    parts.library.refusal = BeingIndexed(
        "Indexing has begun: 0 of {total} pictures so far.", total=785
    )
    reply = await parts.commands.handle(Request("web", "web", "web:1", text="/find red"))
    assert reply.error is None
    assert reply.parts == (
        Text("Indexing has begun: 0 of 785 pictures so far. Ask again in a moment."),
    )
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as client:
        async with client.get("/api/find", params={"q": "red"}) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) <= 5
            assert (await response.json())["error"]["code"] == "being_indexed"
        async with client.get("/api/welcome") as response:
            assert (await response.json())["examples"]  # general ones


async def test_json_and_terminal_say_it(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    """A key of its own beside the others, and a line on standard error."""
    result = await parts.search.find("red", community="web")
    assert result.so_far == SoFar(len(parts.snapshot.pictures), 785)
    assert search_view(result)["so_far"] == {
        "searched": len(parts.snapshot.pictures), "total": 785,
    }  # fmt: skip
    described = await parts.search.describe(RED.data, community="web")
    assert describe_view(described)["so_far"]["total"] == 785
    Terminal().hits(result)
    assert "of 785 pictures so far" in capsys.readouterr().err
    parts.library.expecting = None
    assert "so_far" not in json.dumps(search_view(await parts.search.find("red", community="web")))


async def test_the_page_is_told_the_counts(parts: Parts) -> None:
    """With the welcome, and again with each look at the progress while an index is made."""
    count = len(parts.snapshot.pictures)
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as client:
        async with client.get("/api/welcome") as response:
            body = await response.json()
        assert (body["pictures"], body["expected"]) == (count, 785)
        async with client.get("/api/progress") as response:
            assert await response.json() == {"running": []}
        job = await parts.jobs.start("gallery", full=False)
        async with client.get("/api/progress") as response:
            body = await response.json()
        assert (body["pictures"], body["expected"]) == (count, 785)
        assert body["summary"] == f"{count} pictures"
        parts.library.expecting = None
        parts.reindexing.step(Progress("encode", 3, 4))
        async with client.get("/api/progress") as response:
            assert (await response.json())["expected"] is None
        parts.reindexing.finish.set()
        await job.task
