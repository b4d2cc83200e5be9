"""Questions while a channel's history is read: ``python -m bench.history [rounds]``.

The real program on the embedded model, without a platform: pictures that were posted come in as
they do from a channel, sixteen in a commit, each decoded, encoded and compared. One person asks,
another question each time. Turns without a history and with one follow each other in one run, so
that both meet the same machine. It prints the median and the 99th percentile of both.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from bot.engine.engine import Engine, open_engine
from config.settings import load
from core.domain.types import Post
from core.domain.viewer import Viewer
from tests.fakes import COLOURS, picture_bytes

_HOME, _CHANNEL = "discord:5", "discord:7"
_BEFORE, _TURN, _AT_ONCE, _ROUNDS = 320, 60, 16, 4
_EDGE = 640
_PAUSE_S = 0.05


async def _read(engine: Engine, numbers: Iterator[int]) -> None:
    given = []
    for number in (next(numbers) for _ in range(_AT_ONCE)):
        colour = list(COLOURS)[number % len(COLOURS)]
        post = Post(
            chat=_CHANNEL,
            message=number,
            community=_HOME,
            author="discord:9",
            author_name="Ana",
            posted_at=float(number),
            caption=f"{colour} kite {number}",
            place="7",
        )
        given.append((post, picture_bytes(colour, seed=number, edge=_EDGE)))
    await engine.posts.add(given)


async def _keep_reading(engine: Engine, numbers: Iterator[int]) -> None:
    while True:
        await _read(engine, numbers)


async def _asked(engine: Engine, questions: Iterator[int]) -> list[float]:
    seconds = []
    viewer = Viewer(_HOME, channels=frozenset({"7"}))
    for _ in range(_TURN):
        number = next(questions)
        words = f"a {list(COLOURS)[number % len(COLOURS)]} thing number {number}"
        start = time.perf_counter()
        await engine.search.find(words, community=viewer, k=5)
        seconds.append(time.perf_counter() - start)
        await asyncio.sleep(_PAUSE_S)
    return seconds


async def _measure(home: Path, rounds: int) -> None:
    pictures = home / "pictures"
    pictures.mkdir()
    (pictures / "a.png").write_bytes(picture_bytes("grey", edge=_EDGE))
    settings = load(data_dir=home / "data", gallery=pictures, model="mini")
    async with open_engine(settings) as engine:
        await engine.reindexer.reindex(engine.collection_name(None))
        await engine.grants.grant(engine.collection_name(None), _HOME, "allow")
        chosen = replace(engine.community_settings.of(_HOME), index_posts=True)
        await engine.community_settings.save(_HOME, chosen)
        numbers, questions = count(), count()
        while next(questions) < _BEFORE // _AT_ONCE:
            await _read(engine, numbers)
        quiet: list[float] = []
        busy: list[float] = []
        await _asked(engine, questions)
        before = next(numbers)
        for _ in range(rounds):
            quiet += await _asked(engine, questions)
            reading = asyncio.create_task(_keep_reading(engine, numbers))
            busy += await _asked(engine, questions)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        print(f"{next(numbers) - before} pictures were read; load {os.getloadavg()[0]:.1f}")
    for name, each in (("quiet", quiet), ("with a history", busy)):
        p50, p99 = np.percentile(each, (50, 99)) * 1000
        print(f"{name}: median {p50:.0f} ms, p99 {p99:.0f} ms of {len(each)} questions")
    print(f"p99 with a history / quiet: {np.percentile(busy, 99) / np.percentile(quiet, 99):.2f}")


def main() -> None:
    """Print the figures."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), rounds))


if __name__ == "__main__":
    main()
