"""The commands that take a collection elsewhere, or bring a chat's history: export and import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson, CollectionName, ask, execute

if TYPE_CHECKING:
    from bot.terminal.console import Terminal
    from config.settings import Settings


def add_to(app: typer.Typer) -> None:
    @app.command(name="export")
    def export_(
        context: typer.Context,
        folder: Annotated[
            Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")
        ],
        collection: CollectionName = None,
        *,
        json: AsJson = False,
    ) -> None:
        """Copy a collection into a folder: pictures, captions.csv, vectors, uploads, labels."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.tasks.collections import export_collection

            return await export_collection(settings, terminal, folder, collection, json=json)

        execute(context, work)

    @app.command(name="import")
    def import_(
        context: typer.Context,
        folder: Annotated[
            Path,
            typer.Argument(
                metavar="DIR", help="A folder that export has made.", exists=True, file_okay=False
            ),
        ],
        collection: CollectionName = None,
        *,
        json: AsJson = False,
    ) -> None:
        """Make an exported folder a collection, without encoding where the model is the same."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.tasks.collections import import_collection

            return await import_collection(settings, terminal, folder, collection, json=json)

        execute(context, work)

    @app.command(name="import-chat")
    def import_chat(
        context: typer.Context,
        platform: Annotated[
            str, typer.Argument(metavar="telegram", help="Which app made the export.")
        ],
        export: Annotated[
            Path,
            typer.Argument(
                metavar="EXPORT.json",
                help="The file result.json of an export.",
                exists=True,
                dir_okay=False,
            ),
        ],
        community: Annotated[
            str, typer.Option(help="Whose history it is, as telegram:-1001234567890.")
        ],
        *,
        json: AsJson = False,
    ) -> None:
        """Bring the history of a chat that takes posts in; again, only what is new."""
        if platform != "telegram":
            raise typer.BadParameter("only exports of telegram can be imported")
        ask(context, "import-chat", export=str(export.resolve()), community=community, json=json)
