"""Pictures that Discord shows by components, of which it tells no size."""

from __future__ import annotations

import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.discord.attachments import FetchBounds, PostedPicture, _OnCdn
from core.domain.errors import NotFound, PictureTooLarge, Unavailable

_BOUNDS = FetchBounds(max_bytes=300_000)


class Cdn:
    """A server of files: an endless one, one that leads elsewhere, and a small picture."""

    def __init__(self) -> None:
        self.sent = 0

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application()
        app.router.add_get("/endless", self.endless)
        app.router.add_get("/elsewhere", self.elsewhere)
        app.router.add_get("/small", self.small)
        return app

    async def endless(self, request: web.Request) -> web.StreamResponse:
        """Bytes until the other side has had enough."""
        response = web.StreamResponse()
        await response.prepare(request)
        while self.sent < 50_000_000:
            await response.write(b"x" * 65_536)
            self.sent += 65_536
        return response

    async def elsewhere(self, request: web.Request) -> web.Response:
        """A redirection, as to a machine inside of somebody's network."""
        raise web.HTTPFound(str(request.url.with_path("/small")))

    async def small(self, request: web.Request) -> web.Response:
        """A whole picture."""
        del request
        return web.Response(body=b"picture")


async def _read(server: TestServer, path: str) -> bytes:
    media = discord.UnfurledMediaItem(str(server.make_url(path)))
    return await PostedPicture(_OnCdn(media.url, _BOUNDS.max_bytes), None, _BOUNDS).read()


async def test_media_without_a_size_is_read_within_bounds() -> None:
    """Reading ends with the first byte too many, and no redirection is followed."""
    cdn = Cdn()
    async with TestServer(cdn.app()) as server:
        assert await _read(server, "/small") == b"picture"
        with pytest.raises(PictureTooLarge):
            await _read(server, "/endless")
        with pytest.raises(NotFound):
            await _read(server, "/gone")
        with pytest.raises(Unavailable):
            await _read(server, "/elsewhere")
    # What the sockets of both sides take is sent before the reader is known to be gone.
    assert cdn.sent < 20_000_000
