"""Looking through the collections over HTTP: their pictures by date, and all about one of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from bot.protocol.json_views import Json, detail_view, page_view
from bot.protocol.ports import Counters
from bot.web.forms import whole_number
from bot.web.pictures import opened
from bot.web.sessions import COMMUNITY, PLATFORM
from core.domain.errors import NotFound
from core.images.formats import HEAD_BYTES, SHOWN_VIDEOS, sniff, sniff_video
from core.search.browse import MAX_LIMIT, Browser

_LIMIT = 100


class BrowsingRoutes:
    """Serves what a page needs to show a collection. Costs nobody's quota, as pictures do."""

    def __init__(self, browser: Browser, counters: Counters) -> None:
        self._browser = browser
        self._counters = counters

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/pictures", self.pictures)
        app.router.add_get("/api/pictures/{id}", self.picture)

    async def pictures(self, request: web.Request) -> web.Response:
        """``GET /api/pictures?collection=&after=&limit=``: a page of them, the newest first."""
        self._counters.request(PLATFORM, "browse")
        query = request.query
        page = await self._browser.page(
            community=COMMUNITY,
            collection=query.get("collection") or None,
            after=query.get("after", ""),
            limit=whole_number(
                query.get("limit", ""), name="limit", default=_LIMIT, low=1, high=MAX_LIMIT
            ),
        )
        response = _fresh(page_view(page))
        response.enable_compression()
        return response

    async def picture(self, request: web.Request) -> web.Response:
        """``GET /api/pictures/<id>``: all that is known of one."""
        detail = await self._browser.detail(request.match_info["id"], community=COMMUNITY)
        size, head = await asyncio.to_thread(_file, detail.path)
        video = SHOWN_VIDEOS.get(sniff_video(head) or "")
        kind = sniff(head) or video
        return _fresh(detail_view(detail, size=size, kind=kind, plays=video is not None))


def _fresh(body: Json) -> web.Response:
    # Captions and dates are as private as the pictures, and change with them.
    return web.json_response(body, headers={"Cache-Control": "private, no-store"})


def _file(path: Path) -> tuple[int, bytes]:
    """How many bytes a picture's file has, and the first of them. Raises NotFound."""
    try:
        file, head, size = opened(path, HEAD_BYTES)
        file.close()
    except OSError:
        raise NotFound(
            "The file of that picture is gone.", remedy="Ask an administrator to reindex."
        ) from None
    return size, head
