"""Work that nobody asks for: done by the one process, or by one of those that share a database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import structlog

from bot.app.background import (
    Work,
    in_background,
    index_all,
    keep_copied,
    keep_looks,
    keep_reading,
    keep_sweeping,
    watches,
)
from bot.app.turns import SharedTurn, Turn
from bot.engine.engine import Engine
from bot.engine.jobs import takes_jobs, worker_of
from bot.observability.health import IndexWatch
from bot.terminal.console import Terminal

_log = structlog.get_logger("bot.upkeep")


def upkeep(engine: Engine, terminal: Terminal, indexes: IndexWatch) -> Sequence[Work]:
    """What one process of all does: first indexes, watched folders, purges, words, looks."""
    copies = engine.store.copies
    return (
        *(() if copies is None else (partial(keep_copied, copies),)),
        partial(keep_sweeping, engine.contributions),
        partial(keep_looks, engine.looks),
        partial(keep_reading, engine, engine.jobs),
        partial(index_all, engine, engine.jobs, terminal, indexes),
        *watches(engine, engine.jobs),
    )


def shared_work(
    engine: Engine, terminal: Terminal, indexes: IndexWatch, *, as_worker: bool = False
) -> Sequence[Work]:
    """The same where nodes share a database: elected, with the jobs that anybody queues."""
    opening = partial(_open_indexes, engine, terminal, indexes)
    if not (as_worker or takes_jobs(engine.settings)):
        return (opening,)
    worker = worker_of(engine.catalogue, engine.reindexer)
    works = upkeep(engine, terminal, indexes)
    turn = SharedTurn(engine.catalogue.database.hold, "upkeep")
    return opening, worker.run, partial(elected, turn, works)


async def elected(turn: Turn, works: Sequence[Work]) -> None:
    """Do this whenever it is this process's turn, until cancelled."""
    while True:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(turn.leave)
            await turn.come()
            _log.info("elected: what is done once for all nodes is done here")
            for work in works:
                await in_background(stack, work)
            await turn.over()
        _log.warning("not elected any more: the connection to the database was lost")


async def _open_indexes(engine: Engine, terminal: Terminal, indexes: IndexWatch) -> None:
    names = [each.name for each in engine.settings.all_collections]
    await asyncio.gather(*map(indexes.look, names))
    if any(map(indexes.searchable, names)):
        terminal.note("Ready: type /find and what you look for.")
