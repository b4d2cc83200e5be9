"""Take the pictures of ``docs/posted.md``; :mod:`scripts.screenshots` does it with its others.

People post pictures of the demo gallery in a loopback Discord and a loopback Telegram, an
administrator says ``/index on`` to ``tangerine run``, and members ask. What comes back is drawn as
for :mod:`scripts.commands_pictures`.
"""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps
from playwright.async_api import Browser

from scripts.chat_drawings import discord_message, page, telegram_messages
from scripts.saving import save
from tests.program import small_program
from tests.running import running
from tests.servers.discord_people import Discord, discord_with
from tests.servers.discord_world import MANAGE_GUILD, MEMBER_RIGHTS, Person, Server
from tests.servers.telegram import TelegramServer

NAMES = (
    "posted-index-discord",
    "posted-find-discord",
    "posted-repost-discord",
    "posted-index-telegram",
    "posted-find-telegram",
    "posted-repost-telegram",
)
_ADA = Person(13, "ada", rights=MEMBER_RIGHTS | MANAGE_GUILD)
_PEOPLE = {11: "Noor", 12: "Ben", 13: "Ada"}
_GROUP = -1001
_DAY_S = 86_400
_FOLDER = ("apple_red.png", "tiger.png", "trumpet.png")
_POSTS = (
    ("pink_cake.png", "The cake for Noor's birthday", 12, 171),
    ("snowman.png", "First snow in the garden!", 11, 160),
    ("teddy_bear.png", "Look who moved in", 12, 150),
    ("guitar_classical.png", "Selling this one, barely played", 11, 131),
    ("pizza.png", "Friday", 12, 120),
    ("tent.png", "Camp for the weekend", 13, 101),
    ("iris.png", "", 11, 90),
    ("strawberry.png", "From the balcony", 11, 70),
    ("pumpkin_small.png", "Still growing", 12, 50),
    ("lemon.png", "", 13, 41),
    ("rabbit.png", "He found the carrots", 11, 30),
    ("windmill.png", "On the way home", 13, 9),
)
_URL = re.compile(r"https://t\.me/[^\s<]+")
_LINK = re.compile(r"https://discord\.com/channels/\d+/\d+/\d+")
_CLIENT = """<style>
.discord .gallery:not(.single) { grid-template-columns: repeat(2, 1fr) }
.discord .gallery img { object-fit: cover; height: 178px }
.telegram .gallery img { object-fit: cover; height: 190px }
.telegram .gallery:has(figure:nth-child(2):last-child),
.telegram .gallery:has(figure:nth-child(4):last-child) { grid-template-columns: 1fr 1fr }
.telegram .gallery.single img { height: auto }
.telegram figcaption { display: none } /* of an album, clients show them in its single pictures */
.telegram .message a { color: #2f7cc0; text-decoration: none }
.link { background: #3c4270; color: #c9cdfb; border-radius: 3px; padding: 0 3px }
.who { display: flex; align-items: center; gap: 8px; margin-bottom: 6px; font-weight: bold }
.who i { width: 30px; height: 30px; border-radius: 50%; background: #f28a1e; color: #fff;
  display: grid; place-items: center; font-style: normal; font-size: 16px }
.who b { background: #5865f2; color: #fff; border-radius: 4px; font-size: 10px; padding: 1px 5px }
.telegram .who b { display: none } .telegram .who { color: #c2661b }
</style>"""
_QUIET_S = 1.5
_INDEXED_S = 600.0
_WAIT_S = 300.0


async def take(browser: Browser, gallery: Path, names: Collection[str], out: Path) -> None:
    """Take these of :data:`NAMES` into a folder that exists."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        pictures = await asyncio.to_thread(_gallery, gallery, home / "gallery")
        program = small_program(
            home,
            TANGERINE_GALLERY=str(pictures),
            TANGERINE_COMMUNITIES=f"discord:5,telegram:{_GROUP}",
            TANGERINE_DISCORD__MESSAGE_CONTENT="true",
            TANGERINE_ENCODER__BACKEND="torch",
        )
        telegram = TelegramServer(privacy=False)
        for number, name in _PEOPLE.items():
            telegram.world.user(number)
            telegram.world.users[number] |= {"first_name": name, "username": name.lower()}
        telegram.world.group(_GROUP, {11: "member", 12: "member", 13: "creator"})
        async with (
            discord_with(Server(5, owner=1)) as discord,
            telegram.running(),
            running(program, **discord.environment, **telegram.environment) as started,
        ):
            await started.wait_until_said(
                "Ready:", "Discord: connected", "Telegram: connected", seconds=_INDEXED_S
            )
            given = [(await asyncio.to_thread(_photo, gallery, each[0]), each) for each in _POSTS]
            for platform, talk in (
                ("discord", _on_discord(discord, given)),
                ("telegram", _on_telegram(telegram, given)),
            ):
                if any(name.endswith(platform) for name in names):
                    async for scene, asked, body in talk:
                        name = f"posted-{scene}-{platform}"
                        if name in names:
                            await _draw(browser, platform, asked, body, out / f"{name}.png")


_Given = list[tuple[bytes, tuple[str, str, int, int]]]
_Drawn = tuple[str, str, str]
"""What is shown, what was typed for it, and the messages as HTML."""


async def _on_discord(discord: Discord, given: _Given) -> AsyncIterator[_Drawn]:
    [server] = discord.gateway.servers
    people = {number: Person(number, name.lower()) for number, name in _PEOPLE.items()}
    for photo, (_, text, author, days) in given:
        made = discord.ids.new(age_s=days * _DAY_S)
        await discord.say(people[author], server, text, ("photo.jpg", photo), id=str(made))

    async def asked(name: str, picture: bytes | None = None, **options: object) -> str:
        with_it = None if picture is None else ("photo.jpg", picture)
        exchange = await discord.slash(_ADA, server, name, options, picture=with_it)
        await discord.answer(exchange)
        await _quiet(lambda: str(exchange.messages))
        return "".join(
            discord_message(shown.message, discord.rest.store.files)
            for shown in discord.visible(exchange)
        )

    await asked("index", action="on")
    await _until(lambda: asked("index", action="status"), f"{len(given)} of {len(given)} posts")
    yield "index", "/index status", await asked("index", action="status")
    words = "birthday cake"
    yield "find", f"/find {words} from:@ben", await asked("find", query=words, **{"from": "12"})
    yield "repost", "/repost + a photo", await asked("repost", _again(given[0][0]))


async def _on_telegram(telegram: TelegramServer, given: _Given) -> AsyncIterator[_Drawn]:
    async def asked(text: str, picture: bytes | None = None) -> str:
        before = len(telegram.world.sent)
        await telegram.say(_GROUP, 13, text, photo=picture)
        await telegram.until(lambda: len(telegram.world.sent) > before, 60)
        await _quiet(lambda: str(telegram.world.sent))
        return telegram_messages(telegram.world.sent[before:], telegram.world)

    yield "index", "/index on", await asked("/index on")
    for photo, (_, text, author, days) in given:
        await telegram.say(_GROUP, author, text or None, photo=photo, date=_days_ago(days))
    await _until(lambda: asked("/index status"), f"{len(given)} of {len(given)} posts")
    words = "birthday cake from:@ben"
    yield "find", f"/find {words}", await asked(f"/find {words}")
    yield "repost", "/repost + a photo", await asked("/repost", _again(given[0][0]))


def _days_ago(days: int) -> int:
    return int(time.time()) - days * _DAY_S


def _gallery(demo: Path, folder: Path) -> Path:
    folder.mkdir()
    for name in _FOLDER:
        shutil.copy(next(demo.rglob(name)), folder)
    return folder


def _photo(demo: Path, name: str) -> bytes:
    """A thing of the gallery as somebody photographs it: tilted, on a table, a little soft."""
    with Image.open(next(demo.rglob(name))) as image:
        thing = image.convert("RGBA")
    thing = ImageOps.contain(thing.crop(thing.getbbox()), (360, 360))
    thing = thing.rotate(6, Image.Resampling.BICUBIC, expand=True)
    table = Image.new("RGB", (640, 480), (214, 198, 172))
    table.paste(thing, ((640 - thing.width) // 2, (480 - thing.height) // 2), thing)
    return _jpeg(table.filter(ImageFilter.GaussianBlur(0.5)))


def _again(photo: bytes) -> bytes:
    """The same, saved anew."""
    with Image.open(io.BytesIO(photo)) as image:
        return _jpeg(image.convert("RGB"), quality=70)


def _jpeg(image: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


async def _until(ask: Callable[[], Awaitable[str]], said: str) -> None:
    async with asyncio.timeout(_WAIT_S):
        while said not in await ask():  # noqa: ASYNC110 - only an answer tells
            await asyncio.sleep(_QUIET_S)


async def _quiet(state: Callable[[], str]) -> None:
    """Wait until nothing has changed for a while: progress is drawn over itself."""
    before = ""
    while before != (before := state()):  # noqa: ASYNC110 - the servers have no event for quiet
        await asyncio.sleep(_QUIET_S)


def _as_shown(body: str) -> str:
    """As clients show it: by whom, a link as such, and one to a message by its channel."""
    who = "<div class=who><i>T</i>Tangerine <b>APP</b></div>"
    body = _URL.sub(r"<a>\g<0></a>", body)
    return who + _LINK.sub("<span class=link># general &rsaquo; &#9636;</span>", body)


async def _draw(browser: Browser, platform: str, asked: str, body: str, path: Path) -> None:
    view = await browser.new_page(viewport={"width": 560, "height": 40}, device_scale_factor=1.5)
    await view.set_content(page(platform, asked, _CLIENT + _as_shown(body)))
    picture = await view.screenshot(full_page=True)
    await view.close()
    print(path, await asyncio.to_thread(save, picture, path), "KiB")
