"""Reloads settings while the program runs, as far as they can change without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from bot.chat.access_list import Roster
from bot.chat.presenters.settings import OperatorDefaults
from bot.engine.specs import operators
from bot.terminal.console import Terminal
from config.settings import Settings, WrongSettingError
from core.domain.rate_limits import Quota, RateLimiter
from core.search.rules import SearchRules
from core.search.service import Search

LIVE = frozenset(
    {
        "discord.admins",
        "discord.adders",
        "limits.admin_per_day",
        "limits.admin_per_minute",
        "limits.community_per_day",
        "limits.community_per_minute",
        "limits.enabled",
        "limits.per_day",
        "limits.per_minute",
        "limits.picture_cooldown_s",
        "limits.text_cooldown_s",
        "logs.format",
        "logs.level",
        "search.max_query",
        "search.results",
        "search.text_weight",
        "search.timeout_s",
        "telegram.admins",
        "telegram.adders",
    }
)
"""Settings that take effect at once; all others wait for the next start."""


@dataclass(frozen=True, slots=True)
class Live:
    limits: RateLimiter
    search: Search
    defaults: OperatorDefaults
    discord: Roster
    telegram: Roster
    configure_logs: Callable[[Settings], None]
    change_operators: Callable[[frozenset[str]], None]

    @classmethod
    def rosters(cls, settings: Settings) -> tuple[Roster, Roster]:
        return (
            Roster(settings.discord.admins, settings.discord.adders),
            Roster(settings.telegram.admins, settings.telegram.adders),
        )

    def take(self, settings: Settings) -> None:
        """Apply these settings from now on. Quotas keep what they have counted."""
        self.limits.change(**quotas(settings))
        self.search.change_rules(search_rules(settings))
        self.defaults.count = settings.search.results
        self.defaults.cooldown_s = cooldowns(settings)
        self.discord.change(settings.discord.admins, settings.discord.adders)
        self.telegram.change(settings.telegram.admins, settings.telegram.adders)
        self.change_operators(operators(settings))
        self.configure_logs(settings)


def quotas(settings: Settings) -> dict[str, Any]:
    """The quotas of the settings, as :class:`core.domain.rate_limits.RateLimiter` names them."""
    limits = settings.limits
    person = Quota(limits.cooldown_s, per_minute=limits.per_minute, per_day=limits.per_day)
    return {
        "quota": person if limits.enabled else None,
        "community": Quota(
            {}, per_minute=limits.community_per_minute, per_day=limits.community_per_day
        ),
        "admin": Quota({}, per_minute=limits.admin_per_minute, per_day=limits.admin_per_day),
    }


def search_rules(settings: Settings) -> SearchRules:
    search = settings.search
    return SearchRules(
        max_query=search.max_query,
        timeout_s=search.timeout_s,
        duplicate_cosine=search.duplicate_cosine,
        text_weight=search.text_weight,
    )


def cooldowns(settings: Settings) -> Mapping[Any, float] | None:
    """The operator's pauses in seconds, None where quotas are off."""
    return settings.limits.cooldown_s if settings.limits.enabled else None


class Reloading:
    """Reloads the settings whenever it is asked to, and reports what changed."""

    def __init__(
        self,
        settings: Settings,
        live: Live,
        *,
        read: Callable[[], Settings],
        terminal: Terminal,
    ) -> None:
        self._now = settings
        self._live = live
        self._read = read
        self._terminal = terminal

    async def serve(self, asked: asyncio.Event) -> None:
        """Reload whenever ``asked`` is set, until cancelled."""
        while True:
            await asked.wait()
            asked.clear()
            await self.reload()

    async def reload(self) -> None:
        """Apply what can change now. Wrong settings change nothing."""
        try:
            read = await asyncio.to_thread(self._read)
        except WrongSettingError as error:
            self._terminal.error(str(error), "The settings in use stay as they were.")
            return
        changed = sorted(_differing(self._now, read))
        live = [name for name in changed if name in LIVE]
        later = [name for name in changed if name not in LIVE]
        # Each reload lists again what waits for the next start, and applies none of it.
        self._now = _with(self._now, read, live)
        self._live.take(self._now)
        said = f"changed: {', '.join(live)}" if live else "nothing changed"
        if later:
            said += f"; at the next start: {', '.join(later)}"
        self._terminal.note(f"Settings read anew; {said}.")


def _flat(settings: Settings) -> Iterator[tuple[str, object]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            for inner in type(value).model_fields:
                yield f"{name}.{inner}", getattr(value, inner)
        else:
            yield name, value


def _differing(one: Settings, other: Settings) -> Iterator[str]:
    values = dict(_flat(other))
    return (name for name, value in _flat(one) if values[name] != value)


def _with(settings: Settings, read: Settings, names: list[str]) -> Settings:
    for name in names:
        section, _, field = name.partition(".")
        value = getattr(getattr(read, section), field)
        changed = getattr(settings, section).model_copy(update={field: value})
        settings = settings.model_copy(update={section: changed})
    return settings
