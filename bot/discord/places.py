"""The channels of each server whose posts are kept, and which of them an answer may show."""

from __future__ import annotations

from collections.abc import Iterable

import discord

from bot.discord.readers import is_for_adults, readable_by, readable_by_all

_NOTHING: frozenset[str] = frozenset()


class Places:
    """What is kept where. A server that is not known yet has nothing to show."""

    def __init__(self) -> None:
        self._of: dict[int, frozenset[str]] = {}

    def note(self, guild_id: int, places: Iterable[str]) -> None:
        """These are all channels of a server whose posts are kept."""
        self._of[guild_id] = frozenset(places)

    def of_interaction(self, interaction: discord.Interaction, *, private: bool) -> frozenset[str]:
        """What may be shown in answer to an interaction; ``private``: to the asker alone."""
        guild, user = interaction.guild, interaction.user
        places = self._of.get(interaction.guild_id or 0, _NOTHING)
        if not places or guild is None or not isinstance(user, discord.Member):
            return _NOTHING
        channel = interaction.channel
        adults = is_for_adults(channel)
        if private:
            return readable_by(user, channel, places, adults=adults)
        # What the asker may not read is not shown either, though all others may.
        return readable_by_all(guild, channel, places, adults=adults) & readable_by(
            user, channel, places, adults=adults
        )

    def of_message(self, message: discord.Message) -> frozenset[str]:
        """What may be shown in answer to a message, for all who read its channel."""
        guild, author = message.guild, message.author
        places = self._of.get(guild.id if guild else 0, _NOTHING)
        if not places or guild is None or not isinstance(author, discord.Member):
            return _NOTHING
        adults = is_for_adults(message.channel)
        return readable_by_all(guild, message.channel, places, adults=adults) & readable_by(
            author, message.channel, places, adults=adults
        )
