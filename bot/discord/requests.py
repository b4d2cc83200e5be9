"""From Discord's interactions and messages to neutral requests: who asks what, and where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import discord
from cachetools import LRUCache

from bot.chat.access_list import Roster
from bot.discord.readers import bot_reads, is_for_adults
from bot.protocol.requests import Attachment, NamedChannel, Request

PLATFORM = "discord"

_Somebody = discord.User | discord.Member


def community_of(guild_id: int | None, user_id: int) -> str:
    """``discord:<server>``, or a community of the user's own in direct messages.

    The latter has a form that no setting can name: only collections for everybody are visible
    there, what an operator or a code let it into, and to operators the default collection.
    """
    return f"discord:{guild_id}" if guild_id is not None else f"discord:dm:{user_id}"


@dataclass(frozen=True, slots=True)
class MemberRights:
    """Who may do what, by Discord's permissions and by whom the settings name."""

    roster: Roster = field(default_factory=Roster)

    def administers(self, somebody: _Somebody, permissions: discord.Permissions) -> bool:
        manages = permissions.manage_guild or permissions.administrator
        return manages or self.operates(somebody)

    def operates(self, somebody: _Somebody) -> bool:
        """Whether the settings name somebody, or a role, among the administrators."""
        return _among(somebody, self.roster.admins)

    def adds(self, somebody: _Somebody) -> bool:
        return _among(somebody, self.roster.adders)


def interaction_request(
    interaction: discord.Interaction,
    named: MemberRights,
    *,
    command: str | None = None,
    options: Mapping[str, str | int | bool] | None = None,
    pictures: tuple[Attachment, ...] = (),
    channels: frozenset[str] = frozenset(),
) -> Request:
    """The request of a slash command, a context menu or a button.

    The rights are those that Discord computed for this very call. ``channels``: whose posts the
    answer may show.
    """
    user = interaction.user
    return Request(
        platform=PLATFORM,
        community=community_of(interaction.guild_id, user.id),
        requester=f"discord:{user.id}",
        is_admin=named.administers(user, interaction.permissions),
        locale=interaction.locale.value,
        command=command,
        options=options or {},
        pictures=pictures,
        drawings=True,
        channel=str(interaction.channel_id or ""),
        may_add=named.adds(user),
        is_operator=named.operates(user),
        adults=is_for_adults(interaction.channel),
        channels=channels,
    )


def message_request(
    message: discord.Message,
    named: MemberRights,
    *,
    locale: str,
    text: str = "",
    pictures: tuple[Attachment, ...] = (),
    replied: tuple[Attachment, ...] = (),
    unasked: bool = False,
    channels: frozenset[str] = frozenset(),
) -> Request:
    """The request of a message. ``locale`` is its author's language, where that is known.

    The rights are those of the roles that came with the message. In a server the answer is
    for all to read, so that its language is the server's.
    """
    author, guild = message.author, message.guild
    permissions = discord.Permissions.none()
    if isinstance(author, discord.Member):
        permissions = author.guild_permissions
    return Request(
        platform=PLATFORM,
        community=community_of(guild.id if guild else None, author.id),
        requester=f"discord:{author.id}",
        is_admin=named.administers(author, permissions),
        locale=guild.preferred_locale.value if guild else locale,
        text=text,
        pictures=pictures,
        replied=replied,
        drawings=True,
        channel=str(message.channel.id),
        may_add=named.adds(author),
        is_operator=named.operates(author),
        unasked=unasked,
        adults=is_for_adults(message.channel),
        channels=channels,
    )


def named_channels(
    interaction: discord.Interaction, options: Mapping[str, str | int | bool]
) -> tuple[NamedChannel, ...]:
    """The channels that /index is about: the one that is named, all, or the one it is asked in.

    None of them is one that the asker may not read; a thread is its channel.
    """
    guild, user = interaction.guild, interaction.user
    if guild is None or not isinstance(user, discord.Member):
        return ()
    chosen = guild.get_channel_or_thread(int(options.get("channel") or interaction.channel_id or 0))
    there: list[discord.abc.GuildChannel] = []
    if options.get("everywhere") is True:
        there = [each for each in guild.channels if bot_reads(each)]
    elif isinstance(chosen, discord.CategoryChannel):
        there = list(chosen.channels)
    elif isinstance(chosen, discord.Thread):
        there = [chosen.parent] if chosen.parent is not None else []
    elif chosen is not None:
        there = [chosen]
    return tuple(
        NamedChannel(f"{PLATFORM}:{each.id}", str(each.id), each.name, bot_reads(each))
        for each in there
        if not isinstance(each, discord.CategoryChannel)
        and each.permissions_for(user).read_message_history
        and each.permissions_for(user).view_channel
    )


def person_of(options: Mapping[str, str | int | bool]) -> str:
    """The person that an option names, as /privacy knows people; empty where none does."""
    person = options.get("person")
    return f"{PLATFORM}:{person}" if person else ""


def addressed_text(message: discord.Message, bot_id: int) -> str | None:
    """What a message says to the bot, None where it does not speak to it.

    It does in a direct message, where it names the bot, and where it answers one of the
    bot's messages with a picture. An answer without picture or name is talk between people
    about what the bot showed.
    """
    names = re.compile(rf"<@!?{bot_id}>")
    text = names.sub(" ", message.content).strip()
    if isinstance(message.channel, discord.DMChannel) or names.search(message.content):
        return text
    reference = message.reference
    replied = reference.resolved if reference else None
    to_bot = isinstance(replied, discord.Message) and replied.author.id == bot_id
    return text if to_bot and (message.attachments or message.stickers) else None


def _among(somebody: _Somebody, ids: frozenset[int]) -> bool:
    if somebody.id in ids:
        return True
    return isinstance(somebody, discord.Member) and any(role.id in ids for role in somebody.roles)


_DEFAULT = "en"
_REMEMBERED = 10_000


class Locales:
    """Remembers, until the process ends, in which language people last used a command."""

    def __init__(self) -> None:
        self._locales: LRUCache[int, str] = LRUCache(_REMEMBERED)

    def note(self, user_id: int, locale: str) -> None:
        """Somebody has Discord in this language, a tag as ``pt-BR``."""
        self._locales[user_id] = locale

    def of(self, user_id: int) -> str:
        """Somebody's language, English where it is not known."""
        return self._locales.get(user_id, _DEFAULT)
