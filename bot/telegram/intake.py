"""How updates come in: by asking Telegram again and again, or by being called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import structlog
from telegram import Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError, TimedOut
from telegram.ext import Application

from bot.chat.supervision import Pauses, ended
from bot.telegram.http import PollingRequest
from bot.telegram.rate_limiter import seconds_of
from core.domain.errors import SettingsError

_POLL = timedelta(seconds=10)
_PAUSES = Pauses(first_s=1.0, longest_s=30.0)

ALLOWED_UPDATES = [
    *("message", "edited_message", "channel_post", "edited_channel_post"),
    *("callback_query", "inline_query", "chat_member", "my_chat_member"),
]
"""The kinds of update that are asked for; an edited message is not answered again."""

TelegramApp = Application[Any, Any, Any, Any, Any, Any]

Keep = Callable[[Update], Awaitable[None]]
"""Called with each update before it is acknowledged: Telegram hands it out no more."""


def refused_token() -> SettingsError:
    """What to say of a token that Telegram refuses; the library's own words quote it."""
    return SettingsError(
        "TELEGRAM_TOKEN: Telegram refuses this token.",
        remedy="Copy it from @BotFather once more, or unset it.",
    )


class Intake(Protocol):
    """Feeds an application's queue of updates."""

    async def start(self, app: TelegramApp) -> None:
        """Begin. Raises TelegramError, SettingsError or Unavailable; then nothing runs on."""

    async def ended(self) -> None:
        """Wait until it ends by itself, and raise why."""

    async def stop(self) -> None:
        """Take no more updates; what was accepted is in the queue. Twice is fine."""

    def trouble(self) -> str | None:
        """Why no updates come in now, None where they do."""


class Polling:
    """Asks for updates; Telegram keeps them while nobody does.

    A webhook that was set before is removed, since Telegram gives updates out one way only.
    The library's own polling is not used: it goes on as if nothing were wrong, and without a
    pause, where an answer cannot be read, and nobody hears of it where it ends.
    """

    def __init__(self, request: PollingRequest, keep: Keep, pauses: Pauses = _PAUSES) -> None:
        self._request = request
        self._keep = keep
        self._pauses = pauses
        self._app: TelegramApp | None = None
        self._asking: asyncio.Task[None] | None = None
        self._next: int | None = None
        self._log = structlog.get_logger("telegram")

    async def start(self, app: TelegramApp) -> None:
        """Remove the webhook and begin to poll. Raises TelegramError."""
        await app.bot.delete_webhook()
        self._app = app
        self._asking = asyncio.create_task(self._keep_asking(app))

    async def ended(self) -> None:
        """Wait until polling ends by itself, and raise why."""
        assert self._asking is not None
        await ended({self._asking})

    async def stop(self) -> None:
        """End the poll under way, and tell Telegram what was taken."""
        app, self._app = self._app, None
        if app is None or self._asking is None:
            return
        self._asking.cancel()
        await asyncio.wait({self._asking})
        try:
            await self._ask(app, wait=timedelta(0))
        except Exception as error:  # noqa: BLE001 - what Telegram sends again is dropped as known
            self._log.warning("not told what was taken", error=type(error).__name__)

    def trouble(self) -> str | None:
        """Why no updates come in now, None where they do."""
        if self._app is None or self._asking is None or self._asking.done():
            return "not connected"
        return self._request.trouble

    async def _keep_asking(self, app: TelegramApp) -> None:
        failures = 0
        while True:
            try:
                updates = await self._ask(app, wait=_POLL)
            except InvalidToken:
                raise refused_token() from None
            except TimedOut:
                continue
            except RetryAfter as error:
                await asyncio.sleep(seconds_of(error))
                continue
            except TelegramError as error:
                failures += 1
                self._note(error)
                await asyncio.sleep(self._pauses.after(failures))
                continue
            failures = 0
            await asyncio.gather(*map(self._keep, updates))
            for update in updates:
                await app.update_queue.put(update)
                self._next = update.update_id + 1

    async def _ask(self, app: TelegramApp, *, wait: timedelta) -> Sequence[Update]:
        # What comes before the offset counts as taken.
        updates: Sequence[Update] = await app.bot.get_updates(
            offset=self._next, timeout=wait, allowed_updates=ALLOWED_UPDATES
        )
        return updates

    def _note(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            self._log.error("another program polls with the same token")
        else:
            self._log.warning("polling failed", error=type(error).__name__)
