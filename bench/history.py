"""Questions while a channel's history is read: ``python -m bench.history [rounds pictures]``.

The real program on the embedded model, without a platform: pictures that were posted come in as
they do from a channel, sixteen in a commit, each decoded, encoded and compared. One person asks,
another question each time. Turns without a history and with one follow each other in one run, so
that both meet the same machine; one with a history lasts until some commits were made. It prints
the median and the 99th percentile of both, and what both became beside a history, as the median of
the rounds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import numpy as np

from bot.engine.engine import Engine, open_engine
from config.settings import load
from core.domain.types import Post
from core.domain.viewer import Viewer
from tests.fakes import COLOURS, picture_bytes

_HOME, _CHANNEL = "discord:5", "discord:7"
_TURN, _AT_ONCE, _COMMITS = 100, 16, 4
_EDGE = 640
_PAUSE_S = 0.05
_MADE = 256

_Given = tuple[Post, bytes]


def _posted() -> Iterator[_Given]:
    """Different posts; their pictures are made beforehand, and repeat at last but for one byte."""
    colours = list(COLOURS)
    made = [
        picture_bytes(colours[number % len(colours)], seed=number, edge=_EDGE)
        for number in range(_MADE)
    ]
    for number in count():
        post = Post(
            chat=_CHANNEL,
            message=number,
            community=_HOME,
            author="discord:9",
            author_name="Ana",
            posted_at=float(number),
            caption=f"{colours[number % len(colours)]} kite {number}",
            place="7",
        )
        yield post, made[number % _MADE]


async def _keep_reading(engine: Engine, posted: Iterator[_Given], read: list[int]) -> None:
    while True:
        done = await engine.posts.add(list(islice(posted, _AT_ONCE)))
        read.append(done.added)


async def _asked(
    engine: Engine, questions: Iterator[int], enough: Callable[[], bool] = lambda: True
) -> Sequence[float]:
    """The milliseconds that each question of a turn took, which ends no earlier than ``enough``."""
    took: list[float] = []
    viewer = Viewer(_HOME, channels=frozenset({"7"}))
    while len(took) < _TURN or not enough():
        number = next(questions)
        words = f"a {list(COLOURS)[number % len(COLOURS)]} thing number {number}"
        start = time.perf_counter()
        await engine.search.find(words, community=viewer, k=5)
        took.append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(_PAUSE_S)
    return took


async def _measure(home: Path, rounds: int, before: int) -> None:
    pictures = home / "pictures"
    pictures.mkdir()
    (pictures / "a.png").write_bytes(picture_bytes("grey", edge=_EDGE))
    settings = load(data_dir=home / "data", gallery=pictures, model="mini")
    async with open_engine(settings) as engine:
        await engine.reindexer.reindex(engine.collection_name(None))
        await engine.grants.grant(engine.collection_name(None), _HOME, "allow")
        chosen = replace(engine.community_settings.of(_HOME), index_posts=True)
        await engine.community_settings.save(_HOME, chosen)
        posted, questions = _posted(), count()
        for _ in range(max(1, before // _AT_ONCE)):
            await engine.posts.add(list(islice(posted, _AT_ONCE)))
        read: list[int] = []
        quiet: list[float] = []
        busy: list[float] = []
        ratios = []
        await _asked(engine, questions)
        for _ in range(rounds):
            alone = await _asked(engine, questions)
            reading = asyncio.create_task(_keep_reading(engine, posted, read))
            goal = len(read) + _COMMITS
            beside = await _asked(engine, questions, lambda goal=goal: len(read) >= goal)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            ratios.append([np.percentile(beside, p) / np.percentile(alone, p) for p in (50, 99)])
            quiet += alone
            busy += beside
        print(f"{sum(read)} posts were read in {len(read)} commits; load {os.getloadavg()[0]:.1f}")
    for name, each in (("quiet", quiet), ("with a history", busy)):
        p50, p99 = np.percentile(each, (50, 99))
        print(f"{name}: median {p50:.0f} ms, p99 {p99:.0f} ms of {len(each)} questions")
    print("with a history / quiet: median {:.2f}, p99 {:.2f}".format(*np.median(ratios, axis=0)))


def main() -> None:
    """Print the figures."""
    given = [int(argument) for argument in sys.argv[1:]]
    rounds, before = given + [5, 320][len(given) :]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(Path(folder), rounds, before))


if __name__ == "__main__":
    main()
