"""Who may read which channels: decided anew for each answer, by what Discord says at that time.

An answer that one person sees shows what that person may read. One that a channel sees shows
what everybody may read who can read that channel, whichever roles they have. Who has which
roles is not known, so every combination that the server's roles allow counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import discord

_Channel = discord.abc.GuildChannel
_RESTRICTABLE = (
    *(discord.TextChannel, discord.VoiceChannel, discord.StageChannel),
    *(discord.ForumChannel, discord.Thread),
)
_PRIVATE = discord.ChannelType.private_thread


@dataclass(frozen=True, slots=True)
class _Rights:
    """What a role, or an overwrite, says of seeing a channel and of reading its history."""

    view: bool | None
    history: bool | None


@dataclass(frozen=True, slots=True)
class _Role:
    """What a role gives everywhere, and what it says in the two channels that are compared."""

    view: bool
    history: bool
    answer: _Rights
    hit: _Rights


def place_of(channel: object) -> str:
    """The id of the channel whose readers alone see what is posted here; empty where unknown.

    Public threads are read by all who read their channel, private ones by those in them.
    """
    if isinstance(channel, discord.Thread):
        return str(channel.id if channel.type is _PRIVATE else channel.parent_id)
    return str(channel.id) if isinstance(channel, _Channel) else ""


def readable_by(
    member: discord.Member, channel: object, places: Collection[str], *, adults: bool
) -> frozenset[str]:
    """Those of these places that a member may read, who asks in this channel."""
    found = {
        place
        for place, there in _candidates(member.guild, places, adults=adults)
        if _reads(there.permissions_for(member))
    }
    return frozenset(found | _here(channel, places))


def readable_by_all(
    guild: discord.Guild, channel: object, places: Collection[str], *, adults: bool
) -> frozenset[str]:
    """Those of these places that everybody may read who can read this channel."""
    answered = channel.parent if isinstance(channel, discord.Thread) else channel
    if not isinstance(answered, _Channel):
        return frozenset()
    found = {
        place
        for place, there in _candidates(guild, places, adults=adults)
        if there.id == answered.id or _open_to_readers(guild, answered, there)
    }
    return frozenset(found | _here(channel, places))


def _here(channel: object, places: Collection[str]) -> set[str]:
    """The private thread that is asked in: who reads the answer reads it."""
    private = isinstance(channel, discord.Thread) and channel.type is _PRIVATE
    mine = place_of(channel)
    return {mine} if private and mine in places else set()


def _candidates(
    guild: discord.Guild, places: Collection[str], *, adults: bool
) -> Iterator[tuple[str, _Channel]]:
    """Channels that are there, that the bot still reads, and that fit where the answer goes."""
    for place in places:
        channel = guild.get_channel(int(place))
        if channel is None or not bot_reads(channel):
            continue
        if adults or (isinstance(channel, _RESTRICTABLE) and not channel.is_nsfw()):
            yield place, channel


def is_for_adults(channel: object) -> bool:
    """Whether Discord lets only those in who say that they are of age. Unknown is no."""
    return isinstance(channel, _RESTRICTABLE) and channel.is_nsfw()


def bot_reads(channel: _Channel) -> bool:
    """Whether the bot may see a channel and its history."""
    me = channel.guild.me
    return me is not None and _reads(channel.permissions_for(me))


def _reads(permissions: discord.Permissions) -> bool:
    return permissions.view_channel and permissions.read_message_history


def _open_to_readers(guild: discord.Guild, answer: _Channel, hit: _Channel) -> bool:
    """Whether nobody can see ``answer`` who may not read ``hit``.

    One role shows somebody a channel, and one denies it, so two roles beside @everyone are
    enough to find such a person, if there can be one. Roles that say the same count as one.
    """
    people = {
        target.id
        for channel in (answer, hit)
        for target in channel.overwrites
        if guild.get_role(target.id) is None
    }
    said = (_overwrites(answer), _overwrites(hit))
    everyone = _role(guild.default_role, said)
    roles = {
        _role(role, said)
        for role in guild.roles
        if not role.is_default() and not role.permissions.administrator
    }
    if guild.default_role.permissions.administrator:
        return True
    listed = sorted(roles, key=repr)
    combinations = [[], *([one] for one in listed)]
    combinations += [
        [one, other] for number, one in enumerate(listed) for other in listed[number + 1 :]
    ]
    for person in (None, *people - {guild.owner_id}):
        own = tuple(each.get(person, _SILENT) if person else _SILENT for each in said)
        for combination in combinations:
            seen, _ = _allowed(everyone, combination, own[0], which="answer")
            if seen and not all(_allowed(everyone, combination, own[1], which="hit")):
                return False
    return True


_SILENT = _Rights(None, None)


def _overwrites(channel: _Channel) -> dict[int, _Rights]:
    return {
        target.id: _Rights(overwrite.view_channel, overwrite.read_message_history)
        for target, overwrite in channel.overwrites.items()
    }


def _role(role: discord.Role, said: tuple[dict[int, _Rights], ...]) -> _Role:
    rights = role.permissions
    answer, hit = (each.get(role.id, _SILENT) for each in said)
    return _Role(rights.view_channel, rights.read_message_history, answer, hit)


def _allowed(
    everyone: _Role, roles: Collection[_Role], own: _Rights, *, which: str
) -> tuple[bool, bool]:
    """Whether somebody with these roles sees a channel, and reads its history.

    As Discord computes it (developers' reference, "Permission Overwrites"): the roles' rights,
    then what the channel says of @everyone, of the roles (to allow wins), of the person.
    """
    results = []
    for right in ("view", "history"):
        has = getattr(everyone, right) or any(getattr(role, right) for role in roles)
        general = getattr(getattr(everyone, which), right)
        has = has if general is None else general
        told = {getattr(getattr(role, which), right) for role in roles}
        has = True if True in told else False if False in told else has
        mine = getattr(own, right)
        results.append(has if mine is None else mine)
    return results[0], results[1]
