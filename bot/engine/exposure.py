"""What the operator is told at the start and by ``tangerine doctor``: who may search what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.chat.claims import LASTS_S, Claims
from bot.engine.engine import Engine
from bot.engine.specs import collection_specs
from bot.terminal.console import Terminal
from config.settings import Settings
from index.library.grants import Grant
from index.library.library import EVERYBODY, CollectionSpec

_PLATFORMS = ("discord", "telegram")


@dataclass(frozen=True, slots=True)
class Openness:
    """A collection that is open to everybody who finds the bot, and the line that closes it."""

    collection: str
    cause: str
    remedy: str


def open_to_everybody(
    specs: Sequence[CollectionSpec], grants: Iterable[Grant]
) -> Sequence[Openness]:
    """The collections that anybody may search: by the settings, or kept so at an upgrade."""
    kept = {each.collection for each in grants if each.community == EVERYBODY}
    found = []
    for spec in specs:
        everybody = f"Everybody who finds the bot may search the collection {spec.name!r}"
        named = 'communities = ["web", "telegram:<chat>"]'
        if EVERYBODY in spec.communities:
            found.append(
                Openness(
                    spec.name,
                    f"{everybody}: its communities hold {EVERYBODY!r}.",
                    f"If that is not meant, name those who may: {named}",
                )
            )
        elif spec.name in kept and not spec.is_named:
            found.append(
                Openness(
                    spec.name,
                    f"{everybody}, as before the upgrade: until then that was the default.",
                    f"Close it: tangerine allow '{EVERYBODY}' --off --collection {spec.name}; or "
                    f"name those who may in the settings: {named}",
                )
            )
    return found


async def tell_who_is_let_in(
    engine: Engine, claims: Claims, terminal: Terminal, *, on_terminal: bool
) -> None:
    """Warn of what is open to everybody; show a code for each platform where nobody is let in.

    Codes are for the eyes of whoever started the program: where standard error is a file or a
    journal (``on_terminal`` is False), the way in is the one that the bot tells in the chat.
    """
    settings, specs = engine.settings, collection_specs(engine.settings)
    opened = [engine.library.spec_of(name) for name in engine.library.names]
    for each in open_to_everybody(specs, engine.grants.all()):
        terminal.warning(each.cause, each.remedy)
    closed = [name.capitalize() for name in _waiting(settings, opened)]
    for platform in closed:
        terminal.note(f"Nobody on {platform} may search yet.")
        if on_terminal:
            minutes, code = round(LASTS_S / 60), await claims.issue()
            terminal.note(f"Send this within {minutes} minutes in the chat that may: /claim {code}")
        else:
            terminal.note("Write to the bot: it answers with the line that lets the chat in.")


def _waiting(settings: Settings, specs: Sequence[CollectionSpec]) -> list[str]:
    """Platforms with a token on which nobody may search anything, not even an operator."""
    tokens = {"discord": settings.discord.token, "telegram": settings.telegram.token}
    named = {name for spec in specs for name in spec.communities}
    return [
        platform
        for platform in _PLATFORMS
        if tokens[platform]
        and EVERYBODY not in named
        and not any(name.startswith(f"{platform}:") for name in named)
    ]
