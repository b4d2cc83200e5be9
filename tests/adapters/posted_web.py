"""Somebody on the operator's web page, who is a member of no server: sees nothing of its posts."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from bot.chat.admission import Admission
from bot.engine.engine import SystemClock
from bot.web.adapter import WebAdapter, WebOptions, WebParts
from core.domain.rate_limits import RateLimiter
from core.search.browse import Browser
from tests.adapters.posted_members import MARK
from tests.adapters.posted_places import CHANNELS, THREADS, colour_for, text_of
from tests.fakes import picture_bytes
from tests.posting import GalleryParts


class WebStranger:
    """Asks by every route of the web page and the HTTP API, as its administrator."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, posted: Sequence[str], chance: random.Random
    ) -> None:
        """``posted``: the ids of all pictures of posts."""
        self._session = session
        self._url = url
        self._posted = posted
        self._chance = chance

    async def ask(self) -> None:
        """One question, by any route."""
        channel = self._chance.choice([*CHANNELS, *THREADS])
        words, picture_id = text_of(channel, 0), self._chance.choice(self._posted)
        picture = picture_bytes(colour_for(channel), seed=channel * 100, edge=64)
        route = self._chance.randrange(9)
        if route == 0:
            await self._get("/api/find", q=words, k="100")
        elif route == 1:
            await self._post("/api/similar", picture, k="100")
        elif route == 2:
            await self._post("/api/describe", picture)
        elif route == 3:
            await self._get(f"/api/pictures/{picture_id}", status=404)
            await self._get(f"/pictures/{picture_id}", status=404)
            await self._get(f"/pictures/{picture_id}/thumbnail", status=404)
        elif route == 4:
            await self._get(f"/api/pictures/{picture_id}/similar", status=404)
            await self._get(f"/api/map/{picture_id}", status=404)
        elif route == 5:
            assert (await self._get("/api/pictures"))["total"] == 1
        elif route == 6:
            await self._get("/api/map")
        elif route == 7:
            await self._get("/readyz", verbose="1")
            async with self._session.get(f"{self._url}/metrics") as response:
                _check(await response.text())
        else:
            told = ("/find {} --from nobody", "/repost", "/index status", "/describe {}", "/map")
            text = self._chance.choice(told).format(words)
            await self._post("/api/chat", picture, status=None, text=text)

    async def _get(self, path: str, status: int = 200, **query: str) -> dict[str, object]:
        async with self._session.get(self._url + path, params=query) as response:
            assert response.status == status, (path, response.status)
            _check(await response.text(errors="replace"), query.get("q", ""))
            found = await response.json() if status == 200 else {}
            return dict(found)

    async def _post(
        self, path: str, picture: bytes, status: int | None = 200, **fields: str
    ) -> None:
        form = aiohttp.FormData(fields)
        form.add_field("image", picture, filename="a.png", content_type="image/png")
        async with self._session.post(self._url + path, data=form) as response:
            assert status in {None, response.status}, (path, response.status)
            _check(await response.text(), fields.get("text", ""))


def _check(told: str, said: str = "") -> None:
    for mark in MARK.findall(said):
        told = told.replace(f"mark{mark}", "")
    assert not MARK.search(told), told
    assert not any(f"#{room.name}" in told for room in CHANNELS.values())


@asynccontextmanager
async def web_page(parts: GalleryParts) -> AsyncIterator[str]:
    """The web page of these parts: its address."""
    gallery, clock = parts.gallery, SystemClock()
    adapter = WebAdapter(
        WebParts(
            commands=parts.commands,
            search=parts.search,
            library=gallery.library,
            browser=Browser(gallery.library, gallery.looks),
            thumbnails=parts.thumbnails,
            admission=Admission(RateLimiter(None, clock), gallery.settings),
            counters=parts.metrics,
            failures=parts.failures,
            presenters=parts.presenters,
            readiness=list,
            clock=clock,
        ),
        WebOptions(port=0),
        drain_s=0.2,
    )
    await adapter.start()
    try:
        yield adapter.url
    finally:
        await adapter.stop()


@asynccontextmanager
async def stranger(
    parts: GalleryParts, posted: Sequence[str], chance: random.Random
) -> AsyncIterator[WebStranger]:
    """The web page of these parts, and somebody who uses it."""
    async with web_page(parts) as url, aiohttp.ClientSession() as session:
        yield WebStranger(session, url, posted, chance)
