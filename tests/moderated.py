"""A chat and a web server over a real, moderated collection, and every way to ask them.

Each picture's caption carries a mark of its own that no question holds, and each picture is of
one colour, so that whatever a route says or shows can be told apart by words and by pixels.
"""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from bot.chat.actions import Action, ActionCodec, TextMemory
from bot.chat.admission import Admission
from bot.chat.commands import Commands
from bot.chat.failures import Failures
from bot.chat.parts import CommandParts
from bot.engine.engine import SystemClock
from bot.observability.metrics import Metrics
from bot.protocol.definitions import find_command
from bot.protocol.ports import ModelCard
from bot.protocol.replies import ContactSheet, Document, Pictures, Reply
from bot.protocol.requests import InMemory, Request
from bot.rendering.sheets import Sheets
from bot.rendering.thumbnails import Thumbnails
from bot.web.adapter import WebAdapter, WebOptions, WebParts
from core.domain.rate_limits import RateLimiter
from core.domain.reindex_jobs import OwnReindexJobs
from core.domain.types import CommunitySettings, Picture
from core.search.browse import Browser
from core.search.service import Search
from index.library.moderation_filter import Judge
from tests.colours import share_of
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.web.parts import languages

SERVER, PERSON, WEB = "discord:1", "telegram:17", "web"
PLACES = (SERVER, PERSON, WEB)
"""A server that shares the collection, somebody alone (as inline mode asks), the web chat."""

HUES = ("red", "green", "blue", "yellow")
PER_HUE = 2
ME = "discord:7"

_MARK = re.compile(r"zorvex-\w+")
_SPECKS = 0.0003


@dataclass
class Seen:
    """What routes gave out: marks and ids in words, pictures, and ids of exported uploads."""

    exported: set[str] = field(default_factory=set)
    words: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[tuple[str, bytes]] = field(default_factory=list)

    def reply(self, route: str, reply: Reply) -> Reply:
        """Note a reply with all its parts."""
        said = tuple(part for part in reply.parts if not isinstance(part, Document))
        self.words.append((route, repr(replace(reply, parts=said))))
        for part in reply.parts:
            if isinstance(part, ContactSheet):
                self.pictures.append((route, part.png))
            if isinstance(part, Document):
                with zipfile.ZipFile(io.BytesIO(part.data)) as archive:
                    self.exported |= {Path(name).stem for name in archive.namelist()}
        return reply

    def leaks(self, hidden: Iterable[Picture], hues: set[str]) -> set[str]:
        """The routes that named a hidden picture, or showed a hue of which all are hidden."""
        secrets = [
            secret for picture in hidden for secret in (picture.id, *_MARK.findall(picture.caption))
        ]
        found = {route for route, said in self.words if any(each in said for each in secrets)}
        return found | {
            route
            for route, data in self.pictures
            if any(share_of(data, hue) > _SPECKS for hue in hues)
        }


class Moderated:
    """The gallery with commands and a web server over it.

    Nothing in it is a fake but the encoder and the decoder.
    """

    def __init__(self, home: Path, judge: Judge | None = None) -> None:
        self.gallery = gallery = Gallery(
            home, communities=f"{SERVER} {WEB} *", duplicate_cosine=2, judge=judge
        )
        for hue in HUES:
            for seed in range(PER_HUE):
                gallery.write(f"{hue}{seed}.png", picture_bytes(hue, seed, edge=64))
                gallery.write(f"{hue}{seed}.txt", f"{hue} thing zorvex-{hue}{seed}")
        metrics, clock = Metrics(), SystemClock()
        self.thumbnails = Thumbnails(gallery.decoder)
        self.codec = ActionCodec(TextMemory(clock))
        admission = Admission(RateLimiter(None, clock), gallery.settings)
        failures = Failures(metrics)
        search = Search(gallery.library, gallery.embedder, gallery.decoder)
        self.commands = Commands(
            CommandParts(
                search=search,
                library=gallery.library,
                contributions=gallery.contributions,
                moderation=gallery.moderation,
                settings=gallery.settings,
                grants=gallery.grants,
                jobs=OwnReindexJobs(gallery.reindexer),
                admission=admission,
                counters=metrics,
                failures=failures,
                presenters=languages().presenter,
                codec=self.codec,
                sheets=Sheets(gallery.library, self.thumbnails),
                model=lambda: ModelCard("fake", 32, "cpu"),
                now=lambda: gallery.now,
            )
        )
        self.web = WebAdapter(
            WebParts(
                commands=self.commands,
                search=search,
                library=gallery.library,
                browser=Browser(gallery.library, gallery.looks),
                thumbnails=self.thumbnails,
                admission=admission,
                counters=metrics,
                failures=failures,
                presenters=languages().presenter,
                readiness=list,
                clock=clock,
            ),
            WebOptions(port=0, admin=False),
            drain_s=0.2,
        )

    async def everything(self) -> list[Picture]:
        """Every picture that there is, of the folder and of the chat."""
        return list((await self.gallery.library.open(None, "local")).pictures)

    def request(self, text: str, community: str, **values: object) -> Request:
        """A member's question."""
        platform = community.partition(":")[0]
        asked = Request(platform, community, ME, text=text, channel="c")
        return replace(asked, **values)

    async def ask(self, seen: Seen, community: str, hue: str, everything: list[Picture]) -> None:
        """Every route of the chat, for a member and for an administrator's other commands."""
        photo = (InMemory(picture_bytes(hue, 50, edge=48)),)
        questions: Mapping[str, Request] = {
            "find": self.request(f"/find {hue} thing --count 10", community),
            "exclude": self.request(f"/find {hue} thing --exclude green -k 10", community),
            "similar": self.request(
                "/similar --count 10", community, pictures=photo, drawings=True
            ),
            "mixed": self.request(f"/similar {hue}", community, pictures=photo),
            "describe": self.request("/describe --count 10", community, pictures=photo),
            "photo": self.request("", community, pictures=photo, unasked=True, drawings=True),
            "help": self.request("/help", community, is_admin=True),
            "status": self.request("/status", community, is_admin=True),
            "candidates": self.request(f"/remove {hue}", community, is_admin=True),
            "export": self.request("/privacy export", community),
            "again": self.request(
                "/add",
                community,
                pictures=(InMemory(picture_bytes(hue, 0, edge=64)),),
                may_add=True,
            ),
            "moderation": self.request("/moderation list", community, is_admin=True),
        }
        await self.gallery.settings.save(
            community, CommunitySettings(photo_channels=frozenset({"c"}), show_weak=True)
        )
        for route, request in questions.items():
            reply = seen.reply(route, await self.commands.handle(request))
            await self._press(seen, route, reply, request)
        for picture in everything:
            forged = self.codec.encode(Action("more_like", text=picture.id, weak=True), community)
            asked = self.request("", community)
            reply = await self.commands.act(forged, asked)
            # What was asked about stands in the buttons of its own pages.
            if reply.error is None:
                seen.reply("more like", reply)
            said = f"{reply.error}".replace(picture.id, "")
            seen.words.append(("more like", said))
        admin = self.request("", community, is_admin=True)
        for start in ("", hue, "zorvex"):
            seen.words.append(("choices", repr(await self.commands.pictures(admin, start))))
        seen.words.append(("examples", repr(await self.commands.examples(admin))))

    async def _press(self, seen: Seen, route: str, reply: Reply, request: Request) -> None:
        """All pages that follow, and what is like each picture of the first one."""
        for button in reply.buttons:
            if button.kind in {"page", "more_like", "show_weak"}:
                following = seen.reply(
                    f"{route} {button.kind}", await self.commands.act(button.action, request)
                )
                if button.kind == "page":
                    await self._press(seen, route, following, request)

    async def browse(self, seen: Seen, hue: str, everything: list[Picture]) -> None:
        """Every route of the HTTP API and of the web chat."""
        photo = picture_bytes(hue, 50, edge=48)

        def chat(text: str) -> aiohttp.FormData:
            return aiohttp.FormData({"text": text}, default_to_multipart=True)

        def form(**fields: str) -> aiohttp.FormData:
            data = aiohttp.FormData(fields)
            data.add_field("image", photo, filename="a.png", content_type="image/png")
            return data

        async with aiohttp.ClientSession(self.web.url) as client:
            calls: Mapping[str, Callable[[], Awaitable[aiohttp.ClientResponse]]] = {
                "/api/find": lambda: client.get("/api/find", params={"q": hue, "k": "10"}),
                "/api/similar": lambda: client.post("/api/similar", data=form(k="10")),
                "/api/describe": lambda: client.post("/api/describe", data=form(k="10")),
                "/api/chat": lambda: client.post("/api/chat", data=chat(f"/find {hue} -k 10")),
                "/api/pictures": lambda: client.get("/api/pictures"),
                "/api/welcome": lambda: client.get("/api/welcome"),
                "/api/map": lambda: client.get("/api/map", params={"groups": "2", "q": hue}),
                "/api/chat photo": lambda: client.post("/api/chat", data=form(text="")),
                "/api/chat review": lambda: client.post(
                    "/api/chat", data=chat("/moderation review")
                ),
            }
            for route, call in calls.items():
                seen.words.append((route, json.dumps(await (await call()).json())))
            await self._look_at_each(client, seen, everything)

    @staticmethod
    async def _look_at_each(
        client: aiohttp.ClientSession, seen: Seen, everything: list[Picture]
    ) -> None:
        for picture in everything:
            answer = await client.get(f"/api/map/{picture.id}")
            if answer.status != 404:
                seen.words.append(("/api/map of one", json.dumps(await answer.json())))
            for end in ("", "/similar"):
                answer = await client.get(f"/api/pictures/{picture.id}{end}?k=100")
                if answer.status != 404:
                    said = json.dumps(await answer.json())
                    seen.words.append((f"/api/pictures of one{end}", said))
            for end in ("", "/thumbnail"):
                known = {"If-None-Match": f'"{picture.sha256}"'}
                for headers in ({}, known):
                    answer = await client.get(f"/pictures/{picture.id}{end}", headers=headers)
                    if answer.status != 404:
                        seen.words.append((f"/pictures{end}", picture.id))

    async def map(self, seen: Seen, community: str) -> None:
        """What a map is drawn from, picture by picture; and the map, where it is a command."""
        library = self.gallery.library
        for picture in (await library.open(None, community)).pictures:
            _, file = await library.picture_file(picture.id, community)
            seen.words.append(("map", f"{picture.id} {picture.caption}"))
            seen.pictures.append(("map", file.read_bytes()))
        if find_command("map") is not None:
            request = self.request("/map", community, drawings=True)
            seen.reply("map", await self.commands.handle(request))

    async def hidden(self, community: str) -> list[Picture]:
        """What moderation keeps from a community, told by the port alone."""
        hides = self.gallery.moderation.hides
        return [p for p in await self.everything() if await hides(p.id, community=community)]

    async def close(self) -> None:
        """End what runs in the background."""
        await self.thumbnails.close()
        self.gallery.close()


@asynccontextmanager
async def moderated(home: Path, judge: Judge | None = None) -> AsyncIterator[Moderated]:
    """An indexed gallery that is served; ``judge`` moderates it."""
    chat = Moderated(home, judge)
    await chat.gallery.reindex()
    await chat.web.start()
    try:
        yield chat
    finally:
        await chat.web.stop()
        await chat.close()


def fully_hidden(hidden: Iterable[Picture], everything: Iterable[Picture], asked: str) -> set[str]:
    """The hues of which every picture is hidden; not what was asked with, shown beside hits."""
    gone = {picture.id for picture in hidden}
    left = {p.caption.partition(" ")[0] for p in everything if p.id not in gone}
    return set(HUES) - left - {asked}


def with_cards(reply: Reply) -> list[str]:
    """The ids of the pictures that a reply shows."""
    return [c.id for part in reply.parts if isinstance(part, Pictures) for c in part.cards]


def some(chance: random.Random, pictures: Iterable[Picture], share: float) -> list[Picture]:
    """About this share of the pictures."""
    return [picture for picture in pictures if chance.random() < share]
