"""A bot that is killed while posts wait: Telegram has forgotten them, and none is lost."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.engine.telegram_memory import StoredMemory
from bot.telegram.adapter import TelegramAdapter
from tests.adapters.telegram_parts import ADA, BEN, EVE, adapter_of
from tests.fakes import picture_bytes
from tests.galleries import Gallery
from tests.posting import GalleryParts
from tests.servers.telegram import Fault, TelegramServer

pytestmark = pytest.mark.process

_ROOT = Path(__file__).parents[2]
_CLUB = -1001234567890
_NAME = f"telegram:{_CLUB}"

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.adapters.test_telegram_posts_kills import adapter_at, gallery_at

async def main(home, url):
    adapter = adapter_at(gallery_at(Path(home)), Path(home), url)
    await adapter.start()
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def gallery_at(home: Path) -> Gallery:
    """A gallery that the group may search."""
    return Gallery(home / "gallery", communities=_NAME)


def adapter_at(gallery: Gallery, home: Path, url: str) -> TelegramAdapter:
    """The bot over a gallery, on a Telegram in another process."""
    memory = StoredMemory(home / "telegram.sqlite")
    there: Any = SimpleNamespace(url=url)
    return adapter_of(GalleryParts(gallery, [memory]), there, home)  # type: ignore[arg-type]


@asynccontextmanager
async def _running(gallery: Gallery, home: Path, url: str) -> AsyncIterator[TelegramAdapter]:
    adapter = adapter_at(gallery, home, url)
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.stop()


async def _killed_at(server: TelegramServer, home: Path, posts: int, chance: random.Random) -> None:
    """Run the bot until Telegram has handed out all posts, then kill it."""
    if chance.random() < 0.5:
        server.fail("file", *[Fault(503)] * chance.randint(1, 6))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", _PROGRAM, str(home), server.url),
        cwd=_ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        before = len(server.called("getFile"))
        moment = chance.randint(0, posts)
        # The poll that acknowledges them; some are taken in then.
        await server.until(lambda: not server.world.updates)
        await server.until(lambda: len(server.called("getFile")) - before >= moment)
    finally:
        process.kill()
        await process.wait()


async def _kills(home: Path, times: int) -> None:
    gallery = gallery_at(home)
    gallery.add("of the folder.png", "grey", caption="grey stone")
    await gallery.reindex()
    server = TelegramServer(privacy=False)
    for person in (ADA, BEN, EVE):
        server.world.user(person)
    server.world.group(_CLUB, {ADA: "creator", BEN: "member", EVE: "member"})
    chance = random.Random(3)
    seed = 0
    async with server.running():
        async with _running(gallery, home, server.url):
            await server.say(_CLUB, ADA, "/index on")
            await server.until(lambda: gallery.settings.of(_NAME).index_posts)
        for _ in range(times):
            posts = chance.randint(2, 12)
            for number in range(posts):
                album = {"media_group_id": f"a{seed - number}"} if posts > 6 and number < 3 else {}
                data = picture_bytes("red", seed=seed, edge=64)
                await server.say(_CLUB, BEN, f"kite {seed}", photo=data, **album)
                seed += 1
            await _killed_at(server, home, posts, chance)
        async with _running(gallery, home, server.url) as adapter:
            async with asyncio.timeout(60):
                while (await gallery.posts.kept(_NAME)).posts < seed:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            memory = adapter._parts.memory
            async with asyncio.timeout(60):
                while await memory.waiting(server.world.bot["id"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
    assert (await gallery.posts.kept(_NAME)).posts == seed
    gallery.close()


async def test_posts_that_wait_at_a_kill_are_taken_in(tmp_path: Path) -> None:
    """They are kept before Telegram is told that they were taken."""
    await _kills(tmp_path, 1)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_thirty_kills_lose_no_post(tmp_path: Path) -> None:
    """With albums, and with files that cannot be had, among them."""
    await _kills(tmp_path, 30)
