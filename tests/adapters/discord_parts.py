"""A Discord adapter over our own fakes, on a loopback Discord."""

from __future__ import annotations

import io
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

with warnings.catch_warnings():
    # discord.py's voice part, unused here, imports a module that Python 3.13 removes.
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    from bot.discord.adapter import DiscordAdapter, DiscordOptions, DiscordParts

from tests.fake_collections import FakeSnapshot
from tests.fakes import COLOURS, FakeClock, picture_bytes
from tests.servers.discord_people import TOKEN, Discord, discord_with
from tests.servers.discord_world import MANAGE_GUILD, MEMBER_RIGHTS, Person, Server
from tests.web.parts import Parts

ANA, BEN = Person(11, "ana"), Person(12, "ben")
ADMIN = Person(13, "ada", rights=MEMBER_RIGHTS | MANAGE_GUILD)
HOME = 5


@dataclass
class Chat:
    """A Discord, one server in it and the adapter that answers there."""

    discord: Discord
    server: Server
    adapter: DiscordAdapter
    parts: Parts


def dated_parts(folder: Path) -> Parts:
    """Parts whose clock stands at a day of this century, which what is added bears."""
    return Parts(folder, clock=FakeClock(1_800_000_000.0))


def adapter_of(parts: Parts, discord: Discord, folder: Path, **options: Any) -> DiscordAdapter:
    """An adapter for that Discord; further keywords are those of its options."""
    given: dict[str, Any] = {
        "token": TOKEN,
        "state_file": folder / "discord-commands",
        "api_url": discord.api_url,
        "gateway_url": discord.gateway.url,
        "drain_s": 0.3,
        "progress_s": 0.0,
        **options,
    }
    return DiscordAdapter(
        DiscordParts(
            commands=parts.commands,
            library=parts.library,
            thumbnails=parts.thumbnails,
            decoder=parts.decoder,
            failures=parts.failures,
            presenters=parts.presenters,
        ),
        DiscordOptions(**given),
    )


@asynccontextmanager
async def chatting(
    parts: Parts, *servers: Server, folder: Path | None = None, **options: Any
) -> AsyncIterator[Chat]:
    """A bot at work in these servers, by default in one."""
    all_servers = servers or (Server(HOME, owner=1),)
    async with discord_with(*all_servers) as discord:
        adapter = adapter_of(parts, discord, folder or parts.folder, **options)
        await adapter.start()
        try:
            yield Chat(discord, all_servers[0], adapter, parts)
        finally:
            await adapter.stop()
            await parts.close()


def add_collection(
    parts: Parts, name: str, captioned: Sequence[tuple[str, str]], communities: set[str]
) -> tuple[str, ...]:
    """Give the library one more collection; the ids of its pictures."""
    plain = FakeSnapshot.of(captioned, collection=name, encoder=parts.embedder.encoder)
    pictures = tuple(replace(p, id=f"{name}-{p.id}") for p in plain.pictures)
    parts.library.snapshots[name] = replace(plain, pictures=pictures)
    parts.library.communities[name] = frozenset(communities)
    for number, picture in enumerate(pictures):
        path = parts.folder / f"{picture.id}.png"
        path.write_bytes(picture_bytes(captioned[number][0], seed=number, edge=48))
        parts.library.files[picture.id] = path
    return tuple(picture.id for picture in pictures)


def colour_of(data: bytes) -> str:
    """The name of the colour that a picture mostly is."""
    return max(colours_of(data).items(), key=lambda item: item[1])[0]


def colours_of(data: bytes) -> dict[str, float]:
    """For each named colour, the share of a picture's pixels that are close to it."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=np.int16).reshape(-1, 1, 3)
    anchors = np.array(list(COLOURS.values()), dtype=np.int16)
    distances = np.abs(pixels - anchors).sum(axis=2)
    nearest = distances.argmin(axis=1)
    close = distances.min(axis=1) < 60
    return {
        name: float(np.mean((nearest == number) & close)) for number, name in enumerate(COLOURS)
    }
