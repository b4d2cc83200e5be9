"""People, servers and files of a small Discord, as its API and its gateway describe them."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

APPLICATION, BOT = 900, 900
MANAGE_GUILD, ADMINISTRATOR = 1 << 5, 1 << 3
MEMBER_RIGHTS = 1 << 10 | 1 << 11 | 1 << 15 | 1 << 16 | 1 << 31
MIB = 2**20
_EPOCH_MS = 1_420_070_400_000


class Ids:
    """Snowflakes: their time is now, so that tokens age as Discord's do."""

    def __init__(self) -> None:
        self._counter = itertools.count(1)

    def new(self, *, age_s: float = 0.0) -> int:
        """A new id, as of ``age_s`` seconds ago."""
        milliseconds = int((time.time() - age_s) * 1000) - _EPOCH_MS
        return (milliseconds << 22) | (next(self._counter) & 0x3FFFFF)


@dataclass(frozen=True)
class Person:
    """Somebody on Discord; ``rights`` are what they may do in any server."""

    id: int
    name: str = "ana"
    rights: int = MEMBER_RIGHTS
    roles: tuple[int, ...] = ()
    locale: str = "en-US"
    bot: bool = False

    @property
    def user(self) -> Json:
        """As a user object."""
        return {
            "id": str(self.id),
            "username": self.name,
            "discriminator": "0",
            "global_name": None,
            "avatar": None,
            "bot": self.bot,
        }

    @property
    def member(self) -> Json:
        """As a member object, without its user."""
        return {
            "roles": [str(role) for role in self.roles],
            "joined_at": "2024-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "nick": None,
            "flags": 0,
            "avatar": None,
        }


@dataclass(frozen=True)
class Room:
    """A further channel of a server, or a thread where ``parent`` is one.

    ``denies`` and ``allows`` are bits by the id of a role or a person, as overwrites have them.
    ``kind``: 0 text, 4 category, 11 and 12 public and private thread, 15 forum.
    """

    id: int
    name: str = "room"
    kind: int = 0
    denies: dict[int, int] = field(default_factory=dict)
    allows: dict[int, int] = field(default_factory=dict)
    people: frozenset[int] = frozenset()
    restricted: bool = False
    parent: int | None = None
    archived: bool = False


@dataclass
class Server:
    """A community with one text channel and ``threads`` in it, by their ids.

    ``role_rights`` come by role, beside the member's own. In an ``outage`` a new session is
    told that there is such a server, and no more. The channel of a ``restricted`` one is for
    adults alone. ``rooms`` are further channels; the bot has the roles ``bot_roles``.
    """

    id: int
    owner: int = 1
    role_rights: dict[int, int] = field(default_factory=dict)
    file_limit: int = 10 * MIB
    muted: bool = False
    threads: tuple[int, ...] = ()
    restricted: bool = False
    locale: str = "en-US"
    outage: bool = False
    rooms: list[Room] = field(default_factory=list)
    bot_roles: tuple[int, ...] = ()

    @property
    def channels(self) -> tuple[int, ...]:
        """The ids of its channels and its threads."""
        return (self.channel, *self.threads, *(room.id for room in self.rooms))

    @property
    def archived(self) -> tuple[int, ...]:
        """The ids of its archived threads."""
        return tuple(room.id for room in self.rooms if room.archived)

    def payload_of(self, channel: int) -> Json:
        """One of its channels or threads."""
        room = next((room for room in self.rooms if room.id == channel), None)
        if room is not None:
            return self.room_payload(room)
        return self.channel_payload if channel == self.channel else self.thread_payload(channel)

    def rights_of_bot(self, channel: int) -> int:
        """What the bot may do in a channel."""
        room = next((room for room in self.rooms if room.id == channel), None)
        if room is not None and room.kind in {11, 12}:
            return self.rights_of_bot(room.parent or 0)
        rights = MEMBER_RIGHTS
        for role in self.bot_roles:
            rights |= self.role_rights.get(role, 0)
        if rights & ADMINISTRATOR:
            return (1 << 50) - 1
        if room is None:
            return rights
        rights = rights & ~room.denies.get(self.id, 0) | room.allows.get(self.id, 0)
        for role in self.bot_roles:
            rights &= ~room.denies.get(role, 0)
        for role in self.bot_roles:
            rights |= room.allows.get(role, 0)
        return rights & ~room.denies.get(BOT, 0) | room.allows.get(BOT, 0)

    def room_payload(self, room: Room) -> Json:
        """One of its further channels."""
        common = self.channel_payload
        if room.kind in {11, 12}:
            found = self.thread_payload(room.id)
            found["thread_metadata"] = {**found["thread_metadata"], "archived": room.archived}
            return {**found, "type": room.kind, "name": room.name, "parent_id": str(room.parent)}
        overwrites = [
            {
                "id": str(target),
                "type": 1 if target in room.people else 0,
                "allow": str(room.allows.get(target, 0)),
                "deny": str(room.denies.get(target, 0)),
            }
            for target in {**room.denies, **room.allows}
        ]
        return {
            **common,
            "id": str(room.id),
            "type": room.kind,
            "name": room.name,
            "nsfw": room.restricted,
            "permission_overwrites": overwrites,
            "parent_id": str(room.parent) if room.parent else None,
            "available_tags": [],
            "default_forum_layout": 0,
        }

    @property
    def channel(self) -> int:
        """The id of its channel."""
        return self.id + 1_000_000

    @property
    def payload(self) -> Json:
        """As GUILD_CREATE tells of it."""
        rights = {self.id: MEMBER_RIGHTS, **self.role_rights}
        return {
            "id": str(self.id),
            "name": f"server {self.id}",
            "owner_id": str(self.owner),
            "roles": [
                {
                    "id": str(role),
                    "name": f"role {role}",
                    "permissions": str(bits),
                    "color": 0,
                    "hoist": False,
                    "position": position,
                    "managed": False,
                    "mentionable": False,
                    "flags": 0,
                }
                for position, (role, bits) in enumerate(rights.items())
            ],
            "channels": [
                self.channel_payload,
                *(self.room_payload(room) for room in self.rooms if room.kind not in {11, 12}),
            ],
            "members": [
                {
                    **Person(BOT, "tangerine", bot=True, roles=self.bot_roles).member,
                    "user": Person(BOT, "tangerine", bot=True).user,
                }
            ],
            "member_count": 3,
            "threads": [
                *(self.thread_payload(thread) for thread in self.threads),
                *(
                    self.room_payload(room)
                    for room in self.rooms
                    if room.kind in {11, 12} and not room.archived
                ),
            ],
            "emojis": [],
            "stickers": [],
            "features": [],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "unavailable": False,
            "large": False,
            "preferred_locale": self.locale,
            "premium_tier": 0,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "system_channel_flags": 0,
            "afk_timeout": 300,
            "premium_progress_bar_enabled": False,
        }

    @property
    def channel_payload(self) -> Json:
        """Its channel, as interactions bring it along."""
        return {
            "id": str(self.channel),
            "guild_id": str(self.id),
            "type": 0,
            "name": "general",
            "position": 0,
            "permission_overwrites": [],
            "permissions": str(MEMBER_RIGHTS),
            "parent_id": None,
            "nsfw": self.restricted,
            "topic": None,
            "last_message_id": None,
            "rate_limit_per_user": 0,
        }

    def thread_payload(self, thread: int) -> Json:
        """One of its threads."""
        times = {"archive_timestamp": "2025-01-01T00:00:00+00:00", "auto_archive_duration": 60}
        return {
            **self.channel_payload,
            "id": str(thread),
            "type": 11,
            "name": "a thread",
            "parent_id": str(self.channel),
            "owner_id": str(self.owner),
            "message_count": 1,
            "member_count": 1,
            "thread_metadata": {"archived": False, "locked": False, **times},
        }


def dm_channel(person: Person) -> Json:
    """The channel of somebody's direct messages with the bot."""
    return {
        "id": str(person.id + 2_000_000),
        "type": 1,
        "last_message_id": None,
        "recipients": [person.user],
    }


def message_payload(message_id: int, channel_id: int, author: Json, **changes: Any) -> Json:
    """A message object."""
    return {
        "id": str(message_id),
        "channel_id": str(channel_id),
        "author": author,
        "content": "",
        "timestamp": "2025-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        **changes,
    }
