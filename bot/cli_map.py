"""The command that draws a collection: map."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.cli_parts import Execute
from bot.collection_map import MapSheets, group_names
from bot.console import Terminal
from bot.engine import open_engine
from bot.sheets import Sheets
from bot.thumbnails import Thumbnails
from bot.words import Words
from config.settings import Settings
from core.errors import SourceError
from core.groups import MAX_GROUPS
from core.mapping import Mapper
from index.library import LOCAL


def add_to(app: typer.Typer, execute: Execute) -> None:
    """Add the command; ``execute`` does its work with the settings."""

    @app.command(name="map")
    def map_(
        context: typer.Context,
        out: Annotated[Path, typer.Argument(metavar="OUT.png", dir_okay=False)],
        collection: Annotated[str | None, typer.Option(help="Its name.")] = None,
        *,
        clusters: Annotated[
            int | None,
            typer.Option(help="Colour so many groups of like pictures.", min=2, max=MAX_GROUPS),
        ] = None,
        query: Annotated[str, typer.Option(help="Mark this text, and what is nearest.")] = "",
        image: Annotated[
            Path | None, typer.Option(help="Mark this picture.", exists=True, dir_okay=False)
        ] = None,
    ) -> None:
        """Draw the collection on a plane (PCA): pictures that look alike lie together."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            words = Words()
            async with open_engine(settings) as engine:
                chart = await Mapper(engine.library, engine.search).draw_up(
                    community=LOCAL,
                    collection=engine.collection_name(collection),
                    groups=clusters or 0,
                    text=query,
                    picture=image,
                )
                thumbnails = Thumbnails(engine.decoder)
                sheets = Sheets(engine.library, engine.decoder, thumbnails)
                try:
                    png = await MapSheets().draw(
                        chart, words, lambda name: sheets.thumbnail(name, LOCAL), text=query
                    )
                finally:
                    await thumbnails.close()
            try:
                await asyncio.to_thread(out.write_bytes, png)
            except OSError as error:
                raise SourceError(
                    f"{out} cannot be written: {error.strerror}.", remedy="Name another file."
                ) from error
            for line in (words.map.explained(*chart.plane.explained), *group_names(chart, words)):
                terminal.note(line)
            terminal.note(f"Wrote {out}.")
            return 0

        execute(context, work)
