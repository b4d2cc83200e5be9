"""The command that draws a collection: map."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import ask, in_a_folder
from core.domain.choices import MAX_GROUPS


def add_to(app: typer.Typer) -> None:
    @app.command(name="map")
    def map_(
        context: typer.Context,
        out: Annotated[
            Path, typer.Argument(metavar="OUT.png", dir_okay=False, callback=in_a_folder)
        ],
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
        ask(
            context,
            "map",
            out=out,
            collection=collection,
            groups=clusters or 0,
            query=query,
            image=image,
        )
