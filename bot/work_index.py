"""What ``tangerine reindex`` and ``status`` do."""

from __future__ import annotations

from bot.console import Terminal
from bot.engine import Engine
from bot.views import encoder_lines, reindex_view, status_view
from core.types import ReindexReport
from index.library import LOCAL


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


async def status(engine: Engine, terminal: Terminal, *, json: bool) -> int:
    """The task ``status``."""
    collections = list(await engine.library.status(LOCAL))
    card = engine.model_card()
    if json:
        terminal.json(status_view(card, collections))
    else:
        terminal.out.print(f"model {card.name} ({card.dimension} dimensions) on {card.place}")
        for line in encoder_lines(card):
            terminal.out.print(line, soft_wrap=True, markup=False)
        terminal.statuses(collections)
    return 0
