"""How updates come in: by asking Telegram again and again, or by being called."""

from __future__ import annotations

from typing import Any, Protocol

import structlog
from telegram.error import Conflict, TelegramError
from telegram.ext import Application

from bot.telegram.http import PollingRequest

ALLOWED_UPDATES = ["message", "callback_query", "inline_query", "chat_member", "my_chat_member"]
"""The kinds of update that are asked for; a message that was edited is not answered anew."""

TelegramApp = Application[Any, Any, Any, Any, Any, Any]


class Intake(Protocol):
    """Feeds an application's queue of updates."""

    async def start(self, app: TelegramApp) -> None:
        """Begin. Raises TelegramError, SettingsError or Unavailable; then nothing runs on."""

    async def stop(self) -> None:
        """Take no more updates; what was accepted is in the queue. Twice is fine."""

    def trouble(self) -> str | None:
        """Why no updates come in now, None where they do."""


class Polling:
    """Asks for updates; Telegram keeps them while nobody does.

    A webhook that was set before is removed, since Telegram gives updates out one way only.
    """

    def __init__(self, request: PollingRequest) -> None:
        self._request = request
        self._app: TelegramApp | None = None
        self._log = structlog.get_logger("telegram")

    async def start(self, app: TelegramApp) -> None:
        """Remove the webhook and begin to poll. Raises TelegramError."""
        assert app.updater is not None
        self._app = app
        await app.updater.start_polling(
            allowed_updates=ALLOWED_UPDATES, error_callback=self._on_error
        )

    async def stop(self) -> None:
        """End the poll under way, and tell Telegram what was taken."""
        app, self._app = self._app, None
        if app is not None and app.updater is not None and app.updater.running:
            await app.updater.stop()

    def trouble(self) -> str | None:
        """Why no updates come in now, None where they do."""
        if self._app is None or self._app.updater is None or not self._app.updater.running:
            return "not connected"
        return self._request.trouble

    def _on_error(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            self._log.error("another program polls with the same token")
        else:
            self._log.warning("polling failed", error=type(error).__name__)
