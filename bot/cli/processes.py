"""The commands of processes beside a bot: encoder, worker and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson, execute

if TYPE_CHECKING:
    from bot.terminal.console import Terminal
    from config.settings import Settings


def add_to(app: typer.Typer) -> None:
    @app.command()
    def encoder(
        context: typer.Context,
        host: Annotated[
            str | None, typer.Option(help="Address to listen on; also TANGERINE_ENCODER__HOST.")
        ] = None,
        port: Annotated[
            int | None,
            typer.Option(help="0 = any free one; also TANGERINE_ENCODER__PORT.", min=0, max=65_535),
        ] = None,
    ) -> None:
        """Serve the model over HTTP, for bots that have TANGERINE_ENCODER_URLS."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.app.encoder import serve_encoder

            given = {"host": host, "port": port}
            ours = settings.encoder.model_copy(
                update={name: value for name, value in given.items() if value is not None}
            )
            await serve_encoder(settings.model_copy(update={"encoder": ours}), terminal)
            return 0

        execute(context, work)

    @app.command()
    def worker(context: typer.Context) -> None:
        """Reindex, read words and clear up for bots that share TANGERINE_DATABASE_URL."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.app.worker import work as work_until_stopped

            await work_until_stopped(settings, terminal)
            return 0

        execute(context, work)

    @app.command()
    def jobs(
        context: typer.Context,
        *,
        cancel: Annotated[
            int | None, typer.Option(metavar="ID", help="End this one, whoever is at it.")
        ] = None,
        json: AsJson = False,
    ) -> None:
        """List what nodes that share TANGERINE_DATABASE_URL reindex, or cancel it."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.tasks.jobs import jobs as told

            return await told(settings, terminal, cancel=cancel, json=json)

        execute(context, work)
