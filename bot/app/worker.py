"""``tangerine worker``: the work of nodes that share a database, without any chat."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from bot.app.background import Work, in_background, keep_files, keep_fresh, opened_index
from bot.app.lifecycle import Starting
from bot.app.serving import Serving
from bot.app.upkeep import shared_work
from bot.engine.instance import only_one
from bot.engine.specs import collection_specs
from bot.observability.health import DiskWatch, IndexWatch
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import SettingsError


async def work(settings: Settings, terminal: Terminal) -> None:
    """Do what is queued, and what nobody asks for, until SIGTERM or SIGINT.

    What is under way then is given back: another process goes on with it. A model that cannot be
    loaded is told once and tried again. Raises SettingsError where no database is set, and what
    else :func:`bot.engine.engine.open_engine` raises.
    """
    if settings.database_url is None:
        raise SettingsError(
            "A worker needs a database that it shares with the bots.",
            remedy="Set TANGERINE_DATABASE_URL (docs/cluster.md). Without one, a running bot does "
            "all work by itself.",
        )
    service = Serving(settings, terminal)
    with only_one(settings.data_dir):
        async with AsyncExitStack() as stack, AsyncExitStack() as meanwhile:
            starting = Starting(settings, terminal)
            await in_background(meanwhile, partial(service.manager.keep_alive, starting.unready))
            engine = await starting.engine(stack, service.stop)
            if engine is None:
                return
            await meanwhile.aclose()
            engine.awaited.mine = set()
            specs = {spec.name: spec for spec in collection_specs(settings)}
            indexes = IndexWatch(
                specs, lambda name: opened_index(engine.library, specs[name], engine.store.copies)
            )
            disk = DiskWatch(settings.data_dir)

            def unready() -> list[str]:
                return [*engine.unready(), *disk.troubles()]

            works: tuple[Work, ...] = (
                disk.watch,
                partial(service.manager.keep_alive, unready),
                partial(keep_fresh, engine.community_settings),
                partial(keep_fresh, engine.grants),
                partial(keep_files, engine.overlays),
                *shared_work(engine, terminal, indexes, as_worker=True),
            )
            terminal.note("Worker: takes jobs.")
            await service.serve(works)
