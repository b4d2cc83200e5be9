"""The Telegram adapter: connects, polls, hands every update on, and stops in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from telegram import Update
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import Application, ApplicationBuilder, ContextTypes, ExtBot, TypeHandler

from bot.commands import Commands
from bot.failures import Failures
from bot.presenter import Presenter
from bot.sheets import Sheets
from bot.telegram_albums import Albums
from bot.telegram_buttons import Buttons
from bot.telegram_drawing import Drawing
from bot.telegram_files import MAX_DOWNLOAD, Files
from bot.telegram_http import PollingRequest, bounded_request
from bot.telegram_inline import Inline
from bot.telegram_jobs import Background, Following
from bot.telegram_limits import PAUSES_S, GroupBudget, PatientLimiter
from bot.telegram_memory import TelegramMemory
from bot.telegram_menus import publish_menus
from bot.telegram_photos import Photos
from bot.telegram_rights import Rights
from bot.telegram_updates import Service, Updates
from bot.thumbnails import Thumbnails
from core.errors import SettingsError, Unavailable
from core.ports import Clock, Library

PUBLIC_API = "https://api.telegram.org"

_AT_ONCE = 256
_UPDATES = ["message", "callback_query", "inline_query", "chat_member"]

_App = Application[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class TelegramParts:
    """What the adapter is put together from."""

    commands: Commands
    library: Library
    thumbnails: Thumbnails
    sheets: Sheets
    failures: Failures
    presenters: Callable[[str], Presenter]
    clock: Clock


@dataclass(frozen=True, slots=True)
class TelegramOptions:
    """How the adapter runs.

    ``api_url`` is a Bot API server: methods at ``<url>/bot<token>/<method>``, files at
    ``<url>/file/bot<token>/<path>``. ``memory`` is the file that remembers sent pictures,
    None for this run only. ``max_bytes`` bounds a posted picture. ``operators`` are ids of
    users who may do everywhere what administrators may. ``drain_s`` is how long a stop waits
    for answers under way. The rest are pauses in seconds: after the last picture of an
    album, before an inline query counts as asked, between two edits of a progress (None:
    6 in groups, 1.5 in private chats), before each further attempt after a failure.
    """

    api_url: str = PUBLIC_API
    memory: Path | None = None
    max_bytes: int = 10 * 2**20
    operators: frozenset[int] = frozenset()
    drain_s: float = 15.0
    album_quiet_s: float = 0.6
    inline_settle_s: float = 0.35
    progress_step_s: float | None = None
    retry_pauses_s: tuple[float, ...] = PAUSES_S


class TelegramAdapter:
    """A Telegram bot over :class:`bot.commands.Commands`. ``token`` never reaches a log."""

    def __init__(
        self, token: str, parts: TelegramParts, options: TelegramOptions | None = None
    ) -> None:
        self._token = token
        self._parts = parts
        self._options = options or TelegramOptions()
        self._memory = TelegramMemory(self._options.memory)
        self._background = Background()
        self._polling = PollingRequest()
        self._request = bounded_request(self._longest_answer)
        self._app: _App | None = None
        self._updates: Updates | None = None
        self._log = structlog.get_logger("telegram")

    async def start(self) -> None:
        """Connect, publish the menus and begin to poll; the library reconnects by itself.

        Raises SettingsError where Telegram refuses the token, and Unavailable where it
        cannot be reached; then it may be called again.
        """
        if self._app is not None:
            raise RuntimeError("the adapter runs already")
        await self._memory.open()
        try:
            app = self._application()
            await self._connect(app)
        except InvalidToken:
            # The library's own words quote the token.
            await self._close()
            raise SettingsError(
                "TELEGRAM_TOKEN: Telegram refuses this token.",
                remedy="Copy it from @BotFather once more, or unset it.",
            ) from None
        except TelegramError as error:
            await self._close()
            host = urlsplit(self._options.api_url).netloc or self._options.api_url
            raise Unavailable(
                f"Telegram cannot be reached at {host} ({type(error).__name__}).",
                remedy="Check the network and TELEGRAM_API_URL.",
                retry_after=10.0,
            ) from None
        except BaseException:
            await self._close()
            raise
        self._app = app
        self._background.start(publish_menus(app.bot, self._parts.presenters("en").words))

    async def stop(self) -> None:
        """Take no more updates, finish the answers under way, disconnect. Twice is fine."""
        app, updates, self._app = self._app, self._updates, None
        if app is None or updates is None:
            return
        assert app.updater is not None
        if app.updater.running:
            await app.updater.stop()
        await updates.drain(self._options.drain_s)
        await self._background.stop()
        await app.stop()
        await app.shutdown()
        await self._close()

    def unready(self) -> str | None:
        """Why no updates come in now, None where they do."""
        app = self._app
        if app is None or app.updater is None or not app.updater.running:
            return "telegram: not connected"
        trouble = self._polling.trouble
        return f"telegram: {trouble}" if trouble is not None else None

    @property
    def _longest_answer(self) -> int:
        # Answers of methods are small; a downloaded picture is the longest body there is.
        return max(self._options.max_bytes, MAX_DOWNLOAD) + 2**20

    async def _close(self) -> None:
        # The library leaves connections open where it could not initialize itself.
        await self._request.shutdown()
        await self._polling.shutdown()
        await self._memory.close()

    async def _connect(self, app: _App) -> None:
        assert app.updater is not None
        try:
            await app.initialize()
            await app.updater.start_polling(
                allowed_updates=_UPDATES, error_callback=self._on_polling_error
            )
            await app.start()
        except BaseException:
            if app.updater.running:
                await app.updater.stop()
            await app.shutdown()
            raise

    def _application(self) -> _App:
        options = self._options
        url = options.api_url.rstrip("/")
        app: _App = (
            ApplicationBuilder()
            .token(self._token)
            .base_url(f"{url}/bot")
            .base_file_url(f"{url}/file/bot")
            .request(self._request)
            .get_updates_request(self._polling)
            .rate_limiter(PatientLimiter(options.retry_pauses_s))
            .concurrent_updates(_AT_ONCE)
            .job_queue(None)
            .build()
        )
        updates = self._updates = self._put_together(app.bot)

        async def take(update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
            await updates.take(update)

        app.add_handler(TypeHandler(Update, take))
        return app

    def _put_together(self, bot: ExtBot[Any]) -> Updates:
        parts, options = self._parts, self._options
        photos = Photos(bot, parts.library, parts.thumbnails, self._memory)
        budget = GroupBudget(parts.clock)
        drawing = Drawing(bot, photos, parts.sheets, self._memory, budget)
        service = Service(
            bot=bot,
            commands=parts.commands,
            failures=parts.failures,
            presenters=parts.presenters,
            drawing=drawing,
            following=Following(parts.commands, drawing, step_s=options.progress_step_s),
            background=self._background,
            files=Files(bot, max_bytes=options.max_bytes),
            rights=Rights(bot, parts.clock, operators=options.operators),
        )
        return Updates(
            service,
            Albums(parts.clock, quiet_s=options.album_quiet_s),
            on_button=Buttons(service, self._memory).press,
            on_inline=Inline(service, photos, settle_s=options.inline_settle_s).ask,
        )

    def _on_polling_error(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            self._log.error("another program polls with the same token")
        else:
            self._log.warning("polling failed", error=type(error).__name__)
