"""The chat platforms that have a token: made, kept running, stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from bot.app.platform import Adapter, Platform
from bot.app.turns import Always, SharedTurn, Turn
from bot.chat.access_list import Roster
from bot.chat.admission import Admission
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.presenters.search import Presenter
from bot.engine.engine import Engine
from bot.engine.telegram_memory import FILE as MEMORY
from bot.engine.telegram_memory import StoredMemory
from bot.http.secrets import derived_secret
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from bot.telegram.memory import TelegramMemory
from bot.terminal.console import Terminal
from config.settings import Settings
from index.catalogue.shared_questions import SharedQuestions

_GRACE_S: Final = 20.0
"""How long people are still told that the database is away, before the platform is left."""


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


def telegram_memory(engine: Engine) -> TelegramMemory | None:
    """What the Telegram adapter remembers of people, None where there is no such adapter."""
    settings = engine.settings
    if settings.telegram.token is None:
        return None
    if settings.database_url is not None:
        return StoredMemory(engine.catalogue.database)
    return StoredMemory(settings.data_dir / MEMORY)


def platforms_of(engine: Engine, chat: ChatParts, terminal: Terminal) -> list[Platform]:
    makers = (
        ("Discord", engine.settings.discord.token, _discord),
        ("Telegram", engine.settings.telegram.token, _telegram),
    )
    return [
        Platform(
            name,
            make(engine, chat),
            terminal,
            chat.failures,
            turn=_turn(engine, name, token.get_secret_value()),
        )
        for name, token, make in makers
        if token
    ]


def _turn(engine: Engine, platform: str, token: str) -> Turn:
    if engine.settings.database_url is None:
        return Always()
    # Nodes with another token are another bot. The database sees no token.
    name = f"{platform} {hashlib.sha256(token.encode()).hexdigest()}"
    if platform == "Discord" and engine.settings.discord.shards:
        name += f" {engine.settings.discord.shards}"
    return SharedTurn(engine.catalogue.database.hold, name, grace_s=_GRACE_S)


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
        # At another node's turn Telegram need not be told of another address.
        secret=secret.get_secret_value()
        if secret
        else shared_secret(settings, telegram.token, "webhook"),
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
            questions=(
                None
                if settings.database_url is None
                else SharedQuestions(engine.catalogue.database)
            ),
        ),
        TelegramOptions(
            api_url=telegram.api_url or PUBLIC_API,
            max_bytes=settings.pictures.max_bytes,
            roster=chat.telegram_roster,
            languages=tuple(dict.fromkeys(tag.partition("-")[0] for tag in chat.languages)),
            webhook=webhook or None,
        ),
    )


def shared_secret(settings: Settings, token: SecretStr | None, purpose: str) -> str | None:
    """The same at all nodes that have this token; None where none share a database."""
    if settings.database_url is None or token is None:
        return None
    return derived_secret(token.get_secret_value(), purpose)
