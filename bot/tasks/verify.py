"""What ``tangerine verify`` does: compare, and with ``--repair`` put right."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.engine.specs import no_collection
from bot.engine.stored import open_stored
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import CatalogueError
from index.maintenance.differences import Difference, Fault, in_lines
from index.maintenance.repair import Repaired
from index.maintenance.verify import verify_collection

if TYPE_CHECKING:
    from bot.engine.engine import Engine


async def repair(engine: Engine, terminal: Terminal, *, json: bool) -> int:
    """The task ``repair``; 1 where something differs still. Raises NotFound as :func:`verify`."""
    if not engine.settings.all_collections:
        raise no_collection()
    return _told(terminal, await engine.repair(), json=json)


async def verify(settings: Settings, terminal: Terminal, *, json: bool) -> int:
    """The task ``verify``, without a model; 1 where something differs.

    Raises CatalogueError, and NotFound where there is no collection.
    """
    async with open_stored(settings) as stored:
        if not stored.specs:
            raise no_collection()
        found = [
            difference
            for spec in stored.specs
            for difference in await asyncio.to_thread(
                verify_collection, stored.catalogue, stored.store, stored.overlays, spec
            )
        ]
    return _told(terminal, Repaired(left=tuple(found)), json=json)


def lost_catalogue(terminal: Terminal, error: CatalogueError) -> int:
    """Tell in JSON of a catalogue that cannot be opened: there is no collection to tell of."""
    lost = Difference("", Fault.CATALOGUE, error.message, error.remedy)
    return _told(terminal, Repaired(left=(lost,)), json=True)


def _told(terminal: Terminal, found: Repaired, *, json: bool) -> int:
    if json:
        terminal.json(_view(found))
    else:
        _show_differences(terminal, found)
    return 1 if found.left else 0


def _view(found: Repaired) -> dict[str, object]:
    """The JSON: ``{"ok", "differences": [...], "repaired": [...]}``.

    Each is ``{"collection", "code", "path", "message", "remedy"}``.
    """
    return {
        "ok": not found.left,
        "differences": [difference.to_json() for difference in found.left],
        "repaired": [difference.to_json() for difference in found.mended],
    }


def _show_differences(terminal: Terminal, found: Repaired) -> None:
    for difference in found.mended:
        terminal.note(f"repaired: {difference.collection}: {difference.message}")
    for line in in_lines(found.left):
        terminal.line(terminal.called.told(line))
    if not found.left:
        terminal.note("Index, catalogue and files agree.")
