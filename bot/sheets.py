"""Draws the pictures of a reply off the event loop, from thumbnails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.pictures import QUERY_TILE, Painter, Tile
from bot.replies import ContactSheet, LabelBars, Pictures
from bot.thumbnails import Thumbnails
from core.errors import TangerineError
from core.ports import Library, PictureDecoder

_EDGE = 320


class Sheets:
    """Contact sheets and bars for platforms that show one picture instead of many."""

    def __init__(
        self,
        library: Library,
        decoder: PictureDecoder,
        thumbnails: Thumbnails,
        painter: Painter | None = None,
    ) -> None:
        self._library = library
        self._decoder = decoder
        self._thumbnails = thumbnails
        self._painter = painter or Painter()

    async def contact_sheet(
        self, query: bytes | str | None, label: str, pictures: Pictures, community: str
    ) -> ContactSheet:
        """The query (bytes of a picture, or a picture's id) beside the hits.

        A hit whose file is gone or broken leaves an empty frame. Raises BadPicture and its
        kin for the query alone.
        """
        if isinstance(query, str):
            jpeg = await self._thumbnail(query, community)
        elif query is not None:
            jpeg = await self._decoder.thumbnail(query, QUERY_TILE)
        else:
            jpeg = None
        jpegs = await asyncio.gather(
            *(self._thumbnail(card.id, community) for card in pictures.cards)
        )
        tiles: Sequence[Tile] = [
            Tile(card.number, card.caption, card.score_text, card.band, thumbnail)
            for card, thumbnail in zip(pictures.cards, jpegs, strict=True)
        ]
        png = await asyncio.to_thread(self._painter.contact_sheet, jpeg, label, tiles)
        return ContactSheet(png, " ".join(card.alt for card in pictures.cards))

    async def label_bars(self, bars: LabelBars) -> LabelBars:
        """The same bars with their drawing."""
        png = await asyncio.to_thread(self._painter.label_bars, bars.bars)
        return LabelBars(bars.bars, bars.alt, png)

    async def _thumbnail(self, picture_id: str, community: str) -> bytes | None:
        try:
            picture, path = await self._library.picture_file(picture_id, community)
            return await self._thumbnails.get(picture.sha256, path, _EDGE)
        except TangerineError:
            return None
