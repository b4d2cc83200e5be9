"""Members of a server with hidden channels, who ask by every route, and what they are shown."""

from __future__ import annotations

import random
import re

from tests.adapters.discord_posts import Posting
from tests.adapters.posted_places import (
    CHANNELS,
    GENERAL,
    PEOPLE,
    THREADS,
    Asked,
    colour_for,
    count_of,
    reads,
    room_of,
    sees,
    text_of,
)
from tests.fakes import COLOURS, picture_bytes
from tests.servers.discord_shown import Shown
from tests.servers.discord_store import Exchange
from tests.servers.discord_world import APPLICATION, Person

MARK = re.compile(r"(?<![\d/])mark(\d{3})(?!\d)")


class Members:
    """Asks as members do, and counts what they should not have seen."""

    def __init__(self, talk: Posting, chance: random.Random, *, each: int) -> None:
        self._each = each
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
        person = self._moved(self._chance.choice(PEOPLE))
        rooms = [GENERAL, *CHANNELS, *THREADS]
        seen = [n for n in rooms if sees(person.roles, room_of(n))]
        asked = Asked(person, self._chance.choice(seen), self._chance.random() < 0.5)
        route = self._chance.choice(
            [
                self._find,
                self._similar,
                self._repost,
                self._map,
                self._narrow,
                self._more,
                self._admin,
                self._message,
                self._lost,
            ]
        )
        await route(asked)
        self.asked += 1

    def _moved(self, person: Person) -> Person:
        """The person, who sometimes has lost a role a moment ago."""
        if not person.roles or self._chance.random() < 0.7:
            return person
        left = tuple(role for role in person.roles if self._chance.random() < 0.3)
        return Person(person.id, person.name, roles=left, rights=person.rights)

    async def _slash(self, asked: Asked, name: str, **options: object) -> Shown:
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

    def _check(self, shown: Shown, asked: Asked, said: object = "") -> None:
        allowed = asked.may_show()
        # The heading repeats the question.
        told = "\n".join((shown.text, *shown.descriptions)).replace(f"“{said}”", "")
        marks = {int(number) for number in MARK.findall(told)}
        links = {int(n) for n in re.findall(r"discord\.com/channels/5/(\d+)/", told)}
        urls = re.findall(r"/cdn/attachments/(\d+)/", repr(shown.message["components"]))
        pictures = {self._owner_of[each] for each in urls if each in self._owner_of}
        assert marks | links | pictures <= allowed, (asked, marks | links | pictures, allowed)
        for room in CHANNELS.values():
            assert room.id in allowed or f"#{room.name}" not in told
        self.shown += len(marks)

    async def _find(self, asked: Asked) -> None:
        meant = text_of(self._chance.choice([*CHANNELS, *THREADS]), 0)
        query = self._chance.choice([meant, *COLOURS])
        await self._slash(asked, "find", query=query, count=10)

    async def _narrow(self, asked: Asked) -> None:
        channel = self._chance.choice([*CHANNELS, *THREADS])
        await self._slash(asked, "find", query="kite", count=10, **{"in": str(channel)})

    async def _similar(self, asked: Asked) -> None:
        await self._slash(asked, "similar", picture=self._picture(), count=10)

    async def _repost(self, asked: Asked) -> None:
        await self._slash(asked, "repost", picture=self._picture())

    async def _map(self, asked: Asked) -> None:
        shown = await self._slash(asked, "map")
        told = {int(n) for n in re.findall(r"(\d+) pictures", shown.text)}
        # Pictures that look the same are counted once.
        assert max(told, default=0) <= 1 + count_of(asked.may_show(), self._each), (
            asked,
            shown.text,
        )

    async def _admin(self, _: Asked) -> None:
        """What completes ids, and the state of what is kept, for who looks after the server."""
        keeper, discord, place = PEOPLE[-1], self._talk.discord, self._talk.server
        allowed = Asked(keeper, GENERAL, private=True).may_show()
        offered = await discord.completion(keeper, place, "remove", "id", "kite")
        names = "\n".join(choice["name"] for choice in offered.choices or [])
        assert {int(n) for n in MARK.findall(names)} <= allowed
        told = await self._talk.index("status", by=keeper, everywhere=True)
        count = count_of(allowed, self._each)
        [(pictures, posts)] = re.findall(r"(\d+) of (\d+) posts", told)
        assert (int(pictures) <= count, int(posts)) == (True, count)
        named = [room for room in CHANNELS.values() if f"#{room.name}" in told]
        assert named
        assert all(reads(keeper.roles, room) for room in named)
        whole = await discord.answer(await discord.slash(keeper, place, "status"))
        assert "1 picture" in whole.text

    async def _more(self, asked: Asked) -> None:
        shown = await self._slash(asked, "find", query="kite", count=3)
        for custom_id in list(shown.buttons.values())[:2]:
            press = self._talk.discord.press
            place = self._talk.server
            pressed = await press(asked.person, place, shown, custom_id, thread=asked.channel)
            self._check(await self._talk.discord.answer(pressed), asked)
            other = next(p for p in PEOPLE if p.id != asked.person.id)
            self._stolen.append(await press(other, place, shown, custom_id, thread=asked.channel))

    async def _lost(self, asked: Asked) -> None:
        """A button of somebody who lost all roles since the answer."""
        shown = await self._slash(asked, "find", query="kite", count=3)
        was = asked.person
        now = Asked(Person(was.id, was.name), asked.channel, private=asked.private)
        if not shown.buttons or not sees((), room_of(asked.channel)):
            return
        press, place = self._talk.discord.press, self._talk.server
        pressed = await press(
            now.person, place, shown, next(iter(shown.buttons.values())), thread=asked.channel
        )
        self._check(await self._talk.discord.answer(pressed), now)

    async def _message(self, asked: Asked) -> None:
        """A question that mentions the bot, answered for all who read the channel."""
        if asked.channel in THREADS or room_of(asked.channel).kind:
            return  # a thread that was archived, or a forum: nobody writes there
        discord, place = self._talk.discord, self._talk.server
        before = len(discord.written(asked.channel))
        words = self._chance.choice([text_of(asked.channel, 0), *COLOURS])
        await discord.say(
            asked.person, place, f"<@{APPLICATION}> {words} --count 9", thread=asked.channel
        )
        shown = await discord.replied(asked.channel, before + 1)
        self._check(shown, Asked(asked.person, asked.channel, private=False), words)

    def check_stolen(self) -> None:
        """Nobody saw anything by somebody else's buttons."""
        told = [s.text for each in self._stolen for s in self._talk.discord.visible(each)]
        assert any(told)
        assert not any(map(MARK.search, told))

    def _picture(self) -> bytes:
        channel = self._chance.choice([*CHANNELS, *THREADS])
        return picture_bytes(
            colour_for(channel), seed=channel * 100 + self._chance.randrange(self._each), edge=64
        )
