"""The Telegram adapter: connects, takes updates in, hands each on, and stops in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from telegram import Update
from telegram.error import InvalidToken, TelegramError
from telegram.ext import ApplicationBuilder, ContextTypes, ExtBot, TypeHandler

from bot.chat.access_list import Roster
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.post_sweeps import keep_looking
from bot.chat.presenters.search import Presenter
from bot.chat.supervision import ended
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from bot.telegram.answers import MessageAnswers
from bot.telegram.buttons import Buttons
from bot.telegram.chats import Chats, PrivacyMode, Rights
from bot.telegram.drawing import ReplySender
from bot.telegram.files import MAX_DOWNLOAD, FileFetcher
from bot.telegram.http import PollingRequest, bounded_request
from bot.telegram.inline import Inline
from bot.telegram.intake import Intake, Polling, TelegramApp, refused_token
from bot.telegram.memory import TelegramMemory
from bot.telegram.menus import publish_menus
from bot.telegram.photos import Photos
from bot.telegram.post_checks import PostedMessages, PostSweep
from bot.telegram.posts import PostIntake
from bot.telegram.progress import Background, Following
from bot.telegram.questions import InHand, QuestionsInHand
from bot.telegram.rate_limiter import PAUSES_S, GroupBudget, GroupTurns, PatientLimiter
from bot.telegram.sending import Sending
from bot.telegram.service import Service
from bot.telegram.shares import Shares
from bot.telegram.updates import Albums, Updates
from bot.telegram.webhook import Webhook, WebhookOptions
from core.domain.errors import PlatformUnreachable
from core.domain.ports import Clock, Library

PUBLIC_API = "https://api.telegram.org"

_PRUNE_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class TelegramParts:
    """What the adapter is put together from; it opens and closes ``memory``.

    ``questions`` are those in hand of all nodes that follow each other; None: there is one.
    """

    commands: Commands
    library: Library
    thumbnails: Thumbnails
    sheets: Sheets
    failures: Failures
    presenters: Callable[[str], Presenter]
    memory: TelegramMemory
    clock: Clock
    questions: QuestionsInHand | None = None


@dataclass(frozen=True, slots=True)
class TelegramOptions:
    """How the adapter runs.

    ``api_url`` is a Bot API server: methods at ``<url>/bot<token>/<method>``, files at
    ``<url>/file/bot<token>/<path>``. ``max_bytes`` bounds a posted picture. ``roster``
    names users. ``languages`` (ISO 639-1) get menus of their own. With a
    ``webhook`` Telegram calls us, else it is polled. ``at_once`` updates are answered at the
    same time, of each person and chat a share (:mod:`bot.telegram.updates`); the others wait.
    ``drain_s`` is how long a stop waits
    for answers under way. The rest are pauses in seconds: after the last picture of an
    album, before an inline query counts as asked, between two edits of a progress (None:
    6 in groups, 1.5 in private chats), before each further attempt after a failure, between two
    looks at all posts, between two questions of such a look.
    """

    api_url: str = PUBLIC_API
    max_bytes: int = 10 * 2**20
    roster: Roster = field(default_factory=Roster)
    languages: tuple[str, ...] = ()
    webhook: WebhookOptions | None = None
    at_once: int = 256
    drain_s: float = 15.0
    album_quiet_s: float = 0.6
    inline_settle_s: float = 0.35
    progress_step_s: float | None = None
    retry_pauses_s: tuple[float, ...] = PAUSES_S
    sweep_every_s: float = 3600.0
    sweep_pause_s: float = 4.0


class TelegramAdapter:
    """A Telegram bot over :class:`bot.chat.commands.Commands`. ``token`` never reaches a log."""

    def __init__(
        self, token: str, parts: TelegramParts, options: TelegramOptions | None = None
    ) -> None:
        self._token = token
        self._parts = parts
        self._options = options or TelegramOptions()
        self._in_hand = None if parts.questions is None else InHand(parts.questions)
        self._background = Background()
        self._polling = PollingRequest()
        self._request = bounded_request(self._longest_answer)
        webhook = self._options.webhook
        self._intake: Intake = (
            Webhook(webhook, self._keep) if webhook else Polling(self._polling, self._keep)
        )
        self._app: TelegramApp | None = None
        self._updates: Updates | None = None
        self._posts: PostIntake | None = None
        self._sweep: PostSweep | None = None
        self._handing_on: set[asyncio.Task[Any]] = set()
        self._shares = Shares(self._options.at_once)
        self._log = structlog.get_logger("telegram")

    async def start(self) -> None:
        """Connect, publish the menus and take updates in; lost connections are rebuilt.

        Raises SettingsError where Telegram refuses the token or a setting cannot be used,
        and PlatformUnreachable where it is out of reach; then it may be called again.
        """
        if self._app is not None:
            raise RuntimeError("the adapter runs already")
        await self._parts.memory.open()
        try:
            app = self._application()
            await self._connect(app)
        except InvalidToken:
            await self._close()
            raise refused_token() from None
        except TelegramError as error:
            await self._close()
            host = urlsplit(self._options.api_url).netloc or self._options.api_url
            raise PlatformUnreachable(
                f"Telegram cannot be reached at {host} ({type(error).__name__}).",
                remedy="Check the network and TELEGRAM_API_URL.",
                retry_after=10.0,
            ) from None
        except BaseException:
            await self._close()
            raise
        self._app = app
        # The library tells nobody where the task ends that hands updates on.
        name = f"Application:{app.bot.id}:update_fetcher"
        self._handing_on = {task for task in asyncio.all_tasks() if task.get_name() == name}
        self._background.start(self._publish_menus(app.bot))
        self._background.start(self._keep_pruning())
        if self._sweep is not None:
            every_s = self._options.sweep_every_s
            self._background.start(keep_looking(self._sweep.once, every_s=every_s))
        if self._posts is not None and self._updates is not None:
            self._background.start(self._posts.run())
            self._background.start(self._posts.resume(app.bot, self._updates.take_post))
        if self._in_hand is not None:
            self._background.start(self._in_hand.resume(app.bot, app.update_queue.put))

    async def ended(self) -> None:
        """Wait until no more updates come in, or none is handed on, and raise why."""
        taking = asyncio.create_task(self._intake.ended())
        try:
            await ended({taking, *self._handing_on})
        finally:
            taking.cancel()

    async def stop(self) -> None:
        """Take no more updates, finish the answers under way, disconnect. Twice is fine."""
        app, updates, self._app = self._app, self._updates, None
        if app is None or updates is None:
            return
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            stack.push_async_callback(app.shutdown)
            stack.push_async_callback(self._background.stop)
            await self._intake.stop()
            # The library hands on all that was accepted, and waits for the answers.
            stopping = asyncio.create_task(app.stop())
            await asyncio.wait({stopping}, timeout=self._options.drain_s)
            if not stopping.done():
                await updates.give_up()
            await stopping
            if self._posts is not None:
                await self._posts.drained(self._options.drain_s)

    def unready(self) -> str | None:
        trouble = self._intake.trouble() if self._app is not None else "not connected"
        if trouble is None and self._shares.full:
            trouble = f"all {self._options.at_once} answers at a time are taken"
        return f"telegram: {trouble}" if trouble is not None else None

    @property
    def _longest_answer(self) -> int:
        # Answers of methods are small; a downloaded picture is the longest body there is.
        return max(self._options.max_bytes, MAX_DOWNLOAD) + 2**20

    async def _close(self) -> None:
        # The library leaves connections open where it could not initialize itself.
        await self._request.shutdown()
        await self._polling.shutdown()
        await self._parts.memory.close()

    async def _connect(self, app: TelegramApp) -> None:
        try:
            await app.initialize()
            await app.start()
            await self._intake.start(app)
        except BaseException:
            if app.running:
                await app.stop()
            await app.shutdown()
            raise

    async def _keep(self, update: Update) -> None:
        if self._posts is not None:
            await self._posts.keep(update, update.get_bot().bot)
        if self._in_hand is not None:
            await self._in_hand.keep(update, update.get_bot().bot)

    async def _publish_menus(self, bot: ExtBot[Any]) -> None:
        parts = self._parts
        await publish_menus(
            bot, parts.memory, lambda code: parts.presenters(code).words, self._options.languages
        )

    async def _keep_pruning(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_EVERY_S)
            try:
                await self._parts.memory.prune()
            except Exception as error:  # noqa: BLE001 - a full disk has room again in an hour
                self._log.warning("not pruned", error=type(error).__name__)

    def _application(self) -> TelegramApp:
        options = self._options
        url = options.api_url.rstrip("/")
        limiter = PatientLimiter(options.retry_pauses_s)
        app: TelegramApp = (
            ApplicationBuilder()
            .token(self._token)
            .base_url(f"{url}/bot")
            .base_file_url(f"{url}/file/bot")
            .request(self._request)
            .get_updates_request(self._polling)
            .rate_limiter(limiter)
            .concurrent_updates(self._shares)
            .job_queue(None)
            .updater(None)
            .build()
        )
        updates = self._updates = self._put_together(app.bot, limiter)

        async def take(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
            await updates.take(update)
            if self._in_hand is not None:
                await self._in_hand.answered(update, app.bot)

        app.add_handler(TypeHandler(Update, take))
        return app

    def _put_together(self, bot: ExtBot[Any], limiter: PatientLimiter) -> Updates:
        parts, options = self._parts, self._options
        photos = Photos(bot, parts.library, parts.thumbnails, parts.memory)
        sending = Sending(bot, GroupBudget(parts.clock), limiter)
        drawing = ReplySender(bot, photos, parts.sheets, parts.memory, sending)
        rights = Rights(bot, parts.clock, roster=options.roster)
        showing = PostedMessages(bot)
        self._sweep = PostSweep(showing, parts.commands, pause_s=options.sweep_pause_s)
        service = Service(
            bot=bot,
            commands=parts.commands,
            failures=parts.failures,
            presenters=parts.presenters,
            drawing=drawing,
            following=Following(parts.commands, drawing, step_s=options.progress_step_s),
            background=self._background,
            files=FileFetcher(bot, max_bytes=options.max_bytes),
            rights=rights,
            memory=parts.memory,
            privacy=PrivacyMode(bot),
            showing=showing,
        )
        self._posts = PostIntake(parts.commands, service.files, parts.memory)
        return Updates(
            service,
            Albums(parts.clock, quiet_s=options.album_quiet_s),
            answers=MessageAnswers(service, GroupTurns(sending.has_room, parts.clock)),
            buttons=Buttons(service),
            inline=Inline(service, photos, settle_s=options.inline_settle_s),
            chats=Chats(parts.commands.contributions, rights),
            posts=self._posts,
        )
