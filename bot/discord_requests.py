"""From Discord's interactions and messages to neutral requests: who asks what, and where."""

from __future__ import annotations

import re
from collections.abc import Mapping

import discord

from bot.requests import Attachment, Request

PLATFORM = "discord"


def community_of(guild_id: int | None, user_id: int) -> str:
    """``discord:<server>``, or a community of the user's own in direct messages.

    The latter has a form that no setting can name, so that only collections for everybody
    are visible there.
    """
    return f"discord:{guild_id}" if guild_id is not None else f"discord:dm:{user_id}"


def interaction_request(
    interaction: discord.Interaction,
    admins: frozenset[int],
    *,
    command: str | None = None,
    options: Mapping[str, str | int | bool] | None = None,
    pictures: tuple[Attachment, ...] = (),
) -> Request:
    """The request of a slash command, a context menu or a button.

    The rights are those that Discord computed for this very call.
    """
    user = interaction.user
    return Request(
        platform=PLATFORM,
        community=community_of(interaction.guild_id, user.id),
        requester=f"discord:{user.id}",
        is_admin=_is_admin(user, interaction.permissions, admins),
        locale=interaction.locale.value,
        command=command,
        options=options or {},
        pictures=pictures,
        drawings=True,
    )


def message_request(
    message: discord.Message,
    text: str,
    admins: frozenset[int],
    *,
    pictures: tuple[Attachment, ...],
    replied: tuple[Attachment, ...],
) -> Request:
    """The request of a message to the bot.

    The rights are those of the roles that came with the message.
    """
    author, guild = message.author, message.guild
    permissions = discord.Permissions.none()
    if isinstance(author, discord.Member):
        permissions = author.guild_permissions
    return Request(
        platform=PLATFORM,
        community=community_of(guild.id if guild else None, author.id),
        requester=f"discord:{author.id}",
        is_admin=_is_admin(author, permissions, admins),
        locale=guild.preferred_locale.value if guild else "en",
        text=text,
        pictures=pictures,
        replied=replied,
        drawings=True,
    )


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


def _is_admin(
    user: discord.User | discord.Member, permissions: discord.Permissions, admins: frozenset[int]
) -> bool:
    if permissions.manage_guild or permissions.administrator or user.id in admins:
        return True
    return isinstance(user, discord.Member) and any(role.id in admins for role in user.roles)
