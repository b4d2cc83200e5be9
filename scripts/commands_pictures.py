"""Take the pictures of ``docs/commands.md``: ``python scripts/commands_pictures.py [NAME …]``.

Starts ``tangerine run`` on Tux Paint's stamps between a loopback Discord and a loopback
Telegram, gives each command on both, and draws the messages that come back in a real
Chromium. ``words``, ``words-posted`` and ``moving`` are of made pictures (``scene_pictures.py``).
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps  # noqa: E402 - run as a file
from playwright.async_api import Browser, async_playwright  # noqa: E402

from index.demo.gallery import demo_gallery  # noqa: E402
from recipes.memes import own_fonts  # noqa: E402
from scripts.chat_drawings import discord_message, page, telegram_messages  # noqa: E402
from scripts.saving import save  # noqa: E402
from scripts.scene_pictures import write_pictures  # noqa: E402
from scripts.screenshots import words_read  # noqa: E402
from tests.program import small_program  # noqa: E402
from tests.running import running  # noqa: E402
from tests.servers.discord_people import Discord, discord_with  # noqa: E402
from tests.servers.discord_world import MANAGE_GUILD, MEMBER_RIGHTS, Person, Server  # noqa: E402
from tests.servers.telegram import TelegramServer  # noqa: E402

OUT = ROOT / "docs" / "images" / "commands"
_ADA = Person(13, "ada", rights=MEMBER_RIGHTS | MANAGE_GUILD)
_GROUP = -1001
_FRUIT = "orange_seville.png"
_QUIET_S = 1.5
_INDEXED_S = 600


@dataclass(frozen=True)
class Scene:
    """One command: as typed on Discord and as written on Telegram; ``photo`` goes with it.

    ``file``: the name of its picture where that is not the command's.
    """

    name: str
    options: Mapping[str, Any]
    text: str
    photo: bool = False
    file: str = ""

    @property
    def shown(self) -> str:
        """The name of its picture."""
        return self.file or self.name


def scenes() -> tuple[Scene, ...]:
    """What is shown of each command, in an order that makes sense to the collection."""
    return (
        # First of all: nobody but the operator is let in before.
        Scene("allow", {}, "/allow"),
        Scene("claim", {"code": "2345-6789-ABCD"}, "/claim 2345-6789-ABCD"),
        Scene("find", {"query": "orange fruits"}, "/find orange fruits"),
        Scene("similar", {}, "/similar", photo=True),
        Scene("describe", {"count": 3}, "/describe --count 3", photo=True),
        Scene(
            "classify",
            {"labels": "fruit, animal, vehicle"},
            "/classify fruit, animal, vehicle",
            photo=True,
        ),
        Scene("map", {"query": "orange fruits", "groups": 8}, "/map orange fruits --groups 8"),
        Scene("add", {"caption": "our mascot"}, "/add our mascot", photo=True),
        Scene("remove", {"id": "our mascot"}, "/remove our mascot"),
        Scene("reindex", {}, "/reindex"),
        Scene("status", {}, "/status"),
        Scene("settings", {}, "/settings"),
        Scene(
            "moderation",
            {"action": "test", "criterion": "insect"},
            "/moderation test insect",
        ),
        Scene("privacy", {}, "/privacy"),
        Scene("help", {}, "/help"),
    )


def made_scenes() -> tuple[Scene, ...]:
    """What is shown of pictures with words and of those that move."""
    return (
        Scene("allow", {}, "/allow"),
        Scene(
            "find",
            {"query": "tests pass first", "count": 3},
            "/find tests pass first --count 3",
            file="words",
        ),
        Scene("similar", {"count": 3}, "/similar --count 3", photo=True, file="words-posted"),
        Scene("find", {"query": "a truck", "count": 3}, "/find a truck --count 3", file="moving"),
    )


async def main(names: Sequence[str] = ()) -> None:
    """Take the pictures of these commands, or of all."""
    OUT.mkdir(parents=True, exist_ok=True)
    stamps = demo_gallery(ROOT / "data" / "demo", print)
    made = write_pictures(stamps, ROOT / "data" / "screenshots" / "made")
    for gallery, photo, scenes_of in (
        (stamps, _photo(stamps), scenes()),
        (made, _said(), made_scenes()),
    ):
        wanted = [each for each in scenes_of if not names or each.shown in names]
        if wanted:
            allow = [each for each in scenes_of if each.name == "allow" and each not in wanted]
            await _take_all(gallery, photo, [*allow, *wanted], words=gallery == made)


async def _take_all(gallery: Path, photo: bytes, chosen: Sequence[Scene], *, words: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = small_program(
            Path(folder),
            TANGERINE_GALLERY=str(gallery),
            TANGERINE_WORDS__ENABLED=str(words).lower(),
            TANGERINE_COMMUNITIES="",
            TANGERINE_DISCORD__ADMINS=str(_ADA.id),
            TANGERINE_TELEGRAM__ADMINS=str(_ADA.id),
        )
        telegram = TelegramServer()
        telegram.world.user(_ADA.id)
        telegram.world.group(_GROUP, {_ADA.id: "creator"})
        async with (
            discord_with(Server(5, owner=1)) as discord,
            telegram.running(),
            running(
                program,
                **discord.environment,
                **telegram.environment,
            ) as started,
            async_playwright() as playwright,
        ):
            await started.wait_until_said(
                "Ready:", "Discord: connected", "Telegram: connected", seconds=_INDEXED_S
            )
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            if words:
                await words_read(started)
            for scene in chosen:
                # Two different pictures are added: the second one would be a duplicate.
                added = scene.name == "add"
                on_discord, on_telegram = (
                    (_mascot("skyblue"), _mascot("mistyrose")) if added else (photo, photo)
                )
                for platform, shown in (
                    ("Discord", await _on_discord(discord, scene, on_discord)),
                    ("Telegram", await _on_telegram(telegram, scene, on_telegram)),
                ):
                    if not (words and scene.name == "allow"):
                        await _take(browser, platform, scene, shown)
            await browser.close()


def _photo(gallery: Path) -> bytes:
    """An orange of the gallery as somebody photographs it: tilted, on a table, a little soft."""
    with Image.open(next(gallery.rglob(_FRUIT))) as image:
        fruit = image.convert("RGBA")
    fruit = ImageOps.contain(fruit.crop(fruit.getbbox()), (340, 340))
    fruit = fruit.rotate(20, Image.Resampling.BICUBIC, expand=True)
    table = Image.new("RGB", (640, 520), (214, 190, 158))
    table.paste(fruit, ((640 - fruit.width) // 2, (520 - fruit.height) // 2), fruit)
    return _png(table.filter(ImageFilter.GaussianBlur(0.5)))


def _said() -> bytes:
    """What a meme of the made pictures says, as somebody writes it down."""
    image = Image.new("RGB", (640, 240), "white")
    font = ImageFont.truetype(own_fonts()[0], 40)
    ImageDraw.Draw(image).text((40, 90), "merge on friday?", "black", font)
    return _png(image)


def _mascot(sky: str) -> bytes:
    """A tangerine with a face, before a sky: another sky is another picture."""
    image = Image.new("RGB", (480, 480), sky)
    draw = ImageDraw.Draw(image)
    draw.ellipse((90, 110, 390, 410), "#ff8c1a", "#d96c00", 8)
    draw.ellipse((225, 60, 315, 120), "#3b8f3b")
    for x in (185, 265):
        draw.ellipse((x, 210, x + 30, 250), "black")
    draw.arc((180, 240, 300, 340), 20, 160, "black", 8)
    return _png(image)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


async def _on_discord(discord: Discord, scene: Scene, photo: bytes) -> str:
    [server] = discord.gateway.servers
    picture = ("photo.png", photo) if scene.photo else None
    exchange = await discord.slash(_ADA, server, scene.name, scene.options, picture=picture)
    await discord.answer(exchange)
    await _quiet(lambda: str(exchange.messages))
    return "".join(
        discord_message(shown.message, discord.rest.store.files)
        for shown in discord.visible(exchange)
    )


async def _on_telegram(telegram: TelegramServer, scene: Scene, photo: bytes) -> str:
    before = len(telegram.world.sent)
    await telegram.say(_GROUP, _ADA.id, scene.text, photo=photo if scene.photo else None)
    await telegram.until(lambda: len(telegram.world.sent) > before, 30)
    await _quiet(lambda: str(telegram.world.sent))
    return telegram_messages(telegram.world.sent[before:], telegram.world)


async def _quiet(state: Callable[[], str]) -> None:
    """Wait until nothing has changed for a while: progress is drawn over itself."""
    before = ""
    while before != (before := state()):  # noqa: ASYNC110 - the servers have no event for quiet
        await asyncio.sleep(_QUIET_S)


async def _take(browser: Browser, platform: str, scene: Scene, body: str) -> None:
    asked = scene.text + (" + a photo" if scene.photo else "")
    view = await browser.new_page(viewport={"width": 560, "height": 40}, device_scale_factor=1.5)
    await view.set_content(page(platform.lower(), asked, body))
    picture = await view.screenshot(full_page=True)
    await view.close()
    path = OUT / f"{scene.shown}-{platform.lower()}.png"
    size = await asyncio.to_thread(save, picture, path)
    print(path.relative_to(ROOT), size, "KiB")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
