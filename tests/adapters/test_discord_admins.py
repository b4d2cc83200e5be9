"""What only some may do, tried by everybody in every way: only those change anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.chat.access_list import Roster
from bot.chat.actions import Action
from tests.adapters.discord_parts import ADMIN, BEN, HOME, Chat, chatting
from tests.fakes import picture_bytes
from tests.servers.discord_gateway import until
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import (
    APPLICATION,
    MANAGE_GUILD,
    Json,
    Person,
    Server,
    dm_channel,
)
from tests.web.parts import Parts

from bot.discord.buttons import button_id  # isort: skip - behind discord_parts, as there

ME = f"<@{APPLICATION}>"
COMMUNITY = f"discord:{HOME}"
MANAGERS, NAMED_ROLE, ADDING_ROLE, OTHER_ROLE = 4321, 555, 666, 777
OWNER, NAMED, ADDER = Person(1, "owner"), Person(36, "named"), Person(37, "adder")

NAMES = {
    "roster": Roster({NAMED.id, NAMED_ROLE}, {ADDER.id, ADDING_ROLE}),
}

Way = Callable[["Attempt"], Awaitable[object]]


@dataclass(frozen=True)
class Caller:
    """Somebody who tries everything; ``may`` is what they are allowed.

    ``server`` False: in direct messages. ``demoted`` lost the role after having used it.
    """

    person: Person
    may: frozenset[str]
    server: bool = True
    demoted: bool = False


@dataclass
class Attempt:
    """One caller at work. ``before`` is what there was when they began."""

    chat: Chat
    caller: Caller
    before: object = None
    pictures: int = 0

    def begin(self) -> None:
        """Take note of what there is now."""
        self.before = _state(self.chat)

    @property
    def has_changed(self) -> bool:
        """Whether anything is different since then."""
        return self.before != _state(self.chat)

    @property
    def server(self) -> Server | None:
        """Where it is tried."""
        return self.chat.server if self.caller.server else None

    @property
    def community(self) -> str:
        """The community that this is."""
        return COMMUNITY if self.caller.server else f"discord:dm:{self.caller.person.id}"

    def picture(self) -> tuple[str, bytes]:
        """A picture that is not in the collection yet."""
        self.pictures += 1
        return "new.png", picture_bytes("cyan", seed=1000 + self.pictures, edge=64)

    def an_id(self) -> str:
        """The id of a picture that is there now."""
        return self.chat.parts.library.snapshots["gallery"].pictures[0].id

    async def slash(self, name: str, **options: object) -> Shown:
        """Use a command and wait for its answer."""
        picture = self.picture() if name == "add" else None
        exchange = await self.chat.discord.slash(
            self.caller.person, self.server, name, options, picture=picture
        )
        return await self.chat.discord.answer(exchange)

    async def press(self, action: Action, message: Json | None = None) -> Shown:
        """Press a button with this action: one that names the presser as its caller."""
        discord = self.chat.discord
        encoded = self.chat.parts.codec.encode(action, self.community)
        shown = await discord.answer(await discord.slash(self.caller.person, self.server, "help"))
        message = message or shown.message
        custom_id = button_id(self.caller.person.id, encoded)
        pressed = Shown(message, discord.rest.store.files)
        exchange = await discord.press(self.caller.person, self.server, pressed, custom_id)
        return await discord.answer(exchange)

    async def say(self, text: str, *pictures: tuple[str, bytes]) -> None:
        """Write to the bot and wait for its answer."""
        discord, person = self.chat.discord, self.caller.person
        places = [int(dm_channel(person)["id"]), self.chat.server.channel]
        before = sum(len(discord.written(place)) for place in places)
        await discord.say(person, self.server, f"{ME} {text}", *pictures)
        await until(lambda: sum(len(discord.written(p)) for p in places) > before)


async def _add(attempt: Attempt) -> object:
    return await attempt.slash("add", caption="new")


async def _add_typed(attempt: Attempt) -> object:
    return await attempt.say("/add new", attempt.picture())


async def _add_anyway(attempt: Attempt) -> object:
    discord = attempt.chat.discord
    query = discord.attachment("query.png", attempt.picture()[1])
    media = {"type": 11, "media": {"url": query["url"], "attachment_id": query["id"]}}
    text = {"type": 10, "content": "nearly the same"}
    shown = await attempt.slash("help")
    message = {**shown.message, "components": [{"type": 9, "components": [text]}]}
    message["components"][0]["accessory"] = media
    return await attempt.press(Action("add", text="new", weak=True), message)


async def _remove(attempt: Attempt) -> object:
    return await attempt.slash("remove", id=attempt.an_id())


async def _remove_typed(attempt: Attempt) -> object:
    return await attempt.say(f"/remove {attempt.an_id()}")


async def _remove_by_button(attempt: Attempt) -> object:
    return await attempt.press(Action("remove", text=attempt.an_id()))


async def _restore(attempt: Attempt) -> object:
    picture = attempt.an_id()
    community = attempt.community if attempt.caller.server else COMMUNITY
    remove = attempt.chat.parts.contributions.remove
    await remove(picture, community=community, remover=f"discord:{ADMIN.id}")
    attempt.begin()
    return await attempt.press(Action("restore", text=picture))


async def _withdraw(attempt: Attempt) -> object:
    add = attempt.chat.parts.contributions.add
    _, data = attempt.picture()
    picture = await add(data, "x", community=COMMUNITY, uploader=f"discord:{BEN.id}")
    attempt.begin()
    return await attempt.press(Action("withdraw", text=picture.id))


async def _reindex(attempt: Attempt) -> object:
    attempt.chat.parts.reindexing.finish.set()
    await attempt.slash("reindex")
    return await until(lambda: not attempt.chat.parts.jobs.running())


async def _settings(attempt: Attempt) -> object:
    return await attempt.slash("settings", count=7, photos="on")


async def _settings_typed(attempt: Attempt) -> object:
    return await attempt.say("/settings --count 3")


async def _weak_by_button(attempt: Attempt) -> object:
    return await attempt.press(Action("change", text="weak:show"))


async def _photos_by_button(attempt: Attempt) -> object:
    return await attempt.press(Action("change", text="photos:off"))


WAYS: Mapping[str, Way] = {
    "add": _add,
    "add typed": _add_typed,
    "add anyway": _add_anyway,
    "remove": _remove,
    "remove typed": _remove_typed,
    "remove by button": _remove_by_button,
    "restore": _restore,
    "withdraw another's": _withdraw,
    "reindex": _reindex,
    "settings": _settings,
    "settings typed": _settings_typed,
    "weak by button": _weak_by_button,
    "photos by button": _photos_by_button,
}
EVERYTHING = frozenset(WAYS)
ADDING = frozenset({"add", "add typed", "add anyway"})
NOTHING: frozenset[str] = frozenset()

CALLERS = {
    "owner": Caller(OWNER, EVERYTHING),
    # Rights of a message's author come from roles: ADMIN has theirs by interactions alone.
    "administrator by role": Caller(Person(32, roles=(MANAGERS,)), EVERYTHING),
    "user named in the settings": Caller(NAMED, EVERYTHING),
    "role named in the settings": Caller(Person(35, roles=(NAMED_ROLE,)), EVERYTHING),
    "user who may add": Caller(ADDER, ADDING),
    "role that may add": Caller(Person(38, roles=(ADDING_ROLE,)), ADDING),
    "member": Caller(Person(33), NOTHING),
    "member with another role": Caller(Person(34, roles=(OTHER_ROLE,)), NOTHING),
    "demoted a moment ago": Caller(Person(40), NOTHING, demoted=True),
    "administrator in direct messages": Caller(ADMIN, NOTHING, server=False),
}


def _state(chat: Chat) -> object:
    """Everything that a command may change."""
    parts = chat.parts
    return (
        {name: [p.id for p in s.pictures] for name, s in parts.library.snapshots.items()},
        sorted(parts.contributions.uploads),
        dict(parts.settings.kept),
        list(parts.reindexing.calls),
    )


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
async def test_only_those_who_may_change_anything(tmp_path: Path, caller: Caller) -> None:
    """Every command and button in every way, by what is different afterwards."""
    roles = {MANAGERS: MANAGE_GUILD, NAMED_ROLE: 0, ADDING_ROLE: 0, OTHER_ROLE: 0}
    async with chatting(Parts(tmp_path), Server(HOME, owner=1, role_rights=roles), **NAMES) as chat:
        attempt = Attempt(chat, caller)
        if caller.demoted:
            before = Person(caller.person.id, roles=(MANAGERS,))
            exchange = await chat.discord.slash(before, chat.server, "status")
            assert "Model" in (await chat.discord.answer(exchange)).text
        changed = set()
        for name, way in WAYS.items():
            attempt.begin()
            await way(attempt)
            if attempt.has_changed:
                changed.add(name)
        assert changed == caller.may
        assert chat.parts.log.events == []


@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
async def test_only_administrators_see_status_and_settings(tmp_path: Path, caller: Caller) -> None:
    """They are shown nobody else, not even by their own commands."""
    roles = {MANAGERS: MANAGE_GUILD, NAMED_ROLE: 0, ADDING_ROLE: 0, OTHER_ROLE: 0}
    async with chatting(Parts(tmp_path), Server(HOME, owner=1, role_rights=roles), **NAMES) as chat:
        attempt = Attempt(chat, caller)
        admin = caller.may == EVERYTHING
        for name in ("status", "settings"):
            shown = await attempt.slash(name)
            assert shown.private
            refusal = f"Only administrators may use /{name} here."
            assert (refusal in shown.text) is not admin
            assert ("Model" in shown.text or "Results" in shown.text) is admin
        assert ("/reindex" in (await attempt.slash("help")).text) is admin


async def test_an_administrator_s_buttons_are_of_no_use_to_others(tmp_path: Path) -> None:
    """Whoever presses them: a member, or an administrator who was demoted since they asked."""
    async with chatting(
        Parts(tmp_path), Server(HOME, role_rights={MANAGERS: MANAGE_GUILD})
    ) as chat:
        boss, demoted, member = Person(40, roles=(MANAGERS,)), Person(40), Person(33)
        asked = await chat.discord.slash(boss, chat.server, "remove", {"id": "a red cat"})
        list_shown = await chat.discord.answer(asked)
        asked = await chat.discord.slash(boss, chat.server, "settings")
        settings_shown = await chat.discord.answer(asked)
        before = _state(chat)
        for shown in (list_shown, settings_shown):
            assert shown.buttons
            for custom_id in shown.buttons.values():
                for person, words in (
                    (member, "These buttons belong to the person who asked."),
                    (demoted, "Only administrators may"),
                ):
                    text, drawn = shown.text, dict(shown.buttons)
                    pressed = await chat.discord.press(person, chat.server, shown, custom_id)
                    answer = await chat.discord.answer(pressed)
                    assert answer.private
                    assert words in answer.text
                    # What the administrator was shown stays as it is.
                    assert (shown.text, shown.buttons) == (text, drawn)
        assert _state(chat) == before
        pressed = await chat.discord.press(
            boss, chat.server, list_shown, list_shown.buttons["Remove #1"]
        )
        await chat.discord.answer(pressed)
        assert _state(chat) != before
