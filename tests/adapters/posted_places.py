"""A server of twelve channels with their own readers, and an account of who may see what.

The account is by the platform's rules, written a second time: nothing of it is the program's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.adapters.discord_posts import BOT_ROLE, OWNER, SEES
from tests.fakes import COLOURS
from tests.servers.discord_history import VIEW
from tests.servers.discord_world import MANAGE_GUILD, Person, Room, Server

MODS, CREW, VIPS = 710, 711, 712
ROLES = (MODS, CREW, VIPS)
HOME = 5
_OPEN = {BOT_ROLE: SEES}
CHANNELS = {
    room.id: room
    for room in (
        *(Room(800 + n, f"open{n}") for n in range(5)),
        Room(810, "mods", denies={HOME: SEES}, allows={MODS: SEES, **_OPEN}),
        Room(811, "crew", denies={HOME: SEES}, allows={CREW: SEES, **_OPEN}),
        Room(812, "vips", denies={HOME: VIEW}, allows={VIPS: VIEW, CREW: VIEW, **_OPEN}),
        Room(813, "notcrew", denies={CREW: SEES}, allows=_OPEN),
        Room(820, "adults", restricted=True),
        Room(
            821,
            "adultmods",
            restricted=True,
            denies={HOME: SEES},
            allows={MODS: SEES, **_OPEN},
        ),
        Room(830, "forum", kind=15),
    )
}
THREADS = {
    room.id: room
    for room in (
        Room(840, "in open0", kind=11, parent=800),
        Room(841, "in mods", kind=11, parent=810, archived=True),
        Room(842, "private", kind=12, parent=800),
        Room(843, "a post", kind=11, parent=830),
    )
}
PEOPLE = (
    Person(31, "nobody"),
    Person(32, "mod", roles=(MODS,)),
    Person(33, "crew", roles=(CREW,)),
    Person(34, "vip", roles=(VIPS,)),
    Person(35, "both", roles=(CREW, VIPS), rights=Person(35).rights | MANAGE_GUILD),
)
GENERAL = HOME + 1_000_000


@dataclass
class Asked:
    """One question, and the channels of which the answer may speak."""

    person: Person
    channel: int
    private: bool

    def may_show(self) -> set[int]:
        """By an account of the rules that is not ours."""
        where = room_of(self.channel)
        adults = where.restricted
        found = set()
        for number, room in {**CHANNELS, **THREADS}.items():
            if number == 842:
                if self.channel == 842:
                    found.add(number)
                continue
            parent = room_of(number)
            fits = adults or not parent.restricted
            mine = reads(self.person.roles, parent)
            everybody = all(reads(roles, parent) for roles in combinations() if sees(roles, where))
            if fits and mine and (self.private or everybody):
                found.add(room.id)
        return found


def room_of(channel: int) -> Room:
    """The channel, or that of the thread."""
    return CHANNELS.get(_parent(channel), Room(GENERAL))


def _parent(channel: int) -> int:
    thread = THREADS.get(channel)
    return thread.parent or 0 if thread is not None else channel


def combinations() -> Iterator[tuple[int, ...]]:
    for bits in range(1 << len(ROLES)):
        yield tuple(role for n, role in enumerate(ROLES) if bits >> n & 1)


def _bits(roles: tuple[int, ...], room: Room) -> int:
    held = SEES & ~room.denies.get(HOME, 0) | room.allows.get(HOME, 0)
    for role in roles:
        held &= ~room.denies.get(role, 0)
    for role in roles:
        held |= room.allows.get(role, 0)
    return held


def sees(roles: tuple[int, ...], room: Room) -> bool:
    return bool(_bits(roles, room) & VIEW)


def reads(roles: tuple[int, ...], room: Room) -> bool:
    return _bits(roles, room) & SEES == SEES


def count_of(channels: set[int], each: int) -> int:
    """How many posts there are in them, so many in each: a forum has none of its own."""
    return each * len({n for n in channels if room_of(n).kind != 15 or n in THREADS})


def text_of(channel: int, number: int) -> str:
    return f"mark{channel} kite {number}"


def colour_for(channel: int) -> str:
    names = list(COLOURS)
    return names[channel % len(names)]


def server() -> Server:
    """The server, with all of its channels."""
    return Server(
        HOME,
        owner=OWNER.id,
        rooms=[*CHANNELS.values(), *THREADS.values()],
        role_rights=dict.fromkeys((*ROLES, BOT_ROLE), 0),
        bot_roles=(BOT_ROLE,),
    )
