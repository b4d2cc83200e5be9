"""The composition root: which adapters there are, how they are started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from contextlib import AsyncExitStack

import structlog

from bot.actions import ActionCodec, TextMemory
from bot.admission import Admission
from bot.command_parts import CommandParts
from bot.commands import Commands
from bot.community_presenter import OperatorDefaults
from bot.console import Loading, Terminal
from bot.engine import NO_GALLERY, Engine, open_engine
from bot.failures import Failures
from bot.health import DiskWatch
from bot.jobs import ReindexJobs
from bot.languages import Languages
from bot.observing import Observed, Observer
from bot.platforms import ChatParts, platforms_of, telegram_memory
from bot.ports import Readiness
from bot.service_manager import ServiceManager
from bot.sheets import Sheets
from bot.thumbnails import Thumbnails
from bot.web_app import WebAdapter, WebOptions, WebParts
from config.settings import Settings
from core.errors import NotFound, SettingsError, TangerineError
from core.ports import Contributions
from index.library import LOCAL

_log = structlog.get_logger("bot.app")

# A removed upload is deleted this long after it cannot be restored any more, at the latest.
_SWEEP_EVERY_S = 60.0

# A process group and its leader are often signalled both: that is one request, not two.
_SAME_REQUEST_S = 1.0


async def serve(settings: Settings, terminal: Terminal) -> None:
    """Run every adapter until SIGTERM or SIGINT; a second signal ends at once."""
    if not settings.all_collections:
        raise NotFound("There is no collection to search.", remedy=NO_GALLERY)
    if not (settings.web.enabled or settings.discord.token or settings.telegram.token):
        raise SettingsError(
            "There is nothing to run: the web chat is off and no token is set.",
            remedy="Set DISCORD_TOKEN or TELEGRAM_TOKEN, or TANGERINE_WEB__ENABLED=true.",
        )
    stop = _stop_on_signals()
    with Loading(terminal, f"loading {settings.model}"):
        stack = AsyncExitStack()
        engine = await stack.enter_async_context(open_engine(settings))
    async with stack:
        jobs = ReindexJobs(engine.reindexer)
        stack.push_async_callback(jobs.close)
        empty = await _never_indexed(engine)
        chat = _chat_parts(engine, jobs)
        platforms = platforms_of(engine, chat, terminal)
        disk = DiskWatch(settings.data_dir)

        def unready() -> list[str]:
            apart = [reason for reason in (p.unready() for p in platforms) if reason]
            return [*engine.unready(), *disk.troubles(), *empty.values(), *apart]

        for platform in platforms:
            platform.start()
            stack.push_async_callback(platform.stop)
        if settings.web.enabled:
            web = _web_adapter(engine, chat, unready)
            await web.start()
            stack.push_async_callback(web.stop)
            terminal.note(f"Web chat: {web.url}")
        observer = Observer(
            Observed(
                connections=platforms,
                readiness=unready,
                batcher=lambda: engine.embedder.health,
                decoders=engine.decoder.stats,
                reindexing=jobs.running,
                collections=lambda: engine.library.status(LOCAL),
                sizes=engine.index_sizes,
                reindexed=engine.reindexed,
            ),
            engine.metrics,
        )
        manager = ServiceManager.of(os.environ, pid=os.getpid())
        background = [
            asyncio.create_task(work)
            for work in (
                disk.watch(),
                observer.observe(),
                manager.keep_alive(unready),
                keep_sweeping(engine.contributions),
                _index_all(engine, jobs, terminal, empty),
            )
        ]
        manager.ready()
        await stop.wait()
        terminal.note("Stopping.")
        manager.stopping()
        for task in background:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def keep_sweeping(contributions: Contributions, every_s: float = _SWEEP_EVERY_S) -> None:
    """Delete what is due, at once and from then on, until cancelled; errors are logged."""
    while True:
        try:
            await contributions.sweep()
        except TangerineError as error:
            _log.error("not swept", code=error.code)
        except Exception:  # noqa: BLE001 - one defect must not end all later sweeps
            _log.exception("not swept")
        await asyncio.sleep(every_s)


async def _never_indexed(engine: Engine) -> dict[str, str]:
    """Why each collection that was never indexed cannot be searched yet."""
    return {
        status.name: f"the collection {status.name} is being indexed for the first time"
        for status in await engine.library.status(LOCAL)
        if status.generation == 0
    }


async def _index_all(
    engine: Engine, jobs: ReindexJobs, terminal: Terminal, empty: dict[str, str]
) -> None:
    for collection in engine.settings.all_collections:
        job = jobs.start(collection.name, full=False)
        with terminal.progress() as lines:
            async for progress in jobs.follow(job):
                lines.update(collection.name, progress)
        try:
            report = await asyncio.shield(job.task)
        except TangerineError as error:
            # The others, and what was indexed before, can be searched all the same.
            terminal.error(f"{collection.name}: {error.message}", error.remedy)
            if collection.name in empty:
                empty[collection.name] = f"{collection.name}: {error.message}"
            continue
        except Exception:  # noqa: BLE001 - one collection's defect must not stop the next
            _log.exception("reindex failed", collection=collection.name)
            terminal.error(f"{collection.name}: the reindex failed; the log says where.")
            continue
        empty.pop(collection.name, None)
        terminal.report(report)
        for status in await engine.library.status(LOCAL):
            engine.metrics.collection(status.name, status.pictures)
    if len(empty) < len(engine.settings.all_collections):
        terminal.note("Ready: type /find and what you look for.")


def _chat_parts(engine: Engine, jobs: ReindexJobs) -> ChatParts:
    settings = engine.settings
    thumbnails = Thumbnails(engine.decoder)
    sheets = Sheets(engine.library, engine.decoder, thumbnails)
    failures = Failures(engine.metrics)
    languages = Languages()
    telegram = telegram_memory(settings)
    admission = Admission(engine.limits, engine.community_settings)
    commands = Commands(
        CommandParts(
            search=engine.search,
            library=engine.library,
            contributions=engine.contributions,
            settings=engine.community_settings,
            jobs=jobs,
            admission=admission,
            counters=engine.metrics,
            failures=failures,
            presenters=languages.presenter,
            codec=ActionCodec(TextMemory(engine.clock)),
            sheets=sheets,
            model=engine.model_card,
            memories=(telegram,) if telegram is not None else (),
            defaults=OperatorDefaults(
                count=settings.search.results,
                cooldown_s=settings.limits.cooldown_s if settings.limits.enabled else None,
            ),
        )
    )
    return ChatParts(
        commands=commands,
        admission=admission,
        thumbnails=thumbnails,
        sheets=sheets,
        failures=failures,
        presenters=languages.presenter,
        languages=tuple(languages.all),
        telegram=telegram,
    )


def _web_adapter(engine: Engine, chat: ChatParts, readiness: Readiness) -> WebAdapter:
    settings = engine.settings
    token = settings.web.token
    return WebAdapter(
        WebParts(
            commands=chat.commands,
            search=engine.search,
            library=engine.library,
            thumbnails=chat.thumbnails,
            admission=chat.admission,
            counters=engine.metrics,
            failures=chat.failures,
            presenters=chat.presenters,
            readiness=readiness,
            clock=engine.clock,
        ),
        WebOptions(
            host=settings.web.host,
            port=settings.web.port,
            token=token.get_secret_value() if token else None,
            count=settings.search.results,
            max_bytes=settings.pictures.max_bytes,
        ),
    )


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked_at = 0.0

    def on_signal() -> None:
        nonlocal asked_at
        if not stop.is_set():
            asked_at = loop.time()
            stop.set()
        elif loop.time() - asked_at > _SAME_REQUEST_S:
            os._exit(1)  # asked twice: now means now

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop
