"""The web page over a listing that is made up: 100,000 pictures without a collection behind them.

What is measured with it is the page alone, in a browser. Thumbnails are real JPEGs of six
shapes in several colours, so that decoding and painting them costs what it does.
"""

from __future__ import annotations

import base64
import functools
import io
from typing import Any

import numpy as np
from aiohttp import web
from PIL import Image

from bot.chat.languages import Languages
from bot.web.errors import add_security_headers
from bot.web.page import StaticFiles

_SHAPES = ((4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (1, 1))
_LOOKS = 8
_LONGEST = 2400
_HITS = 300
_STRONG = 8
_CLOSE = 14


def build(count: int) -> web.Application:
    """The page, and a listing of so many pictures."""
    app = web.Application()
    app.on_response_prepare.append(add_security_headers)
    files = StaticFiles()
    page = files.page(Languages().presenter("en").words)

    async def shown(request: web.Request) -> web.Response:
        del request
        return web.Response(body=page, content_type="text/html", charset="utf-8")

    async def static(request: web.Request) -> web.Response:
        return files.respond(request, request.match_info["name"])

    async def pictures(request: web.Request) -> web.Response:
        first = int(request.query.get("after", "0"))
        end = min(count, first + int(request.query.get("limit", "200")))
        return web.json_response(
            {
                "collection": "made-up",
                "total": count,
                "pictures": [_listed(number) for number in range(first, end)],
                "next": str(end) if end < count else None,
            }
        )

    async def details(request: web.Request) -> web.Response:
        listed = _listed(_number(request))
        more = {"captions": [listed["caption"]], "path": f"{listed['id']}.jpg", "bytes": 2_100_000}
        return web.json_response({**listed, **more, "labels": ["animal", "outdoors"]})

    async def hits(request: web.Request) -> web.Response:
        first, k = (int(request.query.get(name, "0")) for name in ("offset", "k"))
        found = [_hit(rank) for rank in range(first, min(_HITS, first + k))]
        shown = first + len(found)
        counts = {"strong": min(_STRONG, shown), "fair": min(_CLOSE, shown) - min(_STRONG, shown)}
        body = {"query": "", "collection": "made-up", "hits": found, "more": shown < _HITS}
        return web.json_response({**body, **counts})

    async def thumbnail(request: web.Request) -> web.Response:
        edge = int(request.query.get("edge", "360"))
        return _jpeg(_jpeg_of(*_look(_number(request)), edge))

    async def picture(request: web.Request) -> web.Response:
        return _jpeg(_jpeg_of(*_look(_number(request)), _LONGEST))

    async def welcome(request: web.Request) -> web.Response:
        del request
        topics = ["sunset at the sea", "dogs", "old cars", "snow"]
        summary = f"{count:,} pictures"
        return web.json_response(
            {"summary": summary, "topics": topics, "examples": [], "max_mib": 10, "commands": []}
        )

    async def progress(request: web.Request) -> web.Response:
        del request
        return web.json_response({"running": []})

    app.router.add_get("/", shown)
    app.router.add_get("/p/{id}", shown)
    app.router.add_get("/static/{name}", static)
    app.router.add_get("/api/pictures", pictures)
    app.router.add_get("/api/pictures/{id}", details)
    app.router.add_get("/api/pictures/{id}/similar", hits)
    app.router.add_get("/api/find", hits)
    app.router.add_get("/api/welcome", welcome)
    app.router.add_get("/api/progress", progress)
    app.router.add_get("/pictures/{id}", picture)
    app.router.add_get("/pictures/{id}/thumbnail", thumbnail)
    return app


def _number(request: web.Request) -> int:
    return int(request.match_info["id"][1:])


def _jpeg(data: bytes) -> web.Response:
    headers = {"Cache-Control": "private, max-age=60"}
    return web.Response(body=data, content_type="image/jpeg", headers=headers)


def _look(number: int) -> tuple[int, int]:
    # Without a period, or rows would repeat and be laid out alike.
    mixed = (number * 2_654_435_761) % 2**32 >> 8
    return mixed % len(_SHAPES), mixed // 7 % _LOOKS


def _listed(number: int) -> dict[str, Any]:
    shape, look = _look(number)
    width, height = _size(shape, 4000)
    return {
        "id": f"p{number:07d}",
        "caption": f"picture number {number}",
        "width": width,
        "height": height,
        "placeholder": _placeholder(shape, look),
        "date": 1_700_000_000 - 3600 * number,
    }


def _hit(rank: int) -> dict[str, Any]:
    band = "strong" if rank < _STRONG else "fair" if rank < _CLOSE else "weak"
    score = round(0.42 - 0.001 * rank, 3)
    told = {"match": score, "score": score, "band": band, "found_by": "both", "rank": rank + 1}
    return {**_listed(3 * rank + 1), **told, "path": "", "tag": None}


def _size(shape: int, longest: int) -> tuple[int, int]:
    wide, high = _SHAPES[shape]
    return longest * wide // max(wide, high), longest * high // max(wide, high)


@functools.cache
def _jpeg_of(shape: int, look: int, edge: int) -> bytes:
    buffer = io.BytesIO()
    _drawn(shape, look).resize(_size(shape, edge)).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


@functools.cache
def _placeholder(shape: int, look: int) -> str:
    buffer = io.BytesIO()
    _drawn(shape, look).resize(_size(shape, 12)).save(buffer, "WEBP", quality=40)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@functools.cache
def _drawn(shape: int, look: int) -> Image.Image:
    rng = np.random.default_rng(10 * shape + look)
    coarse = Image.fromarray(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(_size(shape, 960), Image.Resampling.BICUBIC), np.float32)
    grain = rng.normal(0, 9, smooth.shape)
    return Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
