"""The commands for the operator: doctor, verify, migrate-database and init."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson, ask, execute

if TYPE_CHECKING:
    from bot.terminal.console import Terminal
    from config.settings import Settings


def add_to(app: typer.Typer) -> None:
    @app.command()
    def verify(
        context: typer.Context,
        *,
        repair: Annotated[
            bool, typer.Option("--repair", help="Make anew what can be; say what cannot.")
        ] = False,
        json: Annotated[bool, typer.Option("--json", help="One JSON object, only.")] = False,
    ) -> None:
        """Check index, catalogue and files against each other; exit 1 where they differ."""
        ask(context, "repair" if repair else "verify", json=json)

    @app.command()
    def doctor(
        context: typer.Context,
        *,
        json: Annotated[bool, typer.Option("--json", help="One JSON object, only.")] = False,
    ) -> None:
        """Check settings, tokens, model, disk and index; exit 1 where something is wrong."""
        from bot.tasks.operations import examine

        raise typer.Exit(examine(context.obj, json=json))

    @app.command(name="migrate-database")
    def migrate_database(
        context: typer.Context,
        source: Annotated[
            str,
            typer.Argument(
                metavar="FROM", help="A data folder, or postgresql://USER@HOST/DATABASE."
            ),
        ],
        target: Annotated[str, typer.Argument(metavar="TO", help="The same, with nothing in it.")],
        *,
        json: AsJson = False,
    ) -> None:
        """Copy all that is kept from one database to another, and compare it."""

        async def work(_: Settings, terminal: Terminal) -> int:
            from bot.tasks.databases import migrate_database as migrate

            return await migrate(terminal, source, target, json=json)

        execute(context, work)

    @app.command()
    def init(
        context: typer.Context,
        out: Annotated[Path, typer.Option(help="The settings file to make.")] = Path(
            "tangerine.toml"
        ),
        gallery: Annotated[
            Path | None, typer.Option(help="Folder of pictures; also TANGERINE_GALLERY.")
        ] = None,
        *,
        data_dir: Annotated[
            Path | None, typer.Option(help="Folder for the index; also TANGERINE_DATA_DIR.")
        ] = None,
        model: Annotated[str | None, typer.Option(help="Model; also TANGERINE_MODEL.")] = None,
        web_port: Annotated[
            int | None, typer.Option(help="Port of the web chat; also TANGERINE_WEB_PORT.")
        ] = None,
        yes: Annotated[
            bool,
            typer.Option(
                "--yes", help="Ask nothing: tokens come from DISCORD_TOKEN and TELEGRAM_TOKEN."
            ),
        ] = False,
    ) -> None:
        """Ask for tokens and folders, try them, and write a settings file."""
        from bot.tasks.operations import write_settings

        raise typer.Exit(
            write_settings(
                context.obj,
                out,
                gallery=gallery,
                data_dir=data_dir,
                model=model,
                web_port=web_port,
                yes=yes,
            )
        )
