"""Posts of a server with hidden channels: whoever asks, and however, sees what they may see."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.domain.types import UPLOADED
from core.domain.viewer import Viewer
from tests.adapters.discord_posts import BOT_ROLE, COMMUNITY, OWNER, SEES, Posting, posting
from tests.fakes import COLOURS, picture_bytes
from tests.servers.discord_history import VIEW
from tests.servers.discord_people import until
from tests.servers.discord_shown import Shown
from tests.servers.discord_store import Exchange
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
EACH = 2
_MARK = re.compile(r"(?<![\d/])mark(\d{3})(?!\d)")


@dataclass
class _Asked:
    """One question, and the channels of which the answer may speak."""

    person: Person
    channel: int
    private: bool

    def may_show(self) -> set[int]:
        """By an account of the rules that is not ours."""
        where = _room(self.channel)
        adults = where.restricted
        found = set()
        for number, room in {**CHANNELS, **THREADS}.items():
            if number == 842:
                if self.channel == 842:
                    found.add(number)
                continue
            parent = _room(number)
            fits = adults or not parent.restricted
            mine = _reads(self.person.roles, parent)
            everybody = all(
                _reads(roles, parent) for roles in _combinations() if _sees(roles, where)
            )
            if fits and mine and (self.private or everybody):
                found.add(room.id)
        return found


def _room(channel: int) -> Room:
    """The channel, or that of the thread."""
    return CHANNELS.get(_parent(channel), Room(GENERAL))


def _parent(channel: int) -> int:
    thread = THREADS.get(channel)
    return thread.parent or 0 if thread is not None else channel


def _combinations() -> Iterator[tuple[int, ...]]:
    for bits in range(1 << len(ROLES)):
        yield tuple(role for n, role in enumerate(ROLES) if bits >> n & 1)


def _bits(roles: tuple[int, ...], room: Room) -> int:
    held = SEES & ~room.denies.get(HOME, 0) | room.allows.get(HOME, 0)
    for role in roles:
        held &= ~room.denies.get(role, 0)
    for role in roles:
        held |= room.allows.get(role, 0)
    return held


def _sees(roles: tuple[int, ...], room: Room) -> bool:
    return bool(_bits(roles, room) & VIEW)


def _reads(roles: tuple[int, ...], room: Room) -> bool:
    return _bits(roles, room) & SEES == SEES


def _count(channels: set[int]) -> int:
    """How many posts there are in them: a forum has none of its own."""
    return EACH * len({each for each in channels if _room(each).kind != 15 or each in THREADS})


def _text_of(channel: int, number: int) -> str:
    return f"mark{channel} kite {number}"


class _Members:
    """Asks as members do, and counts what they should not have seen."""

    def __init__(self, talk: Posting, chance: random.Random) -> None:
        self._talk = talk
        self._chance = chance
        self._owner_of = {
            attachment["id"]: channel
            for channel, messages in talk.discord.rest.history.posted.items()
            for message in messages.values()
            for attachment in message["attachments"]
        }
        self._stolen: list[Exchange] = []
        self.shown = 0
        self.asked = 0

    async def ask(self) -> None:
        """One question, by any route, from any channel that the person may see."""
        person = self._chance.choice(PEOPLE)
        rooms = [GENERAL, *CHANNELS, *THREADS]
        seen = [n for n in rooms if _sees(person.roles, _room(n))]
        asked = _Asked(person, self._chance.choice(seen), self._chance.random() < 0.5)
        route = self._chance.choice(
            [
                self._find,
                self._similar,
                self._repost,
                self._map,
                self._narrow,
                self._more,
                self._admin,
            ]
        )
        await route(asked)
        self.asked += 1

    async def _slash(self, asked: _Asked, name: str, **options: object) -> Shown:
        picture = options.pop("picture", None)
        exchange = await self._talk.discord.slash(
            asked.person,
            self._talk.server,
            name,
            {**options, "private": asked.private},
            picture=("a.png", picture) if isinstance(picture, bytes) else None,
            thread=asked.channel,
        )
        shown = await self._talk.discord.answer(exchange)
        assert shown.private or not asked.private
        self._check(shown, asked, options.get("query"))
        return shown

    def _check(self, shown: Shown, asked: _Asked, said: object = "") -> None:
        allowed = asked.may_show()
        # The heading repeats the question.
        told = "\n".join((shown.text, *shown.descriptions)).replace(f"“{said}”", "")
        marks = {int(number) for number in _MARK.findall(told)}
        links = {int(n) for n in re.findall(r"discord\.com/channels/5/(\d+)/", told)}
        urls = re.findall(r"/cdn/attachments/(\d+)/", repr(shown.message["components"]))
        pictures = {self._owner_of[each] for each in urls if each in self._owner_of}
        assert marks | links | pictures <= allowed, (asked, marks | links | pictures, allowed)
        for room in CHANNELS.values():
            assert room.id in allowed or f"#{room.name}" not in told
        self.shown += len(marks)

    async def _find(self, asked: _Asked) -> None:
        meant = _text_of(self._chance.choice([*CHANNELS, *THREADS]), 0)
        query = self._chance.choice([meant, *COLOURS])
        await self._slash(asked, "find", query=query, count=10)

    async def _narrow(self, asked: _Asked) -> None:
        channel = self._chance.choice([*CHANNELS, *THREADS])
        await self._slash(asked, "find", query="kite", count=10, **{"in": str(channel)})

    async def _similar(self, asked: _Asked) -> None:
        await self._slash(asked, "similar", picture=self._picture(), count=10)

    async def _repost(self, asked: _Asked) -> None:
        await self._slash(asked, "repost", picture=self._picture())

    async def _map(self, asked: _Asked) -> None:
        shown = await self._slash(asked, "map")
        told = {int(n) for n in re.findall(r"(\d+) pictures", shown.text)}
        assert told <= {1 + _count(asked.may_show())}, (asked, shown.text)

    async def _admin(self, _: _Asked) -> None:
        """What completes ids, and the state of what is kept, for who looks after the server."""
        keeper, discord, place = PEOPLE[-1], self._talk.discord, self._talk.server
        allowed = _Asked(keeper, GENERAL, private=True).may_show()
        offered = await discord.completion(keeper, place, "remove", "id", "kite")
        names = "\n".join(choice["name"] for choice in offered.choices or [])
        assert {int(n) for n in _MARK.findall(names)} <= allowed
        told = await self._talk.index("status", by=keeper, everywhere=True)
        count = _count(allowed)
        assert f"{count} of {count} posts" in told
        named = [room for room in CHANNELS.values() if f"#{room.name}" in told]
        assert named
        assert all(_reads(keeper.roles, room) for room in named)
        whole = await discord.answer(await discord.slash(keeper, place, "status"))
        assert "1 picture" in whole.text

    async def _more(self, asked: _Asked) -> None:
        shown = await self._slash(asked, "find", query="kite", count=3)
        for custom_id in list(shown.buttons.values())[:2]:
            press = self._talk.discord.press
            place = self._talk.server
            pressed = await press(asked.person, place, shown, custom_id, thread=asked.channel)
            self._check(await self._talk.discord.answer(pressed), asked)
            other = next(p for p in PEOPLE if p.id != asked.person.id)
            self._stolen.append(await press(other, place, shown, custom_id, thread=asked.channel))

    def check_stolen(self) -> None:
        """Nobody saw anything by somebody else's buttons."""
        told = [s.text for each in self._stolen for s in self._talk.discord.visible(each)]
        assert any(told)
        assert not any(map(_MARK.search, told))

    def _picture(self) -> bytes:
        channel = self._chance.choice([*CHANNELS, *THREADS])
        return picture_bytes(_colour(channel), seed=channel * 100 + 1, edge=64)


def _colour(channel: int) -> str:
    names = list(COLOURS)
    return names[channel % len(names)]


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Posting]:
    """A bot that follows all channels of the server, whose history was there before."""
    place = Server(
        HOME,
        owner=OWNER.id,
        rooms=[*CHANNELS.values(), *THREADS.values()],
        role_rights=dict.fromkeys((*ROLES, BOT_ROLE), 0),
        bot_roles=(BOT_ROLE,),
    )
    async with posting(tmp_path, place=place) as running:
        for channel in (*CHANNELS, *THREADS):
            if CHANNELS.get(channel, Room(0)).kind == 15:
                continue
            for number in range(EACH):
                text = _text_of(channel, number)
                seed = channel * 100 + number
                await running.post(_colour(channel), text, seed=seed, channel=channel)
        await running.index("on", everywhere=True)
        await until(lambda: all(running.adapter.posts.follows(each) for each in THREADS))
        await running.read()
        yield running


async def _questions(talk: Posting, count: int) -> None:
    whole = Viewer(COMMUNITY, adults=True, channels=frozenset(map(str, (*CHANNELS, 842))))
    view = await talk.gallery.library.open(None, whole)
    kept = [each for each in view.pictures if each.path.startswith(UPLOADED)]
    assert len(kept) == EACH * (len(CHANNELS) + len(THREADS) - 1)
    members = _Members(talk, random.Random(7))
    while members.asked < count:
        await members.ask()
    members.check_stolen()
    assert members.shown > count / 2  # they do see what they may


async def test_nobody_sees_more_than_they_may(talk: Posting) -> None:
    """By search, picture, filter, map, button, completion, count and repost."""
    await _questions(talk, 50)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_nobody_sees_more_in_two_thousand_questions(talk: Posting) -> None:
    """The same, over and over."""
    await _questions(talk, 2000)


async def test_a_role_that_was_taken_away_a_moment_ago_counts(talk: Posting) -> None:
    """The next question, and the next press of a button, go by what somebody may do then."""
    mod = PEOPLE[1]
    shown = await talk.find(_text_of(810, 0), person=mod, private=True, **{"in": "810"})
    assert "mark810" in shown.text
    was = Person(mod.id, mod.name)
    again = await talk.find(_text_of(810, 0), person=was, private=True, **{"in": "810"})
    assert "mark810" not in again.text
    button = next(iter(shown.buttons.values()))
    pressed = await talk.discord.press(was, talk.server, shown, button)
    assert "mark810" not in (await talk.discord.answer(pressed)).text
    assert "mark804" in (await talk.find(_text_of(804, 0), private=True, **{"in": "804"})).text
    closed = talk.server.room_payload(Room(804, "open4", denies={HOME: SEES}, allows=_OPEN))
    await talk.discord.gateway.dispatch("CHANNEL_UPDATE", closed)
    last = await talk.find(_text_of(804, 0), private=True, **{"in": "804"})
    assert "mark804" not in last.text
