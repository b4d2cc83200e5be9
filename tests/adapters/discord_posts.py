"""A Discord server with channels of several kinds, and a bot that searches what is posted there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.domain.types import UPLOADED
from core.domain.viewer import Viewer
from tests.adapters.discord_parts import ANA, HOME, adapter_of
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.posting import GalleryParts
from tests.servers.discord_history import HISTORY, VIEW
from tests.servers.discord_people import Discord, discord_with, until
from tests.servers.discord_shown import Shown
from tests.servers.discord_world import Json, Person, Room, Server

COMMUNITY = f"discord:{HOME}"
OPEN = HOME + 1_000_000
STAFF_ROLE, BOT_ROLE = 700, 701
STAFF, NIGHT, FORUM, POST, INNER = 801, 802, 803, 804, 805
SEES = VIEW | HISTORY
STAFF_ROOM = Room(STAFF, "staff", denies={HOME: SEES}, allows={STAFF_ROLE: SEES, BOT_ROLE: SEES})
NIGHT_ROOM = Room(NIGHT, "night", restricted=True)
FORUM_ROOM = Room(FORUM, "forum", kind=15)
POST_THREAD = Room(POST, "a post", kind=11, parent=FORUM, archived=True)
INNER_THREAD = Room(INNER, "inner", kind=12, parent=OPEN)
LEA = Person(21, "lea", roles=(STAFF_ROLE,))
OWNER = Person(1, "owner")


@dataclass
class Posting:
    """A server in which the bot follows channels, and its library."""

    discord: Discord
    server: Server
    gallery: Gallery
    parts: GalleryParts
    adapter: Any

    async def post(
        self,
        colour: str,
        text: str = "",
        *,
        seed: int = 0,
        person: Person = ANA,
        channel: int = OPEN,
    ) -> Json:
        """Somebody posts a picture."""
        data = picture_bytes(colour, seed=seed, edge=64)
        return await self.discord.say(
            person, self.server, text, (f"{colour}.png", data), thread=channel
        )

    async def on(self, channel: int = OPEN, **options: Any) -> str:
        """An administrator switches a channel on; all that is said to them."""
        said = await self.index("on", channel=str(channel), **options)
        await until(lambda: self.adapter.posts.follows(channel))
        await self.read()
        return said

    async def index(self, action: str, *, by: Person = OWNER, **options: Any) -> str:
        """Use /index; all that is said."""
        given = {"action": action, **options}
        asked = await self.discord.slash(by, self.server, "index", given)
        shown = await self.discord.answer(asked)
        assert shown.private
        return shown.text

    async def read(self) -> None:
        """Wait until all that was posted is taken in."""
        await until(lambda: self.adapter.posts.idle)

    async def until_kept(self, captions: list[str], *channels: int) -> None:
        """Wait until this is what is kept of some channels."""
        async with asyncio.timeout(60):
            while await self.kept(*channels) != captions:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)

    async def find(
        self,
        words: str,
        *,
        person: Person = ANA,
        channel: int = OPEN,
        private: bool = False,
        **options: Any,
    ) -> Shown:
        """Ask for pictures."""
        given = {"query": words, "count": 10, "private": private, **options}
        asked = await self.discord.slash(person, self.server, "find", given, thread=channel)
        return await self.discord.answer(asked)

    async def kept(self, *channels: int) -> list[str]:
        """The captions of the posts that are kept of some channels."""
        viewer = Viewer(COMMUNITY, adults=True, channels=frozenset(map(str, channels)))
        view = await self.gallery.library.open(None, viewer)
        return sorted(each.caption for each in view.pictures if each.path.startswith(UPLOADED))


def gallery_in(home: Path) -> Gallery:
    """A gallery that the server, the web chat and another server may search."""
    return Gallery(home, communities=f"web {COMMUNITY} discord:6")


def all_rooms() -> list[Room]:
    """A channel of the staff, one for adults, a forum with a post, a private thread."""
    return [STAFF_ROOM, NIGHT_ROOM, FORUM_ROOM, POST_THREAD, INNER_THREAD]


def server() -> Server:
    """A server with all of them, in which the bot may read everything."""
    return Server(
        HOME,
        owner=OWNER.id,
        rooms=all_rooms(),
        role_rights={STAFF_ROLE: 0, BOT_ROLE: 0},
        bot_roles=(BOT_ROLE,),
    )


@asynccontextmanager
async def posting(
    folder: Path, *, place: Server | None = None, **options: Any
) -> AsyncIterator[Posting]:
    """A bot at work in a server, by default in such a one."""
    gallery = gallery_in(folder / "gallery")
    gallery.add("of the folder.png", "grey", caption="grey stone")
    await gallery.reindex()
    place = place or server()
    async with (
        discord_with(place) as discord,
        running(discord, place, gallery, folder, **options) as it,
    ):
        yield it
    gallery.close()


@asynccontextmanager
async def running(
    discord: Discord, place: Server, gallery: Gallery, folder: Path, **options: Any
) -> AsyncIterator[Posting]:
    """The bot, connected to a server that is there."""
    parts = options.pop("parts", None) or GalleryParts(gallery)
    given = {"message_content": True, "post_pause_s": 0.01, "sweep_pause_s": 0.0, **options}
    adapter = adapter_of(parts, discord, folder, **given)  # type: ignore[arg-type]
    await adapter.start()
    try:
        yield Posting(discord, place, gallery, parts, adapter)
    finally:
        await adapter.stop()
