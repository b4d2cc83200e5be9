"""Who may do what, and who may see what: rights at call time, communities over every route."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.chat.access_list import Roster
from bot.chat.actions import Action
from bot.discord.buttons import button_id
from core.domain.rate_limits import Quota
from tests.adapters.discord_parts import (
    ADMIN,
    ANA,
    HOME,
    Chat,
    add_collection,
    chatting,
    colour_of,
    colours_of,
)
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_shown import Shown
from tests.servers.discord_store import Exchange
from tests.servers.discord_world import ADMINISTRATOR, APPLICATION, MANAGE_GUILD, Person, Server
from tests.web.parts import Parts

ME = f"<@{APPLICATION}>"
ROLE = 4321
COLOURS = {21: "red", 22: "green", 23: "blue"}


async def _reindexes(chat: Chat, person: Person, server: Server | None) -> bool:
    asked = await chat.discord.slash(person, server, "reindex")
    await chat.discord.answer(asked)
    return bool(chat.parts.reindexing.calls)


@pytest.mark.parametrize(
    ("person", "may"),
    [
        (Person(1, "owner"), True),
        (ADMIN, True),
        (Person(31, rights=ADMINISTRATOR), True),
        (Person(32, roles=(ROLE,)), True),
        (Person(33), False),
        (Person(34, roles=(9999,)), False),
        (Person(35, roles=(555,)), True),
        (Person(36), True),
    ],
    ids=[
        "owner",
        "manager",
        "administrator",
        "role",
        "member",
        "other role",
        "named role",
        "named",
    ],
)
async def test_only_administrators_reindex(tmp_path: Path, person: Person, *, may: bool) -> None:
    """What Discord computed for this call counts, and ids that the settings name."""
    server = Server(HOME, owner=1, role_rights={ROLE: MANAGE_GUILD, 555: 0})
    async with chatting(Parts(tmp_path), server, roster=Roster({555, 36})) as chat:
        assert await _reindexes(chat, person, server) is may


async def test_a_demotion_counts_at_once(tmp_path: Path) -> None:
    """The same person may, loses the role, and may not."""
    async with chatting(Parts(tmp_path), Server(HOME, role_rights={ROLE: MANAGE_GUILD})) as chat:
        boss, demoted = Person(40, roles=(ROLE,)), Person(40)
        shown = await chat.discord.answer(await chat.discord.slash(boss, chat.server, "status"))
        assert "Model" in shown.text
        shown = await chat.discord.answer(await chat.discord.slash(demoted, chat.server, "status"))
        assert shown.text.startswith("Only administrators may use /status here. Ask an admin")
        await chat.discord.say(boss, chat.server, f"{ME} /reindex")
        await chat.discord.replied(chat.server.channel)
        chat.server.role_rights[ROLE] = 0
        role = next(r for r in chat.server.payload["roles"] if r["id"] == str(ROLE))
        change = {"guild_id": str(HOME), "role": role}
        await chat.discord.gateway.dispatch("GUILD_ROLE_UPDATE", change)
        await chat.discord.say(boss, chat.server, f"{ME} /reindex")
        shown = await chat.discord.replied(chat.server.channel, 2)
        assert shown.text.startswith("Only administrators")


async def test_nobody_is_an_administrator_in_direct_messages(tmp_path: Path) -> None:
    """Neither by message nor by a command that an old menu still shows."""
    async with chatting(Parts(tmp_path)) as chat:
        assert not await _reindexes(chat, ADMIN, None)
        await chat.discord.say(ADMIN, None, "/reindex")
        await until(lambda: len(chat.discord.written(ADMIN.id + 2_000_000)) == 1)
        assert chat.parts.reindexing.calls == []


async def test_a_button_gives_no_rights(tmp_path: Path) -> None:
    """What a forged button asks for is searched with the presser's rights, or not at all."""
    async with chatting(Parts(tmp_path)) as chat:
        shown = await chat.discord.answer(
            await chat.discord.slash(ANA, chat.server, "find", {"query": "red"})
        )
        for action in ("reindex", "f5|/reindex", "status"):
            forged = button_id(ANA.id, action)
            await chat.discord.answer(await chat.discord.press(ANA, chat.server, shown, forged))
        assert chat.parts.reindexing.calls == []


async def test_quotas_are_said_with_the_time_to_wait(tmp_path: Path) -> None:
    """Over all servers of the platform, for each person apart."""
    parts = Parts(tmp_path, quota=Quota(cooldown_s={"text": 3.0, "picture": 5.0}))
    async with chatting(parts, Server(HOME), Server(HOME + 1)) as chat:
        there = chat.discord.gateway.servers[1]

        async def find(person: Person, server: Server) -> Shown:
            asked = await chat.discord.slash(person, server, "find", {"query": "red"})
            return await chat.discord.answer(asked)

        assert (await find(ANA, chat.server)).pictures
        refused = await find(ANA, there)
        assert refused.private
        assert "3 s" in refused.text
        assert (await find(ADMIN, there)).pictures


def _servers() -> list[Server]:
    return [Server(number) for number in COLOURS]


def _isolated(folder: Path) -> tuple[Parts, dict[int, Sequence[str]]]:
    # One community, one collection, one colour: what is foreign is seen at once.
    parts = Parts(folder)
    del parts.library.snapshots["gallery"]
    ids = {
        number: add_collection(
            parts,
            f"only{number}",
            [(colour, f"{colour} {thing}") for thing in ("cat", "house", "boat", "tree", "cup")],
            {f"discord:{number}"},
        )
        for number, colour in COLOURS.items()
    }
    return parts, ids


def _foreign(shown: Shown, number: int) -> list[str]:
    others = [colour for key, colour in COLOURS.items() if key != number]
    named = [colour for colour in others if f"** {colour} " in shown.text]
    # A sheet shows the asked picture itself, which may be of any colour.
    sheet = any(heading in shown.text for heading in ("Similar pictures", "Closest captions"))
    pictures = [] if sheet else shown.pictures
    drawn = [c for data in pictures for c in others if colours_of(data)[c] > 0.02]
    return named + drawn


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.long)])
@pytest.mark.slow
async def test_communities_see_their_own_collections_only(tmp_path: Path, rounds: int) -> None:
    """Every route, asked for the others' colours, names and buttons: 0 foreign hits."""
    parts, ids = _isolated(tmp_path)
    chance = random.Random(3)
    asked = 0
    async with chatting(parts, *_servers()) as chat:
        pairs = [(s, n) for s in chat.discord.gateway.servers for n in COLOURS if n != s.id]
        for server, other in pairs * rounds:
            shown = [await chat.discord.answer(e) for e in await _questions(chat, server, other)]
            for button in _forged(parts, ids[other], other, chance):
                press = await chat.discord.press(ANA, server, shown[0], button)
                shown.append(await chat.discord.answer(press))
            for start in ("", "only", f"only{other}"):
                offered = await chat.discord.complete(ANA, server, "find", "collection", start)
                assert set(offered) <= {f"only{server.id}"}
                asked += 1
            asked += len(shown)
            assert [_foreign(one, server.id) for one in shown] == [[]] * len(shown)
            assert all(f"only{other}" not in one.text for one in shown)
        assert parts.reindexing.calls == []
        print(f"isolation: {asked} questions over every route, 0 foreign hits")


async def _questions(chat: Chat, server: Server, other: int) -> list[Exchange]:
    colour = COLOURS[other]
    file = (f"{colour}.png", picture_bytes(colour, seed=5, edge=64))
    find, named = {"query": f"{colour} cat"}, {"collection": f"only{other}"}
    slash = chat.discord.slash
    target = await chat.discord.say(ANA, server, "")
    target["attachments"] = [chat.discord.attachment(*file)]
    return [
        await slash(ANA, server, "find", find),
        await slash(ANA, server, "find", {**find, **named}),
        await slash(ANA, server, "help"),
        await slash(ANA, server, "similar", picture=file),
        await slash(ANA, server, "describe", picture=file),
        await slash(ANA, server, "describe", named, picture=file),
        await chat.discord.menu(ANA, server, "Find similar", target),
        await slash(ADMIN, server, "reindex", named),
        await slash(ADMIN, server, "status"),
    ]


def _forged(parts: Parts, ids: Sequence[str], other: int, chance: random.Random) -> list[str]:
    # As another community's own buttons would be, with its kept texts and its pictures' ids.
    actions = [
        Action("more_like", text=chance.choice(ids)),
        Action("find", text="cat", collection=f"only{other}", weak=True),
        Action("find", text="cat " * 40, collection=f"only{other}"),
        Action("find", text="cat", offset=2, weak=True),
    ]
    return [button_id(ANA.id, parts.codec.encode(a, f"discord:{other}")) for a in actions]


async def test_direct_messages_see_what_is_for_everybody(tmp_path: Path) -> None:
    """A collection of one server is not there, though its members ask."""
    parts, _ = _isolated(tmp_path)
    add_collection(parts, "open", [("pink", f"pink {thing}") for thing in "abcdef"], {"*"})
    async with chatting(parts, *_servers()) as chat:
        shown = await chat.discord.answer(
            await chat.discord.slash(ANA, None, "find", {"query": "red cat"})
        )
        press = await chat.discord.press(ANA, None, shown, shown.buttons["Show anyway"])
        shown = await chat.discord.answer(press)
        assert {colour_of(data) for data in shown.pictures} == {"pink"}
        assert await chat.discord.complete(ANA, None, "find", "collection", "") == ["open"]
