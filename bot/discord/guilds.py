"""In which servers the bot is: what was added in those that it left is deleted later."""

from __future__ import annotations

import re
from collections.abc import Collection

import structlog

from bot.discord.requests import PLATFORM, community_of
from core.domain.errors import TangerineError
from core.domain.ports import Contributions

_log = structlog.get_logger("bot.discord")

# Direct messages are communities, too, and nobody removes the bot from them.
_SERVER = re.compile(rf"{PLATFORM}:\d+")


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

    async def present(self, guild_ids: Collection[int]) -> None:
        """These are all servers that the bot is in, as Discord says once it is connected.

        Those it was removed from while it was not connected are noted now. An outage is none
        of them: an unavailable server is among the ids.
        """
        try:
            kept = await self._contributions.communities()
        except TangerineError as error:
            _log.error("not checked which servers the bot has left", code=error.code)
            return
        servers = {each for each in kept if _SERVER.fullmatch(each)}
        gone = sorted(servers - {community_of(each, 0) for each in guild_ids})
        for community in gone:
            await self._note_left(community)
        if gone:
            _log.warning("not in all servers any more whose pictures are kept", servers=len(gone))

    async def left(self, guild_id: int) -> None:
        """The bot was removed from this server, or the server is no more."""
        await self._note_left(community_of(guild_id, 0))

    async def _note_left(self, community: str) -> None:
        try:
            await self._contributions.left(community)
        except TangerineError as error:
            _log.error("not noted that the bot left a server", code=error.code)
