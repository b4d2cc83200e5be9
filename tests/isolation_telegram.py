"""Asking on Telegram in every way there is, for the tests of isolation."""

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
    foreign_pixels,
    foreign_words,
)
from tests.servers.telegram import TelegramServer
from tests.servers.telegram_world import Json

# Groups take 20 messages a minute, which the bot keeps to: most questions go elsewhere.
_GROUP_SHARE = 0.01


class OnTelegram:
    """Asks in the three groups and in private chats; what comes back is the server's to keep."""

    def __init__(self, server: TelegramServer, ids: Mapping[str, list[str]]) -> None:
        self._server = server
        self._ids = ids
        self._queries: dict[int, list[str]] = {c.number: [] for c in COMMUNITIES}
        self._presses: dict[int, list[str]] = {c.number: [] for c in COMMUNITIES}
        for community in COMMUNITIES:
            server.world.user(community.telegram_user)
            owner = {community.telegram_user: "creator"}
            server.world.group(community.telegram_group, owner)

    @property
    def routes(self) -> Mapping[str, Route]:
        """Every way to ask."""
        return {
            "find": self._find,
            "similar": self._similar,
            "describe": self._describe,
            "inline": self._inline,
            "button": self._button,
            "forged": self._forged,
            "admin": self._admin,
            "help": self._help,
        }

    async def add(self) -> None:
        """Each group adds pictures to the open collection."""
        for community in COMMUNITIES:
            for number in range(ADDED):
                await self._say(
                    community,
                    f"/add a lamp {community.mark}-t{number} --collection {OPEN}",
                    photo=community.picture(300 + number),
                    group=True,
                )
            await self._say(community, f"/find lamp --collection {OPEN}", group=True)

    async def _find(self, community: Community, chance: random.Random) -> None:
        text = f"/find {community.question(chance)} --count 10{self._collection(chance)}"
        if chance.random() < 0.2:
            text += f" --exclude {community.question(chance)}"
        await self._say(community, text, group=chance.random() < _GROUP_SHARE)

    async def _similar(self, community: Community, chance: random.Random) -> None:
        words = community.question(chance) if chance.random() < 0.3 else ""
        own = community.picture(chance.randrange(200, 10_000))
        await self._say(community, f"/similar {words}{self._collection(chance)}", photo=own)

    async def _describe(self, community: Community, chance: random.Random) -> None:
        # The sheet shows the posted photo, too, so that one of another community would be seen.
        own = community.picture(chance.randrange(200, 10_000))
        await self._say(community, f"/describe{self._collection(chance)}", photo=own)

    async def _inline(self, community: Community, chance: random.Random) -> None:
        """``@bot words``, sometimes with another community's place to go on from."""
        other = chance.choice([c for c in COMMUNITIES if c is not community])
        offsets = ["", "", f"f5.5|lamp||{other.collection}"]
        offsets += [f"m5|{picture}" for picture in self._ids[other.collection][:2]]
        query = await self._server.type_inline(
            community.telegram_user, community.question(chance), chance.choice(offsets)
        )
        self._queries[community.number].append(query)
        await self._server.until(lambda: self._server.methods.inline[query], 240)

    async def _button(self, community: Community, chance: random.Random) -> None:
        message = await self._with_buttons(community, chance)
        row = chance.choice(message["reply_markup"]["inline_keyboard"])
        await self._press(community, message, chance.choice(row)["callback_data"])

    async def _forged(self, community: Community, chance: random.Random) -> None:
        """A button of our own message that carries another community's action or picture."""
        other = chance.choice([c for c in COMMUNITIES if c is not community])
        actions = [f"m5|{picture}" for picture in self._ids[other.collection]]
        actions += [f"f5|lamp||{other.collection}", f"s5|||{other.collection}"]
        actions += [
            button["callback_data"]
            for message in self._of(other)[-20:]
            for row in message.get("reply_markup", {}).get("inline_keyboard", [])
            for button in row
        ]
        message = await self._with_buttons(community, chance)
        await self._press(community, message, chance.choice(actions))

    async def _admin(self, community: Community, chance: random.Random) -> None:
        """What administrators may do, tried on what belongs to others."""
        other = chance.choice([c for c in COMMUNITIES if c is not community])
        text = chance.choice(
            (
                f"/remove {chance.choice(self._ids[other.collection])}",
                f"/remove {other.mark} lamp",
                f"/reindex {other.collection}",
                "/status",
            )
        )
        await self._say(community, text, group=chance.random() < _GROUP_SHARE)

    async def _help(self, community: Community, _: random.Random) -> None:
        await self._say(community, "/help")

    def check(self) -> int:
        """Read everything that came back; how many pictures were looked at."""
        looked = 0
        world, methods = self._server.world, self._server.methods
        for community in COMMUNITIES:
            assert any(f"{community.mark}-t" in json.dumps(m) for m in self._of(community)), (
                "it never saw what it had added itself"
            )
            for message in self._of(community):
                origin = "t" if message["chat"]["id"] == community.telegram_group else "-"
                said = {k: v for k, v in message.items() if k != "reply_to_message"}
                words = json.dumps(said, ensure_ascii=False)
                assert foreign_words(words, community, origin) == []
                if "photo" in message:
                    data = world.files[message["photo"][-1]["file_id"]].data
                    assert foreign_pixels(data, community) < TOLERANCE
                    looked += 1
            answers: list[Json] = []
            for query in self._queries[community.number]:
                answers += methods.inline[query]
            for query in self._presses[community.number]:
                answers += methods.answers[query]
            assert foreign_words(json.dumps(answers), community, "-") == []
            for answer in answers:
                for result in answer.get("results", []):
                    data = world.files[result["photo_file_id"]].data
                    assert foreign_pixels(data, community) < TOLERANCE
                    looked += 1
        return looked

    @staticmethod
    def _collection(chance: random.Random) -> str:
        name = chance.choice((None, None, OPEN, *COLLECTIONS))
        return "" if name is None else f" --collection {name}"

    def _of(self, community: Community) -> list[Json]:
        chats = {community.telegram_group, community.telegram_user}
        return [m for m in self._server.world.sent if m["chat"]["id"] in chats]

    async def _with_buttons(self, community: Community, chance: random.Random) -> Json:
        """A message with buttons in the community's private chat, asked for where none is."""

        def found() -> list[Json]:
            return [
                m
                for m in self._of(community)
                if m.get("reply_markup", {}).get("inline_keyboard")
                and m["chat"]["id"] == community.telegram_user
            ]

        if not found():
            await self._say(community, "/find a red lamp --count 3")
            await self._server.until(found, 60)
        return chance.choice(found()[-20:])

    async def _press(self, community: Community, message: Json, data: str) -> None:
        query = await self._server.press(message, data, community.telegram_user)
        self._presses[community.number].append(query)
        await self._server.until(lambda: self._server.methods.answers[query], 240)

    async def _say(
        self, community: Community, text: str, *, group: bool = False, **content: Any
    ) -> None:
        """Write something, and wait until the bot has answered this very message.

        Answers that are for one person alone come in that person's own chat.
        """
        user = community.telegram_user
        chat = community.telegram_group if group else user
        sent = self._server.world.sent
        before = len(sent)
        asked = await self._server.say(chat, user, text, **content)

        def answered() -> bool:
            return any(
                message.get("reply_to_message", {}).get("message_id") == asked["message_id"]
                or (group and message["chat"]["id"] == user)
                for message in sent[before:]
            )

        await self._server.until(answered, 240)
