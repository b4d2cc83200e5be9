"""The composition root: which adapters there are, how they are started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from contextlib import AsyncExitStack

from bot.actions import ActionCodec, TextMemory
from bot.commands import CommandRules, Commands
from bot.console import Loading, Terminal
from bot.engine import NO_GALLERY, Engine, open_engine
from bot.failures import Failures
from bot.jobs import ReindexJobs
from bot.ports import Readiness
from bot.presenter import Presenter
from bot.sheets import Sheets
from bot.thumbnails import Thumbnails
from bot.web_app import WebAdapter, WebOptions, WebParts
from bot.words import Words
from config.settings import Settings
from core.errors import NotFound, SettingsError, TangerineError
from core.limits import Limits, Quota
from index.library import LOCAL

_MIB = 2**20


async def serve(settings: Settings, terminal: Terminal) -> None:
    """Run every adapter until SIGTERM or SIGINT; a second signal ends at once."""
    if not settings.all_collections:
        raise NotFound("There is no collection to search.", remedy=NO_GALLERY)
    for section in ("discord", "telegram"):
        if getattr(settings, section).token:
            raise SettingsError(
                f"{section.upper()}_TOKEN is set, but this version has no {section.title()} "
                "adapter yet.",
                remedy="Unset it; the web chat works without a token.",
            )
    stop = _stop_on_signals()
    with Loading(terminal, f"loading {settings.model}"):
        stack = AsyncExitStack()
        engine = await stack.enter_async_context(open_engine(settings))
    async with stack:
        jobs = ReindexJobs(engine.reindexer)
        stack.push_async_callback(jobs.close)
        empty = await _never_indexed(engine)
        web = _web_adapter(engine, jobs, lambda: [*engine.unready(), *empty.values()])
        if settings.web.enabled:
            await web.start()
            stack.push_async_callback(web.stop)
            terminal.note(f"Web chat: {web.url}")
        indexing = asyncio.create_task(_index_all(engine, jobs, terminal, empty))
        await stop.wait()
        terminal.note("Stopping.")
        indexing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await indexing


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
        empty.pop(collection.name, None)
        terminal.report(report)
        for status in await engine.library.status(LOCAL):
            engine.metrics.collection(status.name, status.pictures)
    if len(empty) < len(engine.settings.all_collections):
        terminal.note("Ready: type /find and what you look for.")


def _web_adapter(engine: Engine, jobs: ReindexJobs, readiness: Readiness) -> WebAdapter:
    settings = engine.settings
    thumbnails = Thumbnails(engine.decoder)
    failures = Failures(engine.metrics)
    presenter = Presenter(Words())
    limits = Limits(_quota(settings), engine.clock)
    commands = Commands(
        search=engine.search,
        library=engine.library,
        jobs=jobs,
        limits=limits,
        counters=engine.metrics,
        failures=failures,
        presenters=lambda _: presenter,
        codec=ActionCodec(TextMemory(engine.clock)),
        sheets=Sheets(engine.library, engine.decoder, thumbnails),
        model=engine.model_card,
        rules=CommandRules(count=settings.search.results),
    )
    token = settings.web.token
    return WebAdapter(
        WebParts(
            commands=commands,
            search=engine.search,
            library=engine.library,
            thumbnails=thumbnails,
            limits=limits,
            counters=engine.metrics,
            failures=failures,
            presenter=presenter,
            readiness=readiness,
            clock=engine.clock,
        ),
        WebOptions(
            host=settings.web.host,
            port=settings.web.port,
            token=token.get_secret_value() if token else None,
            count=settings.search.results,
            max_bytes=int(settings.pictures.max_mb * _MIB),
        ),
    )


def _quota(settings: Settings) -> Quota | None:
    limits = settings.limits
    if not limits.enabled:
        return None
    return Quota(
        cooldown_s={"text": limits.text_cooldown_s, "picture": limits.picture_cooldown_s},
        per_minute=limits.per_minute,
        per_day=limits.per_day,
    )


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)  # asked twice: now means now
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop
