"""Who may search: told and changed from the command line, without a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.engine.specs import collection_named
from bot.engine.stored import open_stored
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import BadSetting, NotFound
from core.domain.types import Origin
from index.library.library import EVERYBODY, CollectionSpec

# As a chat that is not let in tells it; a person's direct messages on Discord too.
_COMMUNITY = re.compile(r"web|discord:(dm:)?[0-9]+|telegram:-?[0-9]+")


async def list_communities(settings: Settings, terminal: Terminal, *, json: bool) -> int:
    async with open_stored(settings) as stored:
        found = [
            (spec.name, community, how)
            for spec in stored.specs
            for community, how in _who(spec, stored.grants.of(spec.name))
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


async def allow(
    settings: Settings, terminal: Terminal, *, community: str, collection: str | None
) -> int:
    """Let a community search. Raises BadSetting for what names none."""
    if not _COMMUNITY.fullmatch(community):
        raise BadSetting(
            "“{community}” is no community.",
            remedy="Write discord:<server id> or telegram:<chat id>, as the bot tells it in a "
            "chat that is not let in; '*', for everybody, is written in the settings alone.",
            community=community,
        )
    name = collection_named(settings, collection).name
    async with open_stored(settings, writes=True) as stored:
        new = await stored.grants.grant(name, community, "command line")
    terminal.note(
        f"{community} may search {name} from now on."
        if new
        else f"{community} was let into {name} before."
    )
    return 0


async def withdraw(
    settings: Settings, terminal: Terminal, *, community: str, collection: str | None
) -> int:
    """Let it search no longer. Raises BadSetting where the settings do, NotFound where nobody."""
    spec = collection_named(settings, collection)
    async with open_stored(settings, writes=True) as stored:
        gone = await stored.grants.revoke(spec.name, community)
    if community in spec.communities or EVERYBODY in spec.communities:
        raise BadSetting(
            "The settings let {community} search {collection}.",
            remedy="Take it out of `communities` there, and restart.",
            community=community,
            collection=spec.name,
        )
    if not gone:
        raise NotFound(
            "{community} was not let into {collection}.",
            remedy="See who is: tangerine allow",
            community=community,
            collection=spec.name,
        )
    terminal.note(f"{community} may not search {spec.name} any more.")
    return 0
