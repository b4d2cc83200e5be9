"""The webhook: Telegram calls us with each update, and a secret proves that it is Telegram."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from aiohttp import web
from telegram import Bot, Update, WebhookInfo
from telegram.error import BadRequest, TelegramError

from bot.chat.supervision import ended
from bot.http.connections import ConnectionLimits
from bot.http.listener import Listener
from bot.http.secrets import SECRET, kept_secret
from bot.http.server import Runner
from bot.telegram.intake import ALLOWED_UPDATES, Keep, TelegramApp
from bot.telegram.shares import Shares, Tally
from core.domain.errors import PlatformUnreachable, SettingsError, Unavailable

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
"""Where Telegram sends the secret (Bot API, "setWebhook")."""

_PATH_LETTERS = 40
# A message has 4,096 characters and a keyboard at most 100 buttons: some 50 kB.
_MAX_BODY = 2**20
_BODY_S = 10.0
_DRAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Where updates come in.

    ``url`` is the address under which Telegram reaches ``host`` and ``port``: https, as a
    reverse proxy serves it. ``secret`` takes 16 to 256 letters, digits, ``_`` or ``-``;
    without one, the one in ``secret_file`` is used, or made. Every ``check_s`` seconds
    Telegram is asked whether the webhook stands and whether it gets through.
    ``connections`` None are as many as this process's descriptors allow.
    """

    url: str
    host: str = "127.0.0.1"
    port: int = 8443
    secret: str | None = None
    secret_file: Path | None = None
    check_s: float = 60.0
    connections: ConnectionLimits | None = None


class Webhook:
    """Listens, tells Telegram where, and puts what comes into the application's queue.

    An update is accepted once it is in the queue; Telegram keeps and repeats all others,
    also over a restart, since the webhook stays set when the program stops.
    """

    def __init__(self, options: WebhookOptions, keep: Keep) -> None:
        self._options = options
        self._keep = keep
        self._app: TelegramApp | None = None
        self._secret = b""
        self._listener: Listener | None = None
        self._runner: Runner | None = None
        self._checking: asyncio.Task[None] | None = None
        self._trouble: str | None = "the webhook is not set"
        self._log = structlog.get_logger("telegram")
        self._unreadable = Tally(
            lambda count: self._log.error("dropped updates that cannot be read", count=count)
        )

    async def start(self, app: TelegramApp) -> None:
        """Listen and set the webhook.

        Raises SettingsError where the address or the secret cannot be used, Unavailable
        where Telegram refuses the address, and TelegramError where it cannot be asked.
        """
        self._app = app
        try:
            self._secret = (await self._choose_secret()).encode()
            await self._listen()
            await self._publish(app.bot)
        except BaseException:
            await self.stop()
            raise
        self._checking = asyncio.create_task(self._keep_checking(app.bot))

    async def ended(self) -> None:
        """Wait until nobody looks after the webhook any more, and raise why."""
        assert self._checking is not None
        await ended({self._checking})

    async def stop(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait({self._checking})
            self._checking = None
        if self._runner is not None and self._listener is not None:
            await self._listener.leave(self._runner)
            await self._runner.cleanup()
            self._runner = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._unreadable.close()

    def trouble(self) -> str | None:
        return self._trouble if self._runner is not None else "not connected"

    @property
    def _address(self) -> str:
        return f"{self._options.url.rstrip('/')}/telegram/{self._name}"

    @property
    def _name(self) -> str:
        # Hard to guess, so that scanners are not even asked for the secret, and no secret
        # itself: addresses end up in the logs of proxies.
        return hashlib.sha256(b"path:" + self._secret).hexdigest()[:_PATH_LETTERS]

    async def _choose_secret(self) -> str:
        secret = self._options.secret
        if secret is None:
            return await asyncio.to_thread(
                kept_secret,
                self._options.secret_file,
                what="The webhook's secret",
                remedy="Make the data folder writable, or set telegram.webhook_secret.",
            )
        if not SECRET.fullmatch(secret):
            raise SettingsError(
                "telegram.webhook_secret cannot be used.",
                remedy="Choose 16 to 256 letters, digits, _ or -, or leave it out.",
            )
        return secret

    async def _listen(self) -> None:
        routes = web.Application(client_max_size=_MAX_BODY)
        # A proxy may pass on the whole path, or what is left of it.
        routes.router.add_post(f"/{{rest:(?:.*/)?}}{self._name}", self._take)
        options = self._options
        self._listener = await Listener.open(
            options.host,
            options.port,
            who="Telegram's webhook",
            settings="telegram.webhook_host and telegram.webhook_port",
            other="telegram.webhook_port",
        )
        runner = Runner(routes, options.connections, shutdown_timeout=_DRAIN_S)
        await runner.setup()
        self._runner = runner
        await self._listener.serve(runner)

    async def _publish(self, bot: Bot) -> None:
        try:
            await bot.set_webhook(
                self._address,
                allowed_updates=ALLOWED_UPDATES,
                secret_token=self._secret.decode(),
            )
        except BadRequest as error:
            # Its host may be unknown for the moment only, so this is tried again.
            raise PlatformUnreachable(
                f"Telegram refuses telegram.webhook_url: {error.message}.",
                remedy="It must be an https address, on port 443, 80, 88 or 8443, that the "
                "whole internet reaches.",
                retry_after=30.0,
            ) from None
        self._trouble = None

    async def _take(self, request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, self._secret):
            return web.Response(status=401)
        assert self._app is not None
        shares = self._app.update_processor
        assert isinstance(shares, Shares)
        if shares.full:
            # Telegram keeps what is not accepted, and sends it again.
            return web.Response(status=503, headers={"Retry-After": "1"})
        try:
            async with asyncio.timeout(_BODY_S):
                body = await request.json()
        except TimeoutError:
            return web.Response(status=408)
        except ValueError:
            return web.Response(status=400)
        try:
            update = Update.de_json(body, self._app.bot)
        except Exception:  # noqa: BLE001 - the library raises anything
            # Refused it would come again and again, and hold up all after it.
            self._unreadable.add()
        else:
            await self._keep(update)
            await self._app.update_queue.put(update)
        return web.Response()

    async def _keep_checking(self, bot: Bot) -> None:
        while True:
            await asyncio.sleep(self._options.check_s)
            try:
                await self._check(bot, await bot.get_webhook_info())
            except (TelegramError, Unavailable) as error:
                self._trouble = "Telegram cannot be reached"
                self._log.warning("webhook not checked", error=type(error).__name__)

    async def _check(self, bot: Bot, info: WebhookInfo) -> None:
        if info.url != self._address:
            # A program that polled with our token has removed it: no updates would arrive.
            self._log.error("another program has changed the webhook of the same token")
            await self._publish(bot)
            self._trouble = "another program has changed the webhook of the same token"
            return
        since = datetime.now(UTC) - timedelta(seconds=2 * self._options.check_s)
        failed = info.last_error_date is not None and info.last_error_date > since
        self._trouble = (
            f"Telegram cannot deliver updates ({info.last_error_message})"
            if failed and info.pending_update_count
            else None
        )
