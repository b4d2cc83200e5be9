"""Pictures that the web may see, and files of replies, over HTTP."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web
from cachetools import TTLCache

from bot.protocol.replies import Document
from bot.rendering.thumbnails import Thumbnails
from bot.web.sessions import COMMUNITY, requester
from core.domain.errors import BadCount, NotFound
from core.domain.ports import Clock, Library
from core.domain.types import UPLOADED, Picture
from core.images.formats import sniff_video

THUMBNAIL_EDGES = (240, 360, 480, 960)
"""Pixels of the longer edge of thumbnails: few sizes, so that few are made and kept."""

THUMBNAIL_EDGE = 360
_LARGE_EDGE = 2048
_HEAD = 16
_CHUNK = 256 * 1024
_DAY_S = 86_400.0
_VIDEO_TYPES = {"MP4": "video/mp4", "MATROSKA": "video/webm"}

# A picture may also be valid as another kind of file: nothing inside it may run.
_SANDBOX = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def browser_type(head: bytes) -> str | None:
    """The media type of a picture that browsers show, by its first 16 bytes, else None.

    File names are not asked: they may say anything.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis"}:
        return "image/avif"
    return None


def video_type(head: bytes) -> str | None:
    """The media type of a video that browsers may play, by its first 16 bytes, else None."""
    return _VIDEO_TYPES.get(sniff_video(head) or "")


class PictureRoutes:
    """Serves pictures and thumbnails with the content hash as their entity tag."""

    def __init__(self, library: Library, thumbnails: Thumbnails) -> None:
        self._library = library
        self._thumbnails = thumbnails

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/pictures/{id}", self.picture)
        app.router.add_get("/pictures/{id}/thumbnail", self.thumbnail)

    async def thumbnail(self, request: web.Request) -> web.StreamResponse:
        """``GET /pictures/<id>/thumbnail?edge=``: a JPEG of at most 360 x 360 pixels.

        ``edge`` may be one of :data:`THUMBNAIL_EDGES`; ``at``: of a picture that moves the frame
        at this second.
        """
        edge, at_s = _edge(request.query.get("edge", "")), _second(request.query.get("at", ""))
        picture, path = await self._library.picture_file(request.match_info["id"], COMMUNITY)
        return await self._jpeg(request, picture, path, edge, at_s)

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """``GET /pictures/<id>``: the file, or a JPEG of it where browsers do not show it.

        With ``download=1`` it is the file in any case, to be kept under its own name; with
        ``play=1`` that of a video, any part of which may be asked for.
        """
        picture, path = await self._library.picture_file(request.match_info["id"], COMMUNITY)
        download = request.query.get("download", "") not in {"", "0"}
        tag = f'"{picture.sha256}"'
        if _known(request, tag) and not download:
            return _not_modified(tag)
        try:
            file, head, size = await asyncio.to_thread(opened, path)
        except OSError:
            raise NotFound(
                "The file of that picture is gone.", remedy="Ask an administrator to reindex."
            ) from None
        try:
            media_type = browser_type(head)
            if request.query.get("play") == "1" and (played := video_type(head)) is not None:
                return web.FileResponse(path, headers=_headers("", played))
            if media_type is None and not download:
                return await self._jpeg(request, picture, path, _LARGE_EDGE)
            headers = _headers(tag, media_type or "application/octet-stream")
            if download:
                headers["Content-Disposition"] = attachment(_name(picture, path))
            response = web.StreamResponse(headers=headers)
            response.content_length = size
            await response.prepare(request)
            if request.method == "HEAD":
                return response
            left = size
            while left and (chunk := await asyncio.to_thread(file.read, min(_CHUNK, left))):
                left -= len(chunk)
                await response.write(chunk)
            if left:
                raise NotFound("The file of that picture was cut short.", remedy="Try again.")
            await response.write_eof()
            return response
        finally:
            file.close()

    async def _jpeg(
        self,
        request: web.Request,
        picture: Picture,
        path: Path,
        edge: int,
        at_s: float | None = None,
    ) -> web.StreamResponse:
        at = "" if at_s is None else f"-{at_s}"
        tag = f'"{picture.sha256}-{edge}{at}"'
        if _known(request, tag):
            return _not_modified(tag)
        of_folder = not picture.path.startswith(UPLOADED)
        jpeg = await self._thumbnails.get(
            picture.sha256, path, edge, of_folder=of_folder, at_s=at_s
        )
        return web.Response(body=jpeg, headers=_headers(tag, "image/jpeg"))


def attachment(name: str) -> str:
    """The Content-Disposition under which a browser keeps a file by this name.

    As RFC 6266 advises, twice: in ASCII for old programs, and percent-escaped UTF-8 (RFC 8187).
    What is no letter to be seen, and what has a meaning in paths, is left out.
    """
    seen = "".join(
        each for each in name if unicodedata.category(each)[0] != "C" and each not in '/\\:"'
    )
    seen = seen.strip(" .") or "picture"
    plain = "".join(each if each.isascii() and each != "%" else "_" for each in seen)
    escaped = quote(seen, safe="!#$&+-.^_`|~", encoding="utf-8")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}"


def _name(picture: Picture, path: Path) -> str:
    if picture.path.startswith(UPLOADED):
        return f"{picture.id}{path.suffix}"
    return PurePosixPath(picture.path).name


def _edge(text: str) -> int:
    if text.strip() == "":
        return THUMBNAIL_EDGE
    edge = next((each for each in THUMBNAIL_EDGES if str(each) == text.strip()), None)
    if edge is None:
        allowed = ", ".join(map(str, THUMBNAIL_EDGES))
        raise BadCount(
            "There are no thumbnails of that size.", remedy="Choose one of: {names}.", names=allowed
        )
    return edge


def _second(text: str) -> float | None:
    try:
        second = round(float(text), 3) if text.strip() else None
    except ValueError:
        second = -1.0
    if second is not None and not 0 <= second <= _DAY_S:
        raise BadCount("There is no such second.", remedy="Give seconds from the beginning.")
    return second


def opened(path: Path, head_bytes: int = _HEAD) -> tuple[BinaryIO, bytes, int]:
    """A file at its beginning, its first bytes, and its size in bytes. Raises OSError."""
    file = path.open("rb")
    try:
        head = file.read(head_bytes)
        size = file.seek(0, 2)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, head, size


def _headers(tag: str, media_type: str) -> dict[str, str]:
    # no-cache: kept, but asked for every time, so that a removed picture is gone at once.
    return {
        "Content-Type": media_type,
        **({"ETag": tag} if tag else {}),
        "Cache-Control": "private, no-cache",
        **_SANDBOX,
    }


def _known(request: web.Request, tag: str) -> bool:
    known = request.headers.get("If-None-Match", "")
    return tag in {part.strip().removeprefix("W/") for part in known.split(",")}


def _not_modified(tag: str) -> web.Response:
    return web.Response(status=304, headers={"ETag": tag, "Cache-Control": "private, no-cache"})


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
        """The address under which the sender of ``request`` finds the file."""
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
