"""What ``tangerine reindex`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.protocol.json_views import reindex_view
from bot.terminal.console import Terminal
from core.domain.types import ReindexReport

if TYPE_CHECKING:
    from bot.engine.engine import Engine


async def reindex(
    engine: Engine,
    terminal: Terminal,
    *,
    collection: str | None,
    full: bool,
    confirm_removals: bool,
    json: bool,
) -> int:
    """The task ``reindex``."""
    name = engine.collection_name(collection)
    with terminal.progress() as lines:
        report: ReindexReport = await engine.reindexer.reindex(
            name,
            full=full,
            confirm_removals=confirm_removals,
            on_progress=lambda progress: lines.update(name, progress),
        )
    terminal.json(reindex_view(report)) if json else terminal.report(report)
    return 0
