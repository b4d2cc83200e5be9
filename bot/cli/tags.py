"""``tangerine tag``: give every picture of a collection the label that fits it best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson, CollectionName, ask, in_a_folder


def add_to(app: typer.Typer) -> None:
    @app.command()
    def tag(
        context: typer.Context,
        labels: Annotated[
            Path | None,
            typer.Option(help="Text file, one label a line.", exists=True, dir_okay=False),
        ] = None,
        collection: CollectionName = None,
        out: Annotated[
            Path | None,
            typer.Option(
                help="CSV to write: path, label, score.", dir_okay=False, callback=in_a_folder
            ),
        ] = None,
        *,
        clear: Annotated[bool, typer.Option("--clear", help="Forget all labels.")] = False,
        json: AsJson = False,
    ) -> None:
        """Tag every picture with the label that fits it best, to find by label:NAME."""
        if (labels is None) != clear or (clear and out is not None):
            raise typer.BadParameter("Give either --labels FILE or --clear alone.")
        if labels is None:
            ask(context, "clear-tags", collection=collection, json=json)
        else:
            ask(context, "tag", labels=labels, collection=collection, out=out, json=json)
