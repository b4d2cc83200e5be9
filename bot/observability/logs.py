"""Structured logs on standard error, as the settings want them, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.terminal.printable import printable
from config.addresses import credentials_of
from config.settings import Settings

_HIDDEN = "[secret]"
# Discord's tokens are three base64url parts (developers' reference, "Authentication");
# Telegram's are a number, a colon and 35 characters (Bot API, "Authorizing your bot").
_TOKEN = re.compile(r"[\w-]{20,}\.[\w-]{5,}\.[\w-]{25,}|(?<!\d)\d{6,}:[\w-]{30,}")
# They log every address they call, and Telegram's addresses carry the token.
_TALKATIVE = (
    "httpx",
    "httpcore",
    "discord",
    "telegram",
    "aiohttp.access",
    "asyncio",
    "PIL",
    "urllib3",
    "faiss",
    "watchfiles",
)


def configure(
    level: str,
    style: Literal["auto", "text", "json"],
    secrets: Iterable[str] = (),
) -> None:
    """Send this process's logs to standard error.

    ``secrets`` are replaced wherever they occur, as is all that looks like a bot token.
    """
    text = style == "text" or (style == "auto" and _at_a_terminal())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets),
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if text
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_without_requests)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _without_requests(record: logging.LogRecord) -> bool:
    """Take out of aiohttp's own lines what somebody sent.

    It logs the bytes of a request that it cannot parse, questions and tokens among them. Errors
    of our handlers never come so far (``bot.web.errors``).
    """
    if record.name.startswith("aiohttp.") and record.levelno < logging.CRITICAL:
        kind = record.exc_info[0] if isinstance(record.exc_info, tuple) else None
        record.msg = f"aiohttp: {kind.__name__ if kind else 'a request could not be served'}"
        record.args = ()
        record.exc_info = record.exc_text = record.stack_info = None
    return True


def _at_a_terminal() -> bool:
    """Whether a person reads along, also where the lines go through ``tee`` or ``less``."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return any(stream is not None and stream.isatty() for stream in streams)


class Redactor:
    """A structlog processor that takes secrets, and control characters, out of every value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        parts = [re.escape(secret) for secret in secrets if secret]
        self._pattern = re.compile("|".join([*parts, _TOKEN.pattern]))

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger, method
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            return printable(self._pattern.sub(_HIDDEN, value))
        if isinstance(value, dict):
            return {key: self._clean(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(inner) for inner in value]
        if isinstance(value, int | float | bool | None):
            return value
        return printable(self._pattern.sub(_HIDDEN, str(value)))


def configure_logs(settings: Settings) -> None:
    """Send the logs where and as these settings say, without any of their secrets."""
    secrets = (
        settings.web.token,
        settings.encoder.token,
        settings.discord.token,
        settings.telegram.token,
        settings.telegram.webhook_secret,
    )
    configure(
        settings.logs.level,
        settings.logs.format,
        [
            *(secret.get_secret_value() for secret in secrets if secret),
            *(credentials_of(url.get_secret_value()) for url in settings.encoder.urls),
        ],
    )
