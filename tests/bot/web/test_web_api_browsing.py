"""The collection over HTTP: its pictures by date, one of them, what is like it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.search.moderation import Criterion
from tests.bot.web.test_web_api import HIT, LOOK, refused
from tests.fake_labels import labelled
from tests.web.parts import GALLERY, Parts, serving

PICTURE = {"id", "caption", *LOOK}


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """A chat without quotas."""
    return Parts(tmp_path)


@pytest.fixture
async def client(parts: Parts) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running web chat."""
    async with serving(parts) as adapter, aiohttp.ClientSession(adapter.url) as session:
        yield session


async def get(client: aiohttp.ClientSession, path: str, **params: str) -> dict[str, Any]:
    """The JSON of an answer that is none of an error."""
    async with client.get(path, params=params) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Cache-Control"] in {"private, no-store", "no-cache"}
        body: dict[str, Any] = await response.json()
    return body


async def pages(client: aiohttp.ClientSession, **params: str) -> list[dict[str, Any]]:
    """Every page there is, each asked for by the one before."""
    found = [await get(client, "/api/pictures", **params)]
    while (after := found[-1]["next"]) is not None:
        found.append(await get(client, "/api/pictures", after=after, **params))
    return found


async def test_pictures_come_the_newest_first(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Each with all that a page lays it out by; those without a date are the last ones."""
    ids = [picture.id for picture in parts.snapshot.pictures]
    parts.looks.undated = {ids[7]}
    parts.looks.dates = {ids[3]: 2e9}
    page = await get(client, "/api/pictures")
    assert set(page) == {"collection", "total", "pictures", "next"}
    assert (page["collection"], page["total"], page["next"]) == ("gallery", len(GALLERY), None)
    assert all(set(picture) == PICTURE for picture in page["pictures"])
    others = [each for each in reversed(ids) if each not in {ids[3], ids[7]}]
    assert [picture["id"] for picture in page["pictures"]] == [ids[3], *others, ids[7]]
    first, last = page["pictures"][0], page["pictures"][-1]
    assert first["date"] == "2033-05-18T03:33:20Z"
    assert (first["width"], first["height"]) == (8, 8)
    assert first["placeholder"].startswith("data:image/webp;base64,")
    assert last["date"] is None


async def test_pages_name_the_next_one(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Together they are all pictures, each once, also where many have the same date."""
    parts.looks.dates = {picture.id: 5.0 for picture in parts.snapshot.pictures[:50]}
    whole = [picture["id"] for page in await pages(client) for picture in page["pictures"]]
    for limit in (1, 7, len(GALLERY)):
        found = await pages(client, limit=str(limit))
        assert [picture["id"] for page in found for picture in page["pictures"]] == whole
        assert all(len(page["pictures"]) == limit for page in found[:-1])
    assert len(found) == 1


async def test_the_order_is_read_once_for_each_state(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """However many pages are asked for; until dates become known."""
    await pages(client, limit="5")
    assert parts.looks.asked == 1
    parts.looks.revision += 1
    await pages(client, limit="50")
    assert parts.looks.asked == 2


@pytest.mark.parametrize("same_date", [True, False])
async def test_a_page_follows_one_whose_last_picture_is_gone(
    client: aiohttp.ClientSession, parts: Parts, *, same_date: bool
) -> None:
    """What is removed meanwhile takes no other picture with it, and lets none come twice."""
    if same_date:
        parts.looks.dates = {picture.id: 5.0 for picture in parts.snapshot.pictures}
    whole = [picture["id"] for picture in (await get(client, "/api/pictures"))["pictures"]]
    page = await get(client, "/api/pictures", limit="10")
    await parts.contributions.remove(whole[9], community="web", remover="web:me")
    rest = await get(client, "/api/pictures", after=page["next"])
    assert [picture["id"] for picture in rest["pictures"]] == whole[10:]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"limit": "0"}, "bad_count"),
        ({"limit": "501"}, "bad_count"),
        ({"limit": "x"}, "bad_count"),
        ({"after": "nonsense"}, "invalid_request"),
        ({"after": "bmFuIDAgcDAwMDAwMDA="}, "invalid_request"),
        ({"after": "é"}, "invalid_request"),
    ],
)
async def test_a_page_that_is_none_is_400(
    client: aiohttp.ClientSession, params: dict[str, str], code: str
) -> None:
    """A number out of range, and a place that no page has named."""
    async with client.get("/api/pictures", params=params) as response:
        assert await refused(response) == (400, code)


async def test_one_picture_is_told_with_all_that_is_known(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """Its file, its captions and the label that fits it."""
    parts.labels.sets["gallery"] = labelled("red", "blue")
    picture = parts.snapshot.pictures[0]
    found = await get(client, f"/api/pictures/{picture.id}")
    assert set(found) == PICTURE | {
        "collection", "path", "bytes", "format", "plays", "captions", "labels", "uploaded",
    }  # fmt: skip
    file = parts.library.files[picture.id]
    assert (found["path"], found["bytes"], found["format"]) == (
        picture.path, file.stat().st_size, "PNG",
    )  # fmt: skip
    assert (found["captions"], found["labels"]) == ([picture.caption], ["red"])
    assert found["uploaded"] is False
    file.unlink()
    async with client.get(f"/api/pictures/{picture.id}") as response:
        assert await refused(response) == (404, "not_found")


async def test_pictures_like_one_are_a_grid(client: aiohttp.ClientSession, parts: Parts) -> None:
    """Without the one that was asked about, page by page, changed by words; nothing is encoded."""
    red = parts.snapshot.pictures[0]
    path = f"/api/pictures/{red.id}/similar"
    async with client.get(path, params={"k": "100"}) as response:
        body = await response.json()
    assert body["query"] is None
    assert all(set(hit) == {*HIT, *LOOK} for hit in body["hits"])
    ids = [hit["id"] for hit in body["hits"]]
    assert red.id not in ids
    assert all("red" in hit["caption"] for hit in body["hits"][:4])
    assert parts.embedder.pictures_encoded == len(GALLERY) + 2
    async with client.get(path, params={"k": "5", "offset": "5"}) as response:
        assert [hit["id"] for hit in (await response.json())["hits"]] == ids[5:10]
    async with client.get(path, params={"text": "blue", "k": "10"}) as response:
        refined = await response.json()
    assert refined["query"] == "blue"
    assert any("blue" in hit["caption"] for hit in refined["hits"][:5])
    async with client.get(path, params={"k": "101"}) as response:
        assert await refused(response) == (400, "bad_count")


async def test_what_the_web_may_not_see_is_nowhere(
    client: aiohttp.ClientSession, parts: Parts
) -> None:
    """Held, removed and foreign pictures are neither listed nor counted nor told of."""
    await parts.moderation.add(Criterion("blue"), community="web")
    held = set(parts.library.held["web"])
    gone = next(p.id for p in parts.snapshot.pictures if p.id not in held)
    await parts.contributions.remove(gone, community="web", remover="web:me")
    page = await get(client, "/api/pictures")
    assert {picture["id"] for picture in page["pictures"]}.isdisjoint({gone, *held})
    assert page["total"] == len(page["pictures"]) == len(GALLERY) - 1 - len(held)
    for picture_id in (gone, *held, "nope"):
        for end in ("", "/similar"):
            async with client.get(f"/api/pictures/{picture_id}{end}") as response:
                assert await refused(response) == (404, "not_found")
    bodies = set()
    for collection in ("secret", "never"):
        async with client.get("/api/pictures", params={"collection": collection}) as response:
            assert await refused(response) == (404, "not_found")
            bodies.add(await response.text())
    assert len(bodies) == 1


@pytest.mark.parametrize("path", ["/p/p0000001", "/p/nope", "/?q=red"])
async def test_deep_links_are_the_page(client: aiohttp.ClientSession, path: str) -> None:
    """Its script finds out what an address means."""
    async with client.get(path) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
