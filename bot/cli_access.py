"""``tangerine allow``: which communities may search, for whoever runs the bot."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated

import typer

from bot.cli_parts import AsJson, CollectionName, Execute
from bot.console import Terminal
from bot.engine import collection_named, collection_specs, open_grants
from config.settings import Settings
from core.errors import BadSetting, NotFound
from core.types import Origin
from index.library import EVERYBODY, CollectionSpec

# As a chat that is not let in tells it; a person's direct messages on Discord too.
_COMMUNITY = re.compile(r"web|discord:(dm:)?[0-9]+|telegram:-?[0-9]+")


def add_to(app: typer.Typer, execute: Execute) -> None:
    """Add the command; ``execute`` does its work with the settings."""

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
        if community is None:
            execute(context, partial(_list, json=json))
        else:
            change = _withdraw if off else _allow
            execute(context, partial(change, community=community, collection=collection))


async def _list(settings: Settings, terminal: Terminal, *, json: bool) -> int:
    async with open_grants(settings) as grants:
        found = [
            (spec.name, community, how)
            for spec in collection_specs(settings)
            for community, how in _who(spec, grants.of(spec.name))
        ]
    if json:
        keys = ("collection", "community", "by")
        terminal.json({"communities": [dict(zip(keys, each, strict=True)) for each in found]})
    else:
        terminal.table(("collection", "community", "let in by"), found)
    return 0


def _who(spec: CollectionSpec, granted: Mapping[str, Origin]) -> Sequence[tuple[str, str]]:
    named = [(community, "settings") for community in sorted(spec.communities)]
    opened = spec.opened(granted, ()).communities - spec.communities
    return [*named, *((community, granted[community]) for community in sorted(opened))]


async def _allow(
    settings: Settings, terminal: Terminal, *, community: str, collection: str | None
) -> int:
    if not _COMMUNITY.fullmatch(community):
        raise BadSetting(
            f"{community!r} is no community.",
            remedy="Write discord:<server id> or telegram:<chat id>, as the bot tells it in a "
            "chat that is not let in; '*', for everybody, is written in the settings alone.",
        )
    name = collection_named(settings, collection).name
    async with open_grants(settings) as grants:
        new = await grants.grant(name, community, "command line")
    terminal.note(
        f"{community} may search {name} from now on."
        if new
        else f"{community} was let into {name} before."
    )
    return 0


async def _withdraw(
    settings: Settings, terminal: Terminal, *, community: str, collection: str | None
) -> int:
    spec = collection_named(settings, collection)
    async with open_grants(settings) as grants:
        gone = await grants.revoke(spec.name, community)
    if community in spec.communities or EVERYBODY in spec.communities:
        raise BadSetting(
            f"The settings let {community} search {spec.name}.",
            remedy="Take it out of `communities` there, and restart.",
        )
    if not gone:
        raise NotFound(
            f"{community} was not let into {spec.name}.", remedy="See who is: tangerine allow"
        )
    terminal.note(f"{community} may not search {spec.name} any more.")
    return 0
