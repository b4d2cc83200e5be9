"""``tangerine moderate``: criteria of any community, and dry runs, for the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson, CollectionName, ask
from core.domain.choices import Strictness

Words = Annotated[str, typer.Argument(metavar="CRITERION", help="What not to show.")]
Community = Annotated[str, typer.Option("--community", help="As discord:123 or telegram:-100.")]

_WEB = "web"


def add_to(app: typer.Typer) -> None:
    moderate = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Hold pictures back by criteria in words, as /moderation does.",
    )
    app.add_typer(moderate, name="moderate")

    @moderate.command(name="list")
    def list_(context: typer.Context, community: Community = _WEB, *, json: AsJson = False) -> None:
        """Say which criteria a community has, and how many pictures wait for a decision."""
        ask(context, "moderate-list", community=community, json=json)

    @moderate.command()
    def add(
        context: typer.Context,
        criterion: Words,
        community: Community = _WEB,
        strictness: Annotated[
            Strictness, typer.Option(help="low, normal or high.")
        ] = Strictness.NORMAL,
        *,
        age: Annotated[
            bool, typer.Option("--age", help="Show what it holds in age-restricted channels.")
        ] = False,
    ) -> None:
        """Hold what meets a criterion, from now on."""
        ask(
            context,
            "moderate-add",
            criterion=criterion,
            strictness=strictness.value,
            age=age,
            community=community,
        )

    @moderate.command()
    def remove(context: typer.Context, criterion: Words, community: Community = _WEB) -> None:
        """Give a criterion up; decisions stay."""
        ask(context, "moderate-remove", criterion=criterion, community=community)

    @moderate.command()
    def test(
        context: typer.Context,
        criterion: Words,
        community: Community = _WEB,
        collection: CollectionName = None,
        *,
        k: Annotated[int, typer.Option("-k", help="How many pictures.", min=1, max=1000)] = 10,
        labels: Annotated[
            Path | None,
            typer.Option(
                help="CSV of path,yes|no: measures average precision.", exists=True, dir_okay=False
            ),
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Show what a criterion would hold, without holding it."""
        ask(
            context,
            "moderate-test",
            criterion=criterion,
            community=community,
            collection=collection,
            k=k,
            labels=labels,
            json=json,
        )
