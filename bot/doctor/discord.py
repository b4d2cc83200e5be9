"""What Discord says of a bot token: who it is, what it may hear, whether it may connect."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from bot.doctor.findings import (
    Findings,
    OutOfReachError,
    RefusedError,
    ask,
    failed,
    fine,
    warning,
)
from bot.doctor.posts import indexed, without_intent
from config.settings import Settings

PUBLIC_API = "https://discord.com/api/v10"

# Application flags GATEWAY_MESSAGE_CONTENT and, for bots in fewer than 100 servers,
# GATEWAY_MESSAGE_CONTENT_LIMITED (reference, "Application Flags").
_MESSAGE_CONTENT = 1 << 18 | 1 << 19

PERMISSIONS = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Embed Links": 1 << 14,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Send Messages in Threads": 1 << 38,
}
"""What the bot needs in a server, by Discord's own names (reference, "Permissions")."""

_CHECK = "discord"
_BAD_TOKEN = (
    "Discord does not accept the token.",
    "Set DISCORD_TOKEN to the token of your bot (developer portal, Bot, Reset Token).",
)


@dataclass(frozen=True, slots=True)
class DiscordBot:
    """A bot as Discord knows it; ``servers`` is None where Discord does not say."""

    name: str
    application_id: int
    hears_all: bool
    servers: int | None
    connections_left: int
    connections_again_s: float


def invite_link(application_id: int) -> str:
    """The address at which somebody with "Manage Server" lets the bot in."""
    query = {
        "client_id": application_id,
        "scope": "bot applications.commands",
        "permissions": sum(PERMISSIONS.values()),
    }
    return f"https://discord.com/oauth2/authorize?{urlencode(query)}"


async def ask_discord(token: str, api_url: str | None) -> DiscordBot:
    """Who the bot of this token is. Raises RefusedError."""
    base = (api_url or PUBLIC_API).rstrip("/")
    bodies = []
    for path in ("users/@me", "applications/@me", "gateway/bot"):
        try:
            answer = await ask(f"{base}/{path}", authorization=f"Bot {token}")
        except OutOfReachError as error:
            raise RefusedError(
                _CHECK,
                f"Discord cannot be reached at {error}.",
                "Check the network, DISCORD_API_URL if it is set, and discordstatus.com.",
            ) from None
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise RefusedError(_CHECK, *_BAD_TOKEN, for_good=True)
        if answer.status != HTTPStatus.OK:
            raise RefusedError(
                _CHECK,
                f"Discord answers /{path} with HTTP {answer.status}.",
                "Try again in a minute; see discordstatus.com where it stays so.",
            )
        bodies.append(answer.body)
    me, application, gateway = bodies
    starts = gateway.get("session_start_limit", {})
    return DiscordBot(
        name=str(me.get("username", "")),
        application_id=int(application["id"]),
        hears_all=bool(application.get("flags", 0) & _MESSAGE_CONTENT),
        servers=application.get("approximate_guild_count"),
        connections_left=int(starts.get("remaining", 1)),
        connections_again_s=float(starts.get("reset_after", 0)) / 1000,
    )


async def check_discord(installed: Settings) -> Findings:
    """Whether the bot of the token can connect and hear what the settings promise."""
    settings = installed.discord
    if settings.token is None:
        return [fine(_CHECK, "No token is set; Discord is not used.")]
    try:
        bot = await ask_discord(settings.token.get_secret_value(), settings.api_url)
    except RefusedError as refused:
        return [refused.finding]
    findings = [fine(_CHECK, f"Discord knows the bot as {bot.name}.")]
    servers = len(await asyncio.to_thread(indexed, installed, _CHECK))
    if servers:
        findings += without_intent(
            servers, granted=bot.hears_all, asked_for=settings.message_content
        )
    elif settings.message_content and not bot.hears_all:
        findings.append(
            failed(
                _CHECK,
                "discord.message_content is true, but the bot lacks the Message Content Intent.",
                "Switch on “Message Content Intent” in the developer portal (Bot, Privileged "
                "Gateway Intents), or set discord.message_content = false.",
            )
        )
    if bot.connections_left < 1:
        findings.append(
            failed(
                _CHECK,
                f"Discord lets the bot connect again in {bot.connections_again_s:.0f} s only: "
                "it was started too often.",
                "Wait so long, and see in the log why it restarts.",
            )
        )
    if bot.servers == 0:
        findings.append(
            warning(
                _CHECK,
                "The bot is in no server yet.",
                f"Open {invite_link(bot.application_id)}",
            )
        )
    return findings
