"""What Telegram says of a bot token: who it is, what it hears in groups, inline mode, webhook."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from bot.doctor.findings import (
    Findings,
    OutOfReachError,
    RefusedError,
    ask,
    fine,
    warning,
)
from bot.doctor.posts import indexed, unheard_chats
from config.settings import Settings

PUBLIC_API = "https://api.telegram.org"

_CHECK = "telegram"
# An older failure of the webhook has been put right, or nobody has written since.
_RECENT_S = 3600.0
# 404 is what Telegram answers where the token has not even the form of one.
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class TelegramBot:
    """A bot as Telegram knows it; ``webhook`` is the address that is called, empty for none.

    ``methods`` is where its methods are called, and holds the token. ``webhook_error`` is what went
    wrong with the webhook within the last hour, empty for nothing.
    """

    id: int
    methods: str
    name: str
    hears_groups: bool
    inline: bool
    webhook: str
    webhook_error: str


async def ask_telegram(token: str, api_url: str | None) -> TelegramBot:
    """Who the bot of this token is. Raises RefusedError."""
    base = f"{(api_url or PUBLIC_API).rstrip('/')}/bot{token}"
    results: list[dict[str, Any]] = []
    for method in ("getMe", "getWebhookInfo"):
        try:
            answer = await ask(f"{base}/{method}", proxies=True)
        except OutOfReachError as error:
            raise RefusedError(
                _CHECK,
                f"Telegram cannot be reached at {error}.",
                "Check the network, and TELEGRAM_API_URL if it is set.",
            ) from None
        if answer.status in _REFUSALS:
            raise RefusedError(
                _CHECK,
                "Telegram refuses the token.",
                "Copy it from @BotFather once more into TELEGRAM_TOKEN, or unset it.",
                for_good=True,
            )
        result = answer.body.get("result")
        if answer.status != HTTPStatus.OK or not isinstance(result, dict):
            raise RefusedError(
                _CHECK,
                f"Telegram answers {method} with HTTP {answer.status}.",
                "Try again in a minute.",
            )
        results.append(result)
    me, hook = results
    recent = time.time() - float(hook.get("last_error_date", 0)) < _RECENT_S
    return TelegramBot(
        id=int(me.get("id", 0)),
        methods=base,
        name=str(me.get("username", "")),
        hears_groups=bool(me.get("can_read_all_group_messages")),
        inline=bool(me.get("supports_inline_queries")),
        webhook=str(hook.get("url", "")),
        webhook_error=str(hook.get("last_error_message", "")) if recent else "",
    )


async def check_telegram(installed: Settings) -> Findings:
    """Whether the bot of the token gets what people send to it."""
    settings = installed.telegram
    if settings.token is None:
        return [fine(_CHECK, "No token is set; Telegram is not used.")]
    try:
        bot = await ask_telegram(settings.token.get_secret_value(), settings.api_url)
    except RefusedError as refused:
        return [refused.finding]
    findings = [fine(_CHECK, f"Telegram knows the bot as @{bot.name}.")]
    if not bot.hears_groups:
        findings.append(
            warning(
                _CHECK,
                "Privacy mode is on: in groups the bot hears commands, mentions and replies "
                "to it only, not every photo: it answers none unasked, and /index takes none in.",
                "If that is not enough: /setprivacy at @BotFather, Disable; then take the bot "
                "out of the group and add it again. Or make it an administrator of the group.",
            )
        )
    findings += await unheard_chats(
        bot.methods,
        await asyncio.to_thread(indexed, installed, _CHECK),
        bot.id,
        hears_groups=bot.hears_groups,
    )
    if not bot.inline:
        findings.append(
            warning(
                _CHECK,
                f"Inline mode is off: @{bot.name} and words in another chat find nothing.",
                "If you want it: /setinline at @BotFather.",
            )
        )
    if settings.webhook_url and bot.webhook_error:
        findings.append(
            warning(
                _CHECK,
                f"Telegram could not call the webhook within the last hour: {bot.webhook_error}.",
                "Check that the address is reachable from outside, with a certificate that "
                "browsers accept, and that the proxy hands it on to telegram.webhook_port.",
            )
        )
    if bot.webhook and not settings.webhook_url:
        findings.append(
            warning(
                _CHECK,
                f"Telegram calls {urlsplit(bot.webhook).netloc} with this bot's updates.",
                "Nothing, if that is an installation which you give up: this one takes over "
                "when it starts.",
            )
        )
    return findings
