"""``tangerine allow``: which communities may search, for the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson, CollectionName, execute

if TYPE_CHECKING:
    from bot.terminal.console import Terminal
    from config.settings import Settings


def add_to(app: typer.Typer) -> None:
    @app.command()
    def allow(
        context: typer.Context,
        community: Annotated[
            str | None,
            typer.Argument(metavar="[COMMUNITY]", help="As discord:123 or telegram:-100123."),
        ] = None,
        collection: CollectionName = None,
        *,
        off: Annotated[bool, typer.Option("--off", help="Let it search no longer.")] = False,
        json: AsJson = False,
    ) -> None:
        """Let a community search, at once and without a restart; without one, say who may."""

        async def work(settings: Settings, terminal: Terminal) -> int:
            from bot.tasks import access as work_access

            if community is None:
                return await work_access.list_communities(settings, terminal, json=json)
            change = work_access.withdraw if off else work_access.allow
            return await change(settings, terminal, community=community, collection=collection)

        execute(context, work)
