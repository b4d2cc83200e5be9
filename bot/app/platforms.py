"""The chat platforms that have a token: made, kept running, stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.chat.access_list import Roster
from bot.chat.admission import Admission
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.engine.engine import Engine
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from bot.telegram.memory import TelegramMemory
from bot.terminal.console import Terminal
from config.settings import Settings
from core.domain.errors import SettingsError, Unavailable


class Adapter(Protocol):
    async def start(self) -> None:
        """Connect. Raises SettingsError for good, Unavailable for now."""

    async def stop(self) -> None:
        """Answer what is under way and leave."""

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
    """An adapter that is started in the background, and again while it is out of reach.

    A platform that cannot be reached, or refuses its token, never stops the others.
    """

    def __init__(self, name: str, adapter: Adapter, terminal: Terminal) -> None:
        self._name = name
        self._adapter = adapter
        self._terminal = terminal
        self._failure: str | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._name.lower()

    def start(self) -> None:
        self._starting = asyncio.create_task(self._keep_starting(), name=self._name)

    async def stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._starting
        await self._adapter.stop()

    def unready(self) -> str | None:
        return self._failure or self._adapter.unready()

    async def _keep_starting(self) -> None:
        while True:
            try:
                await self._adapter.start()
            except SettingsError as error:
                self._tell(error)
                return
            except Unavailable as error:
                self._tell(error)
                await asyncio.sleep(error.retry_after)
            else:
                self._failure = None
                self._terminal.note(f"{self._name}: connected")
                return

    def _tell(self, error: SettingsError | Unavailable) -> None:
        if self._failure != error.message:
            self._terminal.error(error.message, error.remedy)
        self._failure = error.message


def telegram_memory(settings: Settings) -> TelegramMemory | None:
    """What the Telegram adapter remembers of people, None where there is no such adapter."""
    if settings.telegram.token is None:
        return None
    return TelegramMemory(settings.data_dir / "telegram.sqlite")


def platforms_of(engine: Engine, chat: ChatParts, terminal: Terminal) -> list[Platform]:
    found = []
    if engine.settings.discord.token:
        found.append(Platform("Discord", _discord(engine, chat), terminal))
    if engine.settings.telegram.token:
        found.append(Platform("Telegram", _telegram(engine, chat), terminal))
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
