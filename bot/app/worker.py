"""``tangerine worker``: the work of nodes that share a database, without any chat."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from functools import partial

from bot.app.background import Work, in_background, keep_files, keep_fresh, opened_index
from bot.app.lifecycle import ServiceManager, stop_on_signals
from bot.app.serve import settle
from bot.app.upkeep import shared_work
from bot.engine.engine import open_engine
from bot.engine.instance import only_one
from bot.engine.specs import collection_specs
from bot.observability.health import DiskWatch, IndexWatch
from bot.terminal.console import Loading, Terminal
from config.settings import Settings
from core.domain.errors import SettingsError


async def work(settings: Settings, terminal: Terminal) -> None:
    """Do what is queued, and what nobody asks for, until SIGTERM or SIGINT.

    What is under way then is given back: another process goes on with it. Raises SettingsError
    where no database is set, and what :func:`bot.engine.engine.open_engine` raises.
    """
    if settings.database_url is None:
        raise SettingsError(
            "A worker needs a database that it shares with the bots.",
            remedy="Set TANGERINE_DATABASE_URL (docs/cluster.md). Without one, a running bot does "
            "all work by itself.",
        )
    with only_one(settings.data_dir):
        stop = stop_on_signals()
        manager = ServiceManager.of(os.environ, pid=os.getpid())
        async with AsyncExitStack() as stack:
            with Loading(terminal, f"loading {settings.model}"):
                engine = await stack.enter_async_context(open_engine(settings))
            engine.awaited.mine = set()
            specs = {spec.name: spec for spec in collection_specs(settings)}
            indexes = IndexWatch(specs, lambda name: opened_index(engine.library, specs[name]))
            disk = DiskWatch(settings.data_dir)

            def unready() -> list[str]:
                return [*engine.unready(), *disk.troubles()]

            async with AsyncExitStack() as background:
                works: tuple[Work, ...] = (
                    disk.watch,
                    partial(manager.keep_alive, unready),
                    partial(keep_fresh, engine.community_settings),
                    partial(keep_fresh, engine.grants),
                    partial(keep_files, engine.overlays),
                    *shared_work(engine, terminal, indexes, as_worker=True),
                )
                for each in works:
                    await in_background(background, each)
                settle()
                manager.ready()
                terminal.note("Worker: takes jobs.")
                await stop.wait()
                terminal.note("Stopping.")
                manager.stopping()
