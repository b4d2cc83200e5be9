"""The map for the page, which draws it itself: where each picture lies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from bot.chat.commands import Commands
from bot.chat.presenters.search import Presenter
from bot.i18n.messages import Words
from bot.rendering.map import group_names
from bot.rendering.map_painter import PALETTE
from bot.web.forms import whole_number
from bot.web.page import wanted_language
from bot.web.sessions import COMMUNITY, neutral
from core.domain.choices import MAX_GROUPS
from core.domain.ports import Library
from core.search.map import CollectionMap, Mark

_CAPTION = 100
_DIGITS = 5


class MapRoutes:
    def __init__(
        self,
        commands: Commands,
        library: Library,
        presenters: Callable[[str], Presenter],
        *,
        admin: bool,
    ) -> None:
        self._commands = commands
        self._library = library
        self._presenters = presenters
        self._admin = admin

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/map", self.map)
        app.router.add_get("/api/map/{id}", self.like)

    async def map(self, request: web.Request) -> web.Response:
        """``GET /api/map?collection=&groups=&q=``: every picture's place, in columns.

        ``groups`` is 0 or 2 to 12; ``q`` is a text to mark. Compressed where the browser takes
        it: 50,000 pictures are some 3 MB, of which gzip leaves a third.
        """
        query = request.query
        groups = whole_number(
            query.get("groups", ""), name="groups", default=0, low=0, high=MAX_GROUPS
        )
        text = query.get("q", "")
        words = self._presenters(wanted_language(request)).words
        chart = await self._commands.map_points(
            neutral(request, admin=self._admin, locale=words.locale),
            collection=query.get("collection", ""),
            groups=groups,
            text=text,
        )
        body = await asyncio.to_thread(map_json, chart, words, text)
        response = web.json_response(body, headers={"Cache-Control": "private, no-store"})
        response.enable_compression()
        return response

    async def like(self, request: web.Request) -> web.Response:
        """``GET /api/map/<id>``: the action that finds pictures like one of the map's."""
        picture, _ = await self._library.picture_file(request.match_info["id"], COMMUNITY)
        words = self._presenters(wanted_language(request)).words
        asked = neutral(request, admin=self._admin, locale=words.locale)
        return web.json_response(
            {
                "action": self._commands.like(picture.id, asked),
                "caption": words.caption(picture.caption, picture.path),
                "thumbnail": f"/pictures/{picture.id}/thumbnail",
            }
        )


def map_json(chart: CollectionMap, words: Words, text: str) -> dict[str, Any]:
    """A map as the page reads it: columns of equal length, places in [0, 1] of its extent.

    ``y`` counts upwards. ``marked`` has the rows that answer ``text``.
    """
    pictures = chart.snapshot.pictures
    names = group_names(chart, words)
    mark = chart.text_mark
    points = chart.plane.points
    places = _shares(points, points)
    return {
        "collection": chart.snapshot.collection,
        "title": words.map.title(chart.snapshot.collection, len(pictures)),
        "note": words.map.explained(*chart.plane.explained),
        "groups": [
            {"name": name, "colour": "#{:02x}{:02x}{:02x}".format(*colour)}
            for name, colour in zip(names, PALETTE, strict=False)
        ],
        "ids": [picture.id for picture in pictures],
        "captions": [words.caption(p.caption, p.path)[:_CAPTION] for p in pictures],
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "group": [] if chart.groups is None else chart.groups.of.tolist(),
        "mark": None if mark is None else _mark_json(mark, chart, words.map.question(text)),
    }


def _mark_json(mark: Mark, chart: CollectionMap, label: str) -> dict[str, Any]:
    at = np.array([[mark.x, mark.y]], dtype=np.float32)
    x, y = np.clip(_shares(at, chart.plane.points)[0], 0.0, 1.0).tolist()
    return {"x": x, "y": y, "label": label, "nearest": list(mark.nearest)}


def _shares(places: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Places as shares of the extent of points; in the middle where that is none."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = (high - low).astype(np.float64)
    wide = np.where(extent > 0, extent, 1.0)
    shares: NDArray[np.float64] = np.where(extent > 0, (places - low) / wide, 0.5)
    return shares.round(_DIGITS)
