"""A bot that is killed while it reads a history: every post is there once, and none is missing."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.adapters.discord_parts import DiscordAdapter, adapter_of
from tests.adapters.discord_posts import OPEN, POST, Posting, posting, running
from tests.galleries import Gallery
from tests.posting import GalleryParts
from tests.servers.discord_people import Discord, until
from tests.servers.discord_store import Fault

pytestmark = pytest.mark.process

_ROOT = Path(__file__).parents[2]
_POSTS = 30

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.adapters.discord_posts import gallery_in
from tests.adapters.test_discord_posts_kills import adapter_at

async def main(home, api, gateway):
    adapter = adapter_at(gallery_in(Path(home)), Path(home), api, gateway)
    await adapter.start()
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def adapter_at(gallery: Gallery, folder: Path, api: str, gateway: str) -> DiscordAdapter:
    """The bot over a gallery, on a Discord in another process."""
    there: Any = SimpleNamespace(api_url=api, gateway=SimpleNamespace(url=gateway))
    given = {"message_content": True, "post_pause_s": 0.01}
    return adapter_of(GalleryParts(gallery), there, folder, **given)  # type: ignore[arg-type]


def _fetched(discord: Discord) -> int:
    return sum(call.startswith("GET /cdn/") for call in discord.rest.calls)


async def _killed_at(talk: Posting, home: Path, chance: random.Random) -> None:
    """Run the bot until it has fetched some more pictures, then kill it."""
    discord = talk.discord
    limited = {"message": "You are being rate limited.", "retry_after": 0.01, "global": False}
    discord.rest.faults.append(
        chance.choice(
            [
                Fault(r"GET .*/messages$", status=429, body=limited),
                Fault(r"GET .*/messages$", reset=True),
                Fault(r"GET /cdn/", status=503, times=2),
            ]
        )
    )
    before = _fetched(discord)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", _PROGRAM),
        *(str(home), discord.api_url, discord.gateway.url),
        cwd=_ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        moment = chance.randint(1, 12)
        await until(lambda: _fetched(discord) >= before + moment)
        if chance.random() < 0.3:
            discord.gateway.cut()
    finally:
        process.kill()
        await process.wait()


async def _kills(folder: Path, times: int, *, posts: int) -> None:
    async with posting(folder) as talk:
        for number in range(posts):
            place = POST if number % 4 == 0 else OPEN
            await talk.post("red", f"kite {number}", seed=number, channel=place)
        # Switched on, and ended before it has read anything.
        talk.discord.rest.faults.append(Fault(r"GET .*/messages$", status=500, times=10**6))
        await talk.index("on", everywhere=True)
        await until(lambda: talk.adapter.posts.follows(POST))
        await talk.adapter.stop()
        talk.discord.rest.faults.clear()
        chance = random.Random(3)
        for _ in range(times):
            await _killed_at(talk, folder / "gallery", chance)
            if await _kept(talk) == posts:
                # All of it is read: what comes while it is away is read next time.
                posts += 12
                for number in range(posts - 12, posts):
                    await talk.post("red", f"kite {number}", seed=number)
        await talk.post("red", f"kite {posts}", seed=posts)
        async with running(talk.discord, talk.server, talk.gallery, folder) as after:
            async with asyncio.timeout(120):
                while await _kept(after) < posts + 1:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.05)
            # Pictures that look the same are kept once, with all their posts.
            assert await _captions(after) == sorted(f"kite {n}" for n in range(posts + 1))
            assert talk.gallery.verify() == []


async def _captions(talk: Posting) -> list[str]:
    found = []
    for channel in (OPEN, POST):
        messages = talk.discord.rest.history.posted.get(channel, {})
        known = await talk.gallery.channels.known(f"discord:{channel}", list(messages))
        assert len({post.message for post in known}) == len(known)
        found += [post.caption for post in known]
    return sorted(found)


async def _kept(talk: Posting) -> int:
    return len(await _captions(talk))


async def test_a_kill_loses_no_post_and_doubles_none(tmp_path: Path) -> None:
    """In the middle of a page, with rate limits, errors and cut connections among it."""
    await _kills(tmp_path, 1, posts=_POSTS)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_thirty_kills_lose_no_post(tmp_path: Path) -> None:
    """The same at thirty moments."""
    await _kills(tmp_path, 30, posts=120)
