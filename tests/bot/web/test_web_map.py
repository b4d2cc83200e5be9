"""``GET /api/map``: columns of what may be seen, with the token and the language of the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.web.adapter import WebOptions
from core.domain.rate_limits import Quota
from tests.web.parts import GALLERY, Parts, serving


@pytest.fixture
async def parts(tmp_path: Path) -> Parts:
    """A chat without quotas."""
    return Parts(tmp_path)


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running chat."""
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as session:
        yield session


async def test_columns_hold_every_picture_once(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Ids, captions, places in [0, 1] and groups are of equal length, in one order."""
    async with client.get("/api/map?groups=4&q=red+fruits") as answer:
        assert answer.headers["Content-Encoding"] in {"gzip", "deflate"}
        assert "no-store" in answer.headers["Cache-Control"]
        body = await answer.json()
    assert body["ids"] == [picture.id for picture in parts.snapshot.pictures]
    assert body["captions"][:-1] == [caption for _, caption in GALLERY][:-1]
    assert body["captions"][-1] == parts.snapshot.pictures[-1].path
    assert len(body["x"]) == len(body["y"]) == len(body["group"]) == len(GALLERY)
    for column in (body["x"], body["y"]):
        assert (min(column), max(column)) == (0, 1)
    assert set(body["group"]) == {0, 1, 2, 3}
    assert [group["colour"][0] for group in body["groups"]] == ["#"] * 4
    assert body["mark"]["label"] == "“red fruits”"
    assert "red" in body["captions"][body["mark"]["nearest"][0]]


async def test_without_groups_or_question_there_are_none(client: aiohttp.ClientSession) -> None:
    """What was not asked for is empty."""
    async with client.get("/api/map", headers={"Accept-Language": "de"}) as answer:
        body = await answer.json()
    assert (body["group"], body["groups"], body["mark"]) == ([], [], None)
    assert body["title"].startswith("Karte von „gallery“")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/map?groups=13", 400),
        ("/api/map?groups=x", 400),
        ("/api/map?q=" + "x" * 300, 400),
        ("/api/map?collection=secret", 404),
        ("/api/map/nothing", 404),
    ],
)
async def test_what_is_wrong_has_its_status(
    client: aiohttp.ClientSession, path: str, status: int
) -> None:
    """Numbers out of range, long questions, and what the web may not see."""
    async with client.get(path) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["message"]


async def test_a_point_leads_to_pictures_like_it(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """The action of a point is that of a button "more like this"."""
    picture = parts.snapshot.pictures[0]
    async with client.get(f"/api/map/{picture.id}") as answer:
        point = await answer.json()
    form = aiohttp.FormData({"action": point["action"]}, default_to_multipart=True)
    async with client.post("/api/chat", data=form) as answer:
        reply = await answer.json()
    assert reply["error"] is None
    cards = reply["parts"][-1]["cards"]
    assert picture.id not in {card["id"] for card in cards}
    assert point["caption"].split()[0] in cards[0]["caption"]


async def test_what_is_held_is_in_no_column(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Held pictures are missing from a map that was drawn before, and lead nowhere."""
    picture = parts.snapshot.pictures[0]
    async with client.get("/api/map") as answer:
        assert picture.id in (await answer.json())["ids"]
    parts.library.held["web"] = {picture.id}
    async with client.get("/api/map?groups=12") as answer:
        text = await answer.text()
    assert picture.id not in text
    async with client.get(f"/api/map/{picture.id}") as answer:
        assert answer.status == 404


async def test_a_map_counts_as_a_question(tmp_path: Path) -> None:
    """Whoever asks too often is told when to ask again."""
    parts = Parts(tmp_path, quota=Quota({"text": 60.0}))
    options = WebOptions(port=0, admin=False)
    async with serving(parts, options) as adapter, aiohttp.ClientSession(adapter.url) as session:
        statuses = []
        for _ in range(2):
            async with session.get("/api/map") as answer:
                statuses.append(answer.status)
    assert statuses == [200, 429]


async def test_a_protected_map_wants_the_token(parts: Parts) -> None:
    """Without it nobody sees where anything lies."""
    options = WebOptions(port=0, token="right-token-right")
    async with serving(parts, options) as adapter, aiohttp.ClientSession(adapter.url) as session:
        for path in ("/api/map", "/api/map/p0000000"):
            async with session.get(path) as answer:
                assert answer.status == 403
            bearer = {"Authorization": "Bearer right-token-right"}
            async with session.get(path, headers=bearer) as answer:
                assert answer.status == 200
