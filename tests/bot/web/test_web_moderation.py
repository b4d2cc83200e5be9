"""Held pictures in the web chat: on a sheet for whoever asked, at no address of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.web.adapter import WebOptions
from core.search.moderation import Criterion
from tests.colours import share_of
from tests.web.parts import Parts, serving


@pytest.fixture
async def parts(tmp_path: Path) -> Parts:
    """A chat that holds whatever is blue."""
    built = Parts(tmp_path)
    await built.moderation.add(Criterion("blue"), community="web")
    return built


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running web chat, of which everybody is an administrator."""
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as session:
        yield session


async def chat(client: aiohttp.ClientSession, **fields: str) -> dict[str, Any]:
    """Say something, or press a button."""
    form = aiohttp.FormData(fields, default_to_multipart=True)
    async with client.post("/api/chat", data=form) as response:
        assert response.status == 200
        return await response.json()


async def test_the_review_is_one_sheet(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Fetched from an address of five minutes; the pictures' own addresses lead nowhere."""
    reply = await chat(client, text="/moderation review")
    assert [part["type"] for part in reply["parts"]] == ["text", "text", "sheet"]
    sheet = reply["parts"][-1]
    assert "blue cat" in sheet["alt"]
    async with client.get(sheet["url"]) as response:
        assert response.content_type == "image/png"
        assert share_of(await response.read(), "blue") > 0.05
    parts.clock.advance(301)
    async with client.get(sheet["url"]) as response:
        assert response.status == 404
    for picture_id in parts.library.held["web"]:
        for end in ("", "/thumbnail"):
            async with client.get(f"/pictures/{picture_id}{end}") as response:
                assert response.status == 404


async def test_decisions_are_buttons_below_the_sheet(client: aiohttp.ClientSession) -> None:
    """None of them belongs to a card, as there is none; pressed, the picture is there again."""
    reply = await chat(client, text="/moderation review")
    assert {button["subject"] for button in reply["buttons"]} == {None}
    action = next(b["action"] for b in reply["buttons"] if b["label"] == "Approve #1")
    decided = await chat(client, action=action)
    assert "Approved and shown again: blue fruits" in decided["parts"][0]["text"]
    found = await (await client.get("/api/find", params={"q": "blue fruits"})).json()
    assert "blue fruits" in [hit["caption"] for hit in found["hits"]]


async def test_who_is_no_administrator_there_reviews_nothing(parts: Parts) -> None:
    """Where the operator gives the web chat's people no rights, they have none here."""
    options = WebOptions(port=0, admin=False)
    async with serving(parts, options) as adapter, aiohttp.ClientSession(adapter.url) as client:
        reply = await chat(client, text="/moderation review")
        assert reply["error"]["code"] == "forbidden"
