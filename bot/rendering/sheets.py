"""Draws the pictures of a reply off the event loop, from thumbnails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bot.protocol.replies import CaptionList, ContactSheet, LabelBars, Pictures
from bot.rendering.contact_sheet import Painter, Tile
from bot.rendering.text import reads_leftwards
from bot.rendering.thumbnails import Thumbnails
from core.domain.errors import TangerineError
from core.domain.ports import Library
from core.domain.types import Picture, Pixels
from core.domain.viewer import Viewer
from core.search.ports import THUMBNAIL_EDGE

Locate = Callable[[str], Awaitable[tuple[Picture, Path]]]
"""Finds a picture and its file by its id. Raises NotFound."""


class Sheets:
    """Contact sheets and bars for platforms that show one picture instead of many."""

    def __init__(
        self,
        library: Library,
        thumbnails: Thumbnails,
        painter: Painter | None = None,
    ) -> None:
        self._library = library
        self._thumbnails = thumbnails
        self._painter = painter or Painter()

    async def contact_sheet(
        self, query: Pixels | str | None, label: str, pictures: Pictures, community: Viewer | str
    ) -> ContactSheet:
        """The query (a posted picture, or a picture's id) beside the hits.

        A hit whose file is gone or broken leaves an empty frame.
        """
        shown = await self.thumbnail(query, community) if isinstance(query, str) else query
        jpegs = await asyncio.gather(
            *(self.thumbnail(card.id, community, card.at_s) for card in pictures.cards)
        )
        tiles: Sequence[Tile] = [
            Tile(card.number, card.caption, card.score_text, card.band, thumbnail)
            for card, thumbnail in zip(pictures.cards, jpegs, strict=True)
        ]
        return await self._painted(shown, label, tiles, [card.alt for card in pictures.cards])

    async def located(self, pictures: Pictures, locate: Locate) -> ContactSheet:
        """Pictures that no community may fetch by their ids, from where ``locate`` finds them."""

        async def jpeg(picture_id: str) -> bytes | None:
            try:
                picture, path = await locate(picture_id)
                return await self._thumbnails.get(picture.sha256, path, THUMBNAIL_EDGE)
            except TangerineError:
                return None

        jpegs = await asyncio.gather(*(jpeg(card.id) for card in pictures.cards))
        tiles = [
            Tile(card.number, card.caption, card.score_text, card.band, found)
            for card, found in zip(pictures.cards, jpegs, strict=True)
        ]
        return await self._painted(None, "", tiles, [card.alt for card in pictures.cards])

    async def captions_sheet(
        self, query: Pixels | None, label: str, captions: CaptionList, community: Viewer | str
    ) -> ContactSheet:
        """The described picture beside those that carry the captions.

        Otherwise as :meth:`contact_sheet`.
        """
        jpegs = await asyncio.gather(
            *(self.thumbnail(line.picture_id, community) for line in captions.lines)
        )
        tiles = [
            Tile(line.number, line.caption, line.score_text, None, thumbnail)
            for line, thumbnail in zip(captions.lines, jpegs, strict=True)
        ]
        return await self._painted(query, label, tiles, [line.alt for line in captions.lines])

    async def _painted(
        self, query: Pixels | bytes | None, label: str, tiles: Sequence[Tile], alts: Sequence[str]
    ) -> ContactSheet:
        # Unlike captions, what describes a picture is in the language of whoever reads it.
        rtl = bool(alts) and reads_leftwards(alts[0])
        paint = partial(self._painter.contact_sheet, query, label, tiles, rtl=rtl)
        return ContactSheet(await asyncio.to_thread(paint), " ".join(alts))

    async def label_bars(self, bars: LabelBars) -> LabelBars:
        png = await asyncio.to_thread(self._painter.label_bars, bars.bars, rtl=bars.rtl)
        return replace(bars, png=png)

    async def thumbnail(
        self, picture_id: str, community: Viewer | str, at_s: float | None = None
    ) -> bytes | None:
        """A JPEG of at most 320 x 320 pixels, None where the community may not see it.

        ``at_s``: of a picture that moves the frame at this second.
        """
        try:
            picture, path = await self._library.picture_file(picture_id, community)
            return await self._thumbnails.get(picture.sha256, path, THUMBNAIL_EDGE, at_s=at_s)
        except TangerineError:
            return None
