"""The composition root: which adapters there are, how they are started and stopped."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import structlog

from bot.app.background import (
    Work,
    in_background,
    keep_files,
    keep_fresh,
    keep_thumbnails,
    opened_index,
)
from bot.app.lifecycle import Starting, asked_by_hangup
from bot.app.platforms import ChatParts, platforms_of, shared_secret, telegram_memory
from bot.app.serving import Serving
from bot.app.upkeep import shared_work, upkeep
from bot.chat.actions import ActionCodec, TextMemory, key_of
from bot.chat.admission import Admission
from bot.chat.claims import Claims
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.languages import Languages
from bot.chat.parts import CommandParts
from bot.chat.presenters.settings import OperatorDefaults
from bot.control.server import answering_commands
from bot.engine.engine import Engine
from bot.engine.exposure import tell_who_is_let_in
from bot.engine.instance import Instance, only_one
from bot.engine.preflight import check_start
from bot.engine.reload import Live, Reloading, cooldowns
from bot.engine.specs import collection_specs
from bot.http.listener import Listener
from bot.observability.gauges import Observed, Observer
from bot.observability.health import DiskWatch, IndexWatch, serving_details
from bot.observability.logs import configure_logs
from bot.protocol.ports import ModelCard, Readiness
from bot.rendering.sheets import Sheets
from bot.terminal.console import Terminal
from bot.web.adapter import WebAdapter, WebOptions, WebParts
from bot.web.waiting import WaitingRoom
from config.settings import Settings
from core.domain.errors import SettingsError
from core.search.browse import Browser
from index.catalogue.shared_codes import SharedCodes
from index.catalogue.shared_texts import SharedTexts
from index.library.library import LOCAL

_log = structlog.get_logger("bot.app")


async def serve(
    settings: Settings,
    terminal: Terminal,
    read: Callable[[Settings], Settings],
    choose: Callable[[Settings], Awaitable[Settings]],
    keep: Callable[[Settings], Awaitable[None]],
) -> None:
    """Run every adapter until SIGTERM or SIGINT; a second signal ends at once.

    ``choose`` says what is shown, and may take its time; ``keep`` is told once it is known that
    it can be; at SIGHUP the settings are ``read`` again, as far as they can change
    while it runs. What is wrong from the start is raised before the model is loaded.
    """
    if not (settings.web.enabled or settings.discord.token or settings.telegram.token):
        raise SettingsError(
            "There is nothing to run: the web chat is off and no token is set.",
            remedy="Set DISCORD_TOKEN or TELEGRAM_TOKEN, or TANGERINE_WEB__ENABLED=true.",
        )
    service = Serving(settings, terminal)
    with only_one(settings.data_dir) as instance:
        await _serve(settings, terminal, service, instance, read=read, choose=choose, keep=keep)


async def _serve(
    settings: Settings,
    terminal: Terminal,
    service: Serving,
    instance: Instance,
    *,
    read: Callable[[Settings], Settings],
    choose: Callable[[Settings], Awaitable[Settings]],
    keep: Callable[[Settings], Awaitable[None]],
) -> None:
    stop, manager = service.stop, service.manager
    hung_up = asked_by_hangup()
    async with AsyncExitStack() as stack, AsyncExitStack() as meanwhile:
        starting: Starting | None = None
        listener = await _waiting_room(
            settings,
            lambda: starting.unready() if starting else ["what is needed is being fetched"],
            stack,
            meanwhile,
        )
        if listener is not None:
            instance.tell(listener.url)
        settings = shown = await choose(settings)
        for trouble in await asyncio.to_thread(check_start, settings):
            terminal.error(trouble.message, trouble.remedy)
        await keep(settings)
        starting = Starting(settings, terminal)
        await in_background(meanwhile, partial(manager.keep_alive, starting.unready))
        engine = await starting.engine(stack, stop)
        if engine is None:
            return
        _tell_path(engine.model_card())
        if settings.database_url is not None:
            engine.awaited.mine = set()  # what is about to be indexed is queued for all
        specs = {spec.name: spec for spec in collection_specs(settings)}
        indexes = IndexWatch(
            specs, lambda name: opened_index(engine.library, specs[name], engine.store.copies)
        )
        discord_roster, telegram_roster = Live.rosters(settings)
        live = Live(
            limits=engine.limits,
            search=engine.search,
            defaults=OperatorDefaults(settings.search.results, cooldowns(settings)),
            discord=discord_roster,
            telegram=telegram_roster,
            configure_logs=configure_logs,
            change_operators=engine.grants.change_operators,
        )
        reloading = Reloading(settings, live, read=lambda: read(shown), terminal=terminal)
        claims = Claims(
            codes=None if settings.database_url is None else SharedCodes(engine.catalogue.database)
        )
        chat = _chat_parts(engine, live, claims, terminal)
        platforms = platforms_of(engine, chat, terminal)
        disk = DiskWatch(settings.data_dir)

        def unready() -> list[str]:
            if stop.is_set():
                return ["it is stopping"]
            apart = [reason for reason in (p.unready() for p in platforms) if reason]
            return [*engine.unready(), *disk.troubles(), *indexes.troubles(), *apart]

        for platform in platforms:
            platform.start()
            stack.push_async_callback(platform.stop)
        if listener is not None:
            await asyncio.to_thread(engine.thumbnail_store.open)
            web = _web_adapter(engine, chat, unready, live.defaults, listener)
            await web.start()
            stack.push_async_callback(web.stop)
            terminal.note(f"Web chat: {web.url}")
        await stack.enter_async_context(answering_commands(engine))
        observer = Observer(
            Observed(
                connections=platforms,
                readiness=unready,
                batcher=lambda: engine.embedder.health,
                decoders=engine.decoder.stats,
                reindexing=engine.jobs.running,
                collections=lambda: engine.library.status(LOCAL),
                sizes=engine.index_sizes,
                reindexed=engine.reindexed,
            ),
            engine.metrics,
        )
        await meanwhile.aclose()
        await tell_who_is_let_in(engine, claims, terminal, on_terminal=sys.stderr.isatty())
        works: tuple[Work, ...] = (
            disk.watch,
            observer.observe,
            partial(manager.keep_alive, unready),
            partial(keep_thumbnails, engine.looks, engine.thumbnail_store),
            partial(keep_files, engine.overlays),
            partial(keep_fresh, engine.community_settings),
            partial(keep_fresh, engine.grants),
            partial(reloading.serve, hung_up),
            indexes.watch,
            *(upkeep if settings.database_url is None else shared_work)(engine, terminal, indexes),
        )
        await service.serve(works)


def _tell_path(card: ModelCard) -> None:
    assert card.choice is not None
    _log.info(
        "model ready",
        backend=card.choice.backend,
        precision=card.choice.precision,
        exported=card.choice.runs_from_export,
        **({"encoders": ", ".join(card.encoders)} if card.encoders else {}),
    )


async def _waiting_room(
    settings: Settings, unready: Readiness, stack: AsyncExitStack, meanwhile: AsyncExitStack
) -> Listener | None:
    """The web chat's address, answered while the engine starts; None without a web chat."""
    if not settings.web.enabled:
        return None
    listener = await Listener.open(settings.web.host, settings.web.port)
    stack.callback(listener.close)
    room = WaitingRoom(listener, unready)
    await room.start()
    meanwhile.push_async_callback(room.stop)
    return listener


def _chat_parts(engine: Engine, live: Live, claims: Claims, terminal: Terminal) -> ChatParts:
    settings = engine.settings
    thumbnails = engine.thumbnails
    sheets = Sheets(engine.library, thumbnails)
    failures = Failures(engine.metrics, told=terminal.called.told_to_others)
    languages = Languages()
    telegram = telegram_memory(engine)
    texts: TextMemory | SharedTexts = (
        TextMemory(engine.clock)
        if settings.database_url is None
        else SharedTexts(engine.catalogue.database, key_of)
    )
    admission = Admission(engine.limits, engine.community_settings)
    commands = Commands(
        CommandParts(
            search=engine.search,
            library=engine.library,
            contributions=engine.contributions,
            posts=engine.posts,
            channels=engine.post_channels,
            moderation=engine.moderation,
            settings=engine.community_settings,
            labels=engine.labels,
            words=engine.words,
            grants=engine.grants,
            claims=claims,
            jobs=engine.jobs,
            reindex_cooldown_s=settings.index.reindex_cooldown_s,
            admission=admission,
            counters=engine.metrics,
            tracer=engine.tracer,
            failures=failures,
            presenters=languages.presenter,
            codec=ActionCodec(texts),
            sheets=sheets,
            model=engine.model_card,
            memories=(texts, telegram) if telegram is not None else (texts,),
            defaults=live.defaults,
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
        discord_roster=live.discord,
        telegram_roster=live.telegram,
    )


def _web_adapter(
    engine: Engine,
    chat: ChatParts,
    readiness: Readiness,
    defaults: OperatorDefaults,
    listener: Listener,
) -> WebAdapter:
    settings = engine.settings
    token = settings.web.token
    return WebAdapter(
        WebParts(
            commands=chat.commands,
            search=engine.search,
            library=engine.library,
            browser=Browser(
                engine.library, engine.looks, engine.labels, candidates=engine.candidates
            ),
            thumbnails=chat.thumbnails,
            admission=chat.admission,
            counters=engine.metrics,
            failures=chat.failures,
            presenters=chat.presenters,
            readiness=readiness,
            clock=engine.clock,
            defaults=defaults,
            tracer=engine.tracer,
            details=lambda: serving_details(engine.decoder.isolation),
        ),
        WebOptions(
            host=settings.web.host,
            port=settings.web.port,
            token=token.get_secret_value() if token else None,
            max_bytes=settings.pictures.max_bytes,
            upload_memory=settings.buffers.uploads,
            session_file=settings.data_dir / "web-session-key",
            session_key=shared_secret(settings, token, "web sessions"),
        ),
        listener=listener,
    )
