"""Maps as replies: a picture for every platform, and what the page draws itself."""

from __future__ import annotations

from bot.chat.parser import Invocation
from bot.chat.presenters.search import Presenter
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from bot.rendering.map import MapSheets, group_names
from bot.rendering.sheets import Sheets
from core.search.map import CollectionMap, Mapper


class Maps:
    def __init__(self, mapper: Mapper, sheets: Sheets, maps: MapSheets | None = None) -> None:
        self._mapper = mapper
        self._sheets = sheets
        self._maps = maps or MapSheets()

    async def asked(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """The map, with what was asked marked on it. Raises what the mapper raises."""
        text = invocation.text("query")
        groups = invocation.number("groups") or 0
        collection = invocation.text("collection")
        photos = request.asked_pictures
        chart = await self._mapper.draw_up(
            community=request.viewer,
            collection=collection or None,
            groups=groups,
            text=text,
            picture=await photos[0].read() if photos else None,
        )
        words = presenter.words
        png = await self._maps.draw(
            chart, words, lambda name: self._sheets.thumbnail(name, request.viewer), text=text
        )
        names = group_names(chart, words)
        return presenter.map(chart, png, names, collection=collection, count=groups, text=text)

    async def points(
        self, request: Request, *, collection: str, groups: int, text: str
    ) -> CollectionMap:
        """The map for a page that draws it itself. Raises what the mapper raises."""
        return await self._mapper.draw_up(
            community=request.viewer, collection=collection or None, groups=groups, text=text
        )
