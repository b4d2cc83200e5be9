"""Who may read what on Discord: our answer against every combination of roles there is."""

from __future__ import annotations

import itertools

import discord
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.discord.readers import readable_by, readable_by_all
from tests.servers.discord_history import HISTORY, VIEW
from tests.servers.discord_world import BOT, Person, Room, Server

GUILD, ANSWER, HIT = 5, 801, 802
ROLES, PEOPLE = (11, 12, 13), (21, 22)
_RIGHTS = st.sampled_from([0, VIEW, HISTORY, VIEW | HISTORY])
_SAID = st.dictionaries(st.sampled_from([GUILD, *ROLES, *PEOPLE]), st.tuples(_RIGHTS, _RIGHTS))


def _guild(rights: dict[int, int], answer: Room, hit: Room, everyone: int) -> discord.Guild:
    client = discord.Client(intents=discord.Intents.none())
    state = client._connection
    bot = Person(BOT, "tangerine", bot=True)
    state.user = discord.ClientUser(state=state, data=bot.user)  # type: ignore[arg-type]
    server = Server(GUILD, owner=1, rooms=[answer, hit], role_rights={**rights, 99: 1 << 3})
    server.bot_roles = (99,)
    data = server.payload
    data["roles"][0]["permissions"] = str(everyone)
    return discord.Guild(data=data, state=state)  # type: ignore[arg-type]


def _room(number: int, said: dict[int, tuple[int, int]]) -> Room:
    return Room(
        number,
        allows={each: allow & ~deny for each, (allow, deny) in said.items()},
        denies={each: deny for each, (allow, deny) in said.items()},
        people=frozenset(PEOPLE),
    )


def _rights(
    everyone: int, rights: dict[int, int], room: Room, roles: tuple[int, ...], person: int
) -> int:
    """As the developers' reference computes them."""
    held = everyone
    for role in roles:
        held |= rights[role]
    held = held & ~room.denies.get(GUILD, 0) | room.allows.get(GUILD, 0)
    allow = deny = 0
    for role in roles:
        allow |= room.allows.get(role, 0)
        deny |= room.denies.get(role, 0)
    held = held & ~deny | allow
    return held & ~room.denies.get(person, 0) | room.allows.get(person, 0)


@settings(max_examples=150, deadline=None)
@given(
    everyone=_RIGHTS,
    rights=st.fixed_dictionaries(dict.fromkeys(ROLES, _RIGHTS)),
    said=_SAID,
    meant=_SAID,
)
def test_a_public_answer_shows_what_all_its_readers_may_read(
    everyone: int,
    rights: dict[int, int],
    said: dict[int, tuple[int, int]],
    meant: dict[int, tuple[int, int]],
) -> None:
    """Exactly that: no more, whatever roles somebody has, and no less."""
    answer, hit = _room(ANSWER, said), _room(HIT, meant)
    guild = _guild(rights, answer, hit, everyone)
    people = [
        (roles, person)
        for count in range(len(ROLES) + 1)
        for roles in itertools.combinations(ROLES, count)
        for person in (0, *PEOPLE)
    ]
    both = VIEW | HISTORY
    open_to_all = all(
        _rights(everyone, rights, hit, *each) & both == both
        for each in people
        if _rights(everyone, rights, answer, *each) & VIEW
    )
    where = guild.get_channel(ANSWER)
    shown = readable_by_all(guild, where, {str(HIT)}, adults=False)
    assert shown == (frozenset({str(HIT)}) if open_to_all else frozenset())
    roles, person = people[len(people) // 2]
    somebody = Person(person or 77, roles=roles)
    member = discord.Member(
        data={**somebody.member, "user": somebody.user},  # type: ignore[arg-type]
        guild=guild,
        state=guild._state,
    )
    mine = readable_by(member, where, {str(HIT)}, adults=False)
    may = _rights(everyone, rights, hit, roles, person) & both == both
    assert mine == (frozenset({str(HIT)}) if may else frozenset())
