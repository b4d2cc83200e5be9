"""Where Discord is reached, and why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.discord.targets import DELIVERY_ERRORS
from core.domain.errors import PlatformUnreachable, SettingsError, TangerineError

# Close codes of the gateway (developers' reference, "Gateway Close Event Codes").
_BAD_TOKEN = 4004
_BAD_INTENTS = frozenset({4013, 4014})


@contextmanager
def addresses(api_url: str | None, gateway_url: str | None) -> Iterator[None]:
    """Let the library talk to other servers than Discord's own.

    It keeps both addresses as attributes of classes and takes none in any constructor; a
    shard that reconnects asks the class again. So one process talks to one Discord, and
    nothing is touched where no address is set.
    """
    api, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    if api_url:
        Route.BASE = api_url.rstrip("/")
    if gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = api, gateway


def explained(error: BaseException) -> TangerineError | None:
    """The error in the operator's words, None where it is none of the foreseen."""
    code = error.code if isinstance(error, discord.ConnectionClosed) else None
    if isinstance(error, discord.LoginFailure) or code == _BAD_TOKEN:
        return SettingsError(
            "Discord does not accept the token.",
            remedy="Set DISCORD_TOKEN to the token of your bot (developer portal, Bot, Reset "
            "Token).",
        )
    if isinstance(error, discord.PrivilegedIntentsRequired) or code in _BAD_INTENTS:
        return SettingsError(
            "Discord refuses the events that the bot asks for.",
            remedy="Switch on “Message Content Intent” for your bot in the developer portal "
            "(Bot, Privileged Gateway Intents), or set discord.message_content = false.",
        )
    if isinstance(error, (*DELIVERY_ERRORS, TimeoutError)):
        return PlatformUnreachable(
            f"Discord cannot be reached ({type(error).__name__}).",
            remedy="Check the network and discordstatus.com. It is tried again by itself.",
            retry_after=30.0,
        )
    return error if isinstance(error, TangerineError) else None
