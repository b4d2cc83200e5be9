"""In which servers the bot is: what was added in those that it left is deleted later."""

from __future__ import annotations

import structlog

from bot.discord_requests import community_of
from core.errors import TangerineError
from core.ports import Contributions

_log = structlog.get_logger("bot.discord")


class Guilds:
    """Hands on that the bot came or went. Nothing but cancellation leaves its methods."""

    def __init__(self, contributions: Contributions) -> None:
        self._contributions = contributions

    async def joined(self, guild_id: int) -> None:
        """The bot is in this server, newly or as before."""
        try:
            await self._contributions.joined(community_of(guild_id, 0))
        except TangerineError as error:
            _log.error("not noted that the bot is in a server", code=error.code)

    async def left(self, guild_id: int) -> None:
        """The bot was removed from this server, or the server is no more."""
        try:
            await self._contributions.left(community_of(guild_id, 0))
        except TangerineError as error:
            _log.error("not noted that the bot left a server", code=error.code)
