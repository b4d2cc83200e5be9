"""The chat platforms that have a token: made, kept running, stopped."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.chat.access_list import Roster
from bot.chat.admission import Admission
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.chat.supervision import PAUSES, Pauses
from bot.engine.engine import Engine
from bot.engine.telegram_memory import FILE as MEMORY
from bot.engine.telegram_memory import StoredMemory
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from bot.telegram.memory import TelegramMemory
from bot.terminal.console import Terminal
from core.domain.errors import SettingsError, TangerineError


class Adapter(Protocol):
    async def start(self) -> None:
        """Connect. Raises SettingsError until somebody acts, Unavailable for now."""

    async def ended(self) -> None:
        """Wait until what :meth:`start` began ends by itself, and raise why."""

    async def stop(self) -> None:
        """Answer what is under way and leave; nothing where nothing runs."""

    def unready(self) -> str | None:
        """Why nobody gets an answer now, None where they do."""


@dataclass(frozen=True, slots=True)
class ChatParts:
    """What every adapter answers with.

    ``languages`` are the tags of those that there are translations for. ``telegram`` is what
    the Telegram adapter remembers of people, where there is one. The rosters are whom the
    settings name.
    """

    commands: Commands
    admission: Admission
    thumbnails: Thumbnails
    sheets: Sheets
    failures: Failures
    presenters: Callable[[str], Presenter]
    languages: Sequence[str]
    telegram: TelegramMemory | None
    discord_roster: Roster
    telegram_roster: Roster


class Platform:
    """An adapter that is kept running in the background: it is restarted whenever it ends.

    A platform that cannot be reached, refuses its token, or sends what its library does not
    expect, never stops the others, nor the program.
    """

    def __init__(
        self,
        name: str,
        adapter: Adapter,
        terminal: Terminal,
        failures: Failures,
        *,
        pauses: Pauses = PAUSES,
    ) -> None:
        self._name = name
        self._adapter = adapter
        self._terminal = terminal
        self._failures = failures
        self._pauses = pauses
        self._failure: str | None = None
        self._told: object = None
        self._running: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._name.lower()

    def start(self) -> None:
        self._running = asyncio.create_task(self._keep_running(), name=self._name)

    async def stop(self) -> None:
        """Stop connecting, or disconnect. Raises nothing."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._leave()

    def unready(self) -> str | None:
        return self._failure or self._adapter.unready()

    async def _keep_running(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            connected_at = float("inf")
            failures += 1
            try:
                await self._adapter.start()
                connected_at = clock()
                self._failure = self._told = None
                self._terminal.note(f"{self._name}: connected")
                await self._adapter.ended()
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                pause_s = self._explain(error, failures)  # not ours: something inside gave up
            except Exception as error:  # noqa: BLE001 - every failure is reported and retried
                pause_s = self._explain(error, failures)
            await self._leave()
            if clock() - connected_at > self._pauses.longest_s:
                failures = 0
            await asyncio.sleep(pause_s)

    def _explain(self, error: BaseException, failures: int) -> float:
        """Tell once why it does not run; seconds until it is tried again."""
        pause_s = self._pauses.after(failures)
        if isinstance(error, TangerineError):
            if self._told != error.message:
                self._terminal.error(error.message, error.remedy)
            self._failure = self._told = error.message
            if isinstance(error, SettingsError):
                return self._pauses.longest_s  # it takes somebody who changes something
            return max(pause_s, getattr(error, "retry_after", 0.0))
        place = (type(error), _place_of(error))
        if self._told != place:
            incident = self._failures.incident(error, platform=self.name)
            self._failure = f"{self._name} ended unexpectedly (error {incident})"
            self._terminal.error(
                f"{self._failure}: {type(error).__name__}. It is tried again in {pause_s:.0f} s, "
                "then after longer pauses; the log has the place under this number."
            )
        self._told = place
        return pause_s

    async def _leave(self) -> None:
        # A task of its own: a stop that comes meanwhile waits for it instead of cutting it off.
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._adapter.stop())
        await asyncio.wait({self._leaving})
        leaving, self._leaving = self._leaving, None
        error = None if leaving.cancelled() else leaving.exception()
        if error is not None:
            incident = self._failures.incident(error, platform=self.name)
            self._terminal.error(
                f"{self._name} could not be left in order (error {incident}): "
                f"{type(error).__name__}. Nothing is lost by it."
            )


def _place_of(error: BaseException) -> tuple[str, int] | None:
    """The file and line that an exception comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    return (frames[-1].filename, frames[-1].lineno or 0) if frames else None


def telegram_memory(engine: Engine) -> TelegramMemory | None:
    """What the Telegram adapter remembers of people, None where there is no such adapter."""
    settings = engine.settings
    if settings.telegram.token is None:
        return None
    if settings.database_url is not None:
        return StoredMemory(engine.catalogue.database)
    return StoredMemory(settings.data_dir / MEMORY)


def platforms_of(engine: Engine, chat: ChatParts, terminal: Terminal) -> list[Platform]:
    found = []
    if engine.settings.discord.token:
        found.append(Platform("Discord", _discord(engine, chat), terminal, chat.failures))
    if engine.settings.telegram.token:
        found.append(Platform("Telegram", _telegram(engine, chat), terminal, chat.failures))
    return found


def _discord(engine: Engine, chat: ChatParts) -> Adapter:
    # Imported here, as below: each client library takes half a second that only those pay
    # who have a token for it.
    from bot.discord.adapter import DiscordAdapter, DiscordOptions, DiscordParts  # noqa: PLC0415

    settings = engine.settings
    assert settings.discord.token is not None
    return DiscordAdapter(
        DiscordParts(
            commands=chat.commands,
            library=engine.library,
            # Its own: its pictures are large and would push the web chat's small ones out.
            thumbnails=Thumbnails(engine.decoder),
            decoder=engine.decoder,
            failures=chat.failures,
            presenters=chat.presenters,
        ),
        DiscordOptions(
            token=settings.discord.token.get_secret_value(),
            state_file=settings.data_dir / "discord-commands",
            api_url=settings.discord.api_url,
            gateway_url=settings.discord.gateway_url,
            roster=chat.discord_roster,
            message_content=settings.discord.message_content,
            shards=settings.discord.shards,
            max_bytes=settings.pictures.max_bytes,
        ),
    )


def _telegram(engine: Engine, chat: ChatParts) -> Adapter:
    from bot.telegram.adapter import (  # noqa: PLC0415
        PUBLIC_API,
        TelegramAdapter,
        TelegramOptions,
        TelegramParts,
    )
    from bot.telegram.webhook import WebhookOptions  # noqa: PLC0415

    settings, telegram = engine.settings, engine.settings.telegram
    assert telegram.token is not None
    assert chat.telegram is not None
    secret = telegram.webhook_secret
    webhook = telegram.webhook_url and WebhookOptions(
        url=telegram.webhook_url,
        host=telegram.webhook_host,
        port=telegram.webhook_port,
        secret=secret.get_secret_value() if secret else None,
        secret_file=settings.data_dir / "telegram-webhook-secret",
    )
    return TelegramAdapter(
        telegram.token.get_secret_value(),
        TelegramParts(
            commands=chat.commands,
            library=engine.library,
            thumbnails=chat.thumbnails,
            sheets=chat.sheets,
            failures=chat.failures,
            presenters=chat.presenters,
            memory=chat.telegram,
            clock=engine.clock,
        ),
        TelegramOptions(
            api_url=telegram.api_url or PUBLIC_API,
            max_bytes=settings.pictures.max_bytes,
            roster=chat.telegram_roster,
            languages=tuple(dict.fromkeys(tag.partition("-")[0] for tag in chat.languages)),
            webhook=webhook or None,
        ),
    )
