"""What ``tangerine reindex`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.engine.jobs import doing_jobs, takes_jobs, worker_of
from bot.protocol.json_views import reindex_view
from bot.terminal.console import Terminal
from core.domain.threads import finished_in_thread
from core.domain.types import Progress, ReindexReport

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
    alone = engine.awaited.mine is None
    takes = alone and takes_jobs(engine.settings)
    worker = worker_of(engine.catalogue, engine.reindexer, only={name}) if takes else None
    async with doing_jobs(worker):
        report = await _reindexed(
            engine, terminal, name, full=full, confirm_removals=confirm_removals
        )
    terminal.json(reindex_view(report)) if json else terminal.report(report)
    # Otherwise a running program reads them by itself.
    if alone and (takes or engine.settings.database_url is None):
        await _read_words(engine, terminal, name)
    return 0


async def _reindexed(
    engine: Engine, terminal: Terminal, name: str, *, full: bool, confirm_removals: bool
) -> ReindexReport:
    with terminal.progress() as lines:
        return await engine.reindexing.reindex(
            name,
            full=full,
            confirm_removals=confirm_removals,
            on_progress=lambda progress: lines.update(name, progress),
        )


async def _read_words(engine: Engine, terminal: Terminal, name: str) -> None:
    """Read the words in the pictures, which are searched already; what is read is kept."""
    reading = engine.word_reading
    if reading is None or name not in reading.collections:
        return
    come = await finished_in_thread(engine.words.progress, name)
    if come is None or come.read == come.total:
        return
    terminal.note("The pictures can be searched. Reading the words in them; Ctrl+C ends it.")
    done = come.read
    with terminal.progress() as lines:

        def tell(*_: object) -> None:
            nonlocal done
            done += 1
            lines.update(name, Progress("read", min(done, come.total), come.total))

        await reading.fill(tell, only=name)
