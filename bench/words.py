"""What reading words costs, and what it costs those who ask: ``python -m bench.words [seconds]``.

Made memes, photographs and stamps without a word, and the embedded model. It prints processor
seconds a picture with the shares of finding lines and of reading them, pictures a second of one
worker and of two, and the time of a question while words are read beside the time without. Both
are measured in turn, in windows of three seconds, so that other work on the machine meets them
alike.
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import itertools
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.closed_loop import questions
from bench.machine import KEPT, described, load
from bot.engine.engine import Engine, open_engine
from config.settings import load as settings_of
from core.images.decode import DecodeLimits
from core.images.reading import WordPool
from core.images.words import EDGE, prepare, read_words
from core.images.worker import ToWords
from core.search.query import SearchQuery
from index.demo.gallery import demo_gallery
from recipes.memes import memes
from tests.photographs import photograph

_LIMITS = DecodeLimits(None, 50_000_000)
_PICTURES = 24
_EACH_S = 3.0
_PAUSE_S = 0.05
_FINDS, _READS = "ch_ppocr_det", "ch_ppocr_rec"
"""The modules of rapidocr that find lines and read them."""


def main() -> None:
    """Measure once, and print it."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    print(f"{described()}; load {load()}")
    kinds = {
        "two lines of words": _memes(_PICTURES),
        "a photograph without": _photographs(_PICTURES),
        "a stamp without": _stamps(_PICTURES),
    }
    table = Table("", "s of a processor", "finding", "reading", "one worker", "two", box=None)
    for name, pictures in kinds.items():
        each, finding, reading = _processor(pictures)
        one, two = asyncio.run(_rates(pictures))
        shares = (f"{100 * share:.0f} %" for share in (finding, reading))
        table.add_row(name, f"{each:.2f}", *shares, f"{one:.2f} a second", f"{two:.2f}")
    Console(width=120).print(table)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_asked_beside(Path(folder), seconds))
    print(f"load {load()}")


def _memes(count: int) -> list[bytes]:
    return [meme.jpeg for meme in memes(count, seed=2)]


def _photographs(count: int) -> list[bytes]:
    found = []
    for seed in range(count):
        out = io.BytesIO()
        photograph((800, 600), seed).save(out, "JPEG", quality=85)
        found.append(out.getvalue())
    return found


def _stamps(count: int) -> list[bytes]:
    """Of the demo gallery, which is fetched once and kept."""
    files = sorted(demo_gallery(KEPT / "cli-onnx" / "demo", print).rglob("*.png"))
    return [file.read_bytes() for file in files[:: len(files) // count][:count]]


def _processor(pictures: Sequence[bytes]) -> tuple[float, float, float]:
    """Seconds a picture, and the shares of finding and of reading lines, on one thread."""
    prepare()
    jobs = [ToWords(data, _LIMITS, EDGE) for data in pictures]
    read_words(jobs[0])
    profile = cProfile.Profile(time.process_time)
    began = time.process_time()
    profile.enable()
    for job in jobs:
        read_words(job)
    profile.disable()
    whole = time.process_time() - began
    finding, reading = (_within(profile, module) for module in (_FINDS, _READS))
    return whole / len(jobs), finding / whole, reading / whole


def _within(profile: cProfile.Profile, module: str) -> float:
    """Seconds in the calls of a module's ``main.py``, and in all that they call."""
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return sum(
        cumulative
        for (file, _, name), (_, _, _, cumulative, _) in stats.items()
        if f"{module}/main.py" in file and name == "__call__"
    )


async def _rates(pictures: Sequence[bytes]) -> tuple[float, float]:
    """Pictures a second of one worker and of two, by the clock, in turn."""
    spent = {1: 0.0, 2: 0.0}
    async with WordPool(1, timeout_s=600) as one, WordPool(2, timeout_s=600) as two:
        pools = {1: one, 2: two}
        for pool in (one, two):
            await asyncio.gather(*(pool.read(pictures[0]) for _ in range(2)))
        for start, (workers, pool) in itertools.product(range(0, len(pictures), 8), pools.items()):
            began = time.perf_counter()
            await asyncio.gather(*map(pool.read, pictures[start : start + 8]))
            spent[workers] += time.perf_counter() - began
    return len(pictures) / spent[1], len(pictures) / spent[2]


async def _asked_beside(home: Path, seconds: float) -> None:
    """Ask without reading and with it, in turn, and print both."""
    gallery = home / "gallery"
    gallery.mkdir()
    for number, data in enumerate(_memes(round(2 * seconds))):
        (gallery / f"{number}.jpg").write_bytes(data)
    settings = settings_of(
        environ={}, look=False, data_dir=home / "data", gallery=gallery, model="mini",
        search={"timeout_s": 600}, words={"workers": 1, "timeout_s": 600},
    )  # fmt: skip
    texts = iter(questions(round(seconds / _PAUSE_S), 0))
    async with open_engine(settings) as engine:
        await engine.reindexer.reindex(engine.collection_name(None))
        without, beside = await _in_turn(engine, texts, seconds)
    figures = [np.percentile(np.array(each) * 1000, (50, 99)) for each in (without, beside)]
    table = Table("a question", "asked", "median ms", "p99 ms", box=None)
    for name, times, (median, late) in zip(
        ("nothing is read", "words are read"), (without, beside), figures, strict=True
    ):
        table.add_row(name, f"{len(times)}", f"{median:.1f}", f"{late:.1f}")
    ratios = figures[1] / figures[0]
    table.add_row("ratio", "", *(f"{ratio:.2f}" for ratio in ratios))
    Console(width=120).print(table)


async def _in_turn(
    engine: Engine, texts: Iterator[str], seconds: float
) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    reading = engine.word_reading
    assert reading is not None
    await reading.fill(may_go_on=_times(2))  # workers start with the first
    for window in range(round(seconds / _EACH_S)):
        over = False
        work = reading.fill(may_go_on=lambda: not over) if window % 2 else asyncio.sleep(0)  # noqa: B023
        under_way = asyncio.create_task(work)  # type: ignore[arg-type]
        until = time.perf_counter() + _EACH_S
        while time.perf_counter() < until and (text := next(texts, None)) is not None:
            began = time.perf_counter()
            await engine.search.find(SearchQuery(text), community="local", k=5)
            found[window % 2].append(time.perf_counter() - began)
            await asyncio.sleep(_PAUSE_S)
        assert window % 2 == 0 or not under_way.done(), "there were too few pictures"
        over = True
        await under_way
    return found


def _times(count: int) -> Callable[[], bool]:
    left = iter(range(count))
    return lambda: next(left, None) is not None


if __name__ == "__main__":
    main()
