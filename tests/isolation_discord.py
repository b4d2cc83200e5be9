"""Asking on Discord in every way there is, for the tests of isolation."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from tests.isolation import (
    ADDED,
    COLLECTIONS,
    COMMUNITIES,
    OPEN,
    TOLERANCE,
    Community,
    Route,
    foreign_collections,
    foreign_pixels,
    foreign_words,
)
from tests.servers.discord_gateway import until
from tests.servers.discord_people import Discord
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import MANAGE_GUILD, MEMBER_RIGHTS, Person, Server


def server_of(discord: Discord, community: Community) -> Server:
    """The server of a community."""
    return next(s for s in discord.gateway.servers if s.id == community.discord)


def person_of(community: Community, *, admin: bool = False) -> Person:
    """A member of the community's server, or an administrator."""
    if admin:
        return Person(30 + community.number, "ada", rights=MEMBER_RIGHTS | MANAGE_GUILD)
    return Person(20 + community.number, "ana")


class OnDiscord:
    """Asks in all ways that Discord offers, and keeps what came back by server."""

    def __init__(self, discord: Discord, ids: Mapping[str, list[str]]) -> None:
        self._discord = discord
        self._ids = ids
        self._buttons: dict[int, list[tuple[Shown, str]]] = {c.number: [] for c in COMMUNITIES}
        self.shown: dict[int, list[Shown]] = {c.number: [] for c in COMMUNITIES}
        self.choices: dict[int, list[str]] = {c.number: [] for c in COMMUNITIES}

    @property
    def routes(self) -> Mapping[str, Route]:
        """Every way to ask."""
        return {
            "find": self._find,
            "similar": self._similar,
            "describe": self._describe,
            "complete": self._complete,
            "button": self._button,
            "forged": self._forged,
            "admin": self._admin,
            "help": self._help,
        }

    async def add(self) -> None:
        """Each community adds pictures to the open collection."""
        for community in COMMUNITIES:
            for number in range(ADDED):
                await self._slash(
                    community,
                    "add",
                    {"collection": OPEN, "caption": f"a lamp {community.mark}-d{number}"},
                    picture=community.picture(100 + number),
                )

    async def _find(self, community: Community, chance: random.Random) -> None:
        options: dict[str, Any] = {"query": community.question(chance), "count": 10}
        options |= self._collection(chance)
        if chance.random() < 0.2:
            options["exclude"] = community.question(chance)
        await self._slash(community, "find", options)

    async def _similar(self, community: Community, chance: random.Random) -> None:
        options = self._collection(chance)
        if chance.random() < 0.3:
            options["text"] = community.question(chance)
        own = community.picture(chance.randrange(200, 10_000))
        await self._slash(community, "similar", options, picture=own)

    async def _describe(self, community: Community, chance: random.Random) -> None:
        # The sheet shows the posted photo, too, so that one of another community would be seen.
        own = community.picture(chance.randrange(200, 10_000))
        await self._slash(community, "describe", self._collection(chance), picture=own)

    async def _complete(self, community: Community, chance: random.Random) -> None:
        server, person = server_of(self._discord, community), person_of(community, admin=True)
        command, option = chance.choice((("find", "collection"), ("remove", "id")))
        start = chance.choice(("", "n", "s", "e", "a ", "lamp", *(c.mark for c in COMMUNITIES)))
        found = await self._discord.complete(person, server, command, option, start)
        self.choices[community.number] += found

    async def _button(self, community: Community, chance: random.Random) -> None:
        if not self._buttons[community.number]:
            await self._find(community, chance)
        if self._buttons[community.number]:
            shown, custom_id = chance.choice(self._buttons[community.number])
            await self._press(community, shown, custom_id)

    async def _forged(self, community: Community, chance: random.Random) -> None:
        """A button of our own message that carries another community's action or picture."""
        other = chance.choice([c for c in COMMUNITIES if c is not community])
        foreign = self._buttons[other.number]
        actions = [f"m5|{picture}" for picture in self._ids[other.collection]]
        actions += [f"f5|lamp||{other.collection}", f"s5|||{other.collection}"]
        actions += [custom_id.partition(":")[2] for _, custom_id in foreign]
        if not self._buttons[community.number]:
            await self._find(community, chance)
        if self._buttons[community.number]:
            shown, own = chance.choice(self._buttons[community.number])
            await self._press(community, shown, f"{own.partition(':')[0]}:{chance.choice(actions)}")

    async def _admin(self, community: Community, chance: random.Random) -> None:
        """What administrators may do, tried on what belongs to others."""
        other = chance.choice([c for c in COMMUNITIES if c is not community])
        name, options = chance.choice(
            (
                ("remove", {"id": chance.choice(self._ids[other.collection])}),
                ("remove", {"id": f"{other.mark} lamp"}),
                ("reindex", {"collection": other.collection}),
                ("status", {}),
            )
        )
        await self._slash(community, name, options, admin=True)

    async def _help(self, community: Community, _: random.Random) -> None:
        await self._slash(community, "help", {})

    def check(self) -> int:
        """Read everything that came back; how many pictures were looked at."""
        looked = 0
        for community in COMMUNITIES:
            said = " ".join(shown.text for shown in self.shown[community.number])
            assert f"{community.mark}-d" in said, "it never saw what it had added itself"
            for shown in self.shown[community.number]:
                words = json.dumps(shown.message, ensure_ascii=False)
                assert foreign_words(words, community, "d") == []
                for picture in shown.pictures:
                    assert foreign_pixels(picture, community) < TOLERANCE
                    looked += 1
            choices = self.choices[community.number]
            assert foreign_words(" ".join(choices), community, "d") == []
            collections = [c for c in choices if c in {*COLLECTIONS, OPEN}]
            assert foreign_collections(collections, community) == set()
        return looked

    @staticmethod
    def _collection(chance: random.Random) -> dict[str, Any]:
        name = chance.choice((None, None, OPEN, *COLLECTIONS))
        return {} if name is None else {"collection": name}

    async def _slash(
        self,
        community: Community,
        name: str,
        options: Mapping[str, Any],
        *,
        picture: bytes | None = None,
        admin: bool = False,
    ) -> None:
        person = person_of(community, admin=admin or name == "add")
        given = ("photo.png", picture) if picture is not None else None
        server = server_of(self._discord, community)
        exchange = await self._discord.slash(person, server, name, options, picture=given)
        await self._keep(community, person, exchange)

    async def _press(self, community: Community, shown: Shown, custom_id: str) -> None:
        person = person_of(community)
        server = server_of(self._discord, community)
        exchange = await self._discord.press(person, server, shown, custom_id)
        await self._keep(community, person, exchange)

    async def _keep(self, community: Community, person: Person, exchange: Any) -> None:
        await until(lambda: bool(self._discord.visible(exchange)), seconds=60)
        for shown in self._discord.visible(exchange):
            self.shown[community.number].append(shown)
            if person == person_of(community):
                own = [(shown, custom_id) for custom_id in shown.buttons.values()]
                self._buttons[community.number] = (self._buttons[community.number] + own)[-50:]
