"""What ``tangerine map`` does: draw a collection."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from bot.i18n.messages import Words
from bot.rendering.map import MapSheets, group_names
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from bot.terminal.console import Terminal
from core.search.map import Mapper
from index.library.library import LOCAL

if TYPE_CHECKING:
    from bot.engine.engine import Engine


async def draw_map(
    engine: Engine,
    terminal: Terminal,
    *,
    out: Path,
    collection: str | None,
    groups: int,
    query: str,
    image: Path | None,
) -> int:
    """The task ``map``. Raises SourceError where the picture cannot be written."""
    words = Words()
    chart = await Mapper(engine.library, engine.search).draw_up(
        community=LOCAL,
        collection=engine.collection_name(collection),
        groups=groups,
        text=query,
        picture=image,
    )
    thumbnails = Thumbnails(engine.decoder)
    sheets = Sheets(engine.library, thumbnails)
    try:
        png = await MapSheets().draw(
            chart, words, lambda name: sheets.thumbnail(name, LOCAL), text=query
        )
    finally:
        await thumbnails.close()
    await asyncio.to_thread(terminal.save, out, png)
    for line in (words.map.explained(*chart.plane.explained), *group_names(chart, words)):
        terminal.note(line)
    terminal.note(f"Wrote {out}.")
    return 0
