"""Files of replies, for the browser that asked to fetch: short-lived, hard to guess."""

from __future__ import annotations

import secrets

from aiohttp import web
from cachetools import TTLCache

from bot.protocol.replies import Document
from bot.web.sessions import requester
from core.domain.errors import NotFound
from core.domain.ports import Clock

_KEPT_S = 300.0
# Two exports of ten files, as large as they may be; older ones make room.
_CAPACITY = 160 * 2**20


class Documents:
    """Keeps files for five minutes, each under an address that only its asker may fetch."""

    def __init__(self, clock: Clock, *, capacity: int = _CAPACITY) -> None:
        self._kept: TTLCache[str, tuple[str, Document]] = TTLCache(
            capacity, _KEPT_S, clock.monotonic, getsizeof=lambda kept: len(kept[1].data)
        )

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/documents/{key}", self.fetch)

    def offer(self, document: Document, request: web.Request) -> str:
        """The address under which whoever sent ``request`` finds the file."""
        key = secrets.token_urlsafe(16)
        self._kept[key] = requester(request), document
        return f"/api/documents/{key}"

    async def fetch(self, request: web.Request) -> web.Response:
        """``GET /api/documents/<key>``: the file, to be saved. Raises NotFound."""
        asker, document = self._kept.get(request.match_info["key"], ("", None))
        if document is None or asker != requester(request):
            raise NotFound("That file is not kept any more.", remedy="Ask for it again.")
        return web.Response(
            body=document.data,
            content_type=document.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{document.name}"',
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "Cache-Control": "no-store",
            },
        )
