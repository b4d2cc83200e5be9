"""A collection that is reindexed while people ask: ``python -m bench.keeping [pictures]``.

The real program on the embedded model, real pictures on disk, questions over HTTP, each of
them another one, so that none is answered from a cache. Latency during the reindex is set
against latency without one, measured in the same run right before. Its figures depend on
what else the machine does; it prints the load beside them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

from tests.program import small_program
from tests.running import Running, running

RATE = 20.0
"""Questions a second."""

_EDGE = 192
_BEFORE_S = 30.0
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Latencies:
    """Seconds of each question, by the time when it was due; how many failed."""

    seconds: tuple[float, ...]
    failed: int

    def percentile(self, share: float) -> float:
        """The latency that this share of the questions stays below, in seconds."""
        return float(np.percentile(self.seconds, share))


@dataclass(frozen=True)
class Keeping:
    """What one run of it found: seconds, MiB and numbers of encoded pictures."""

    pictures: int
    before: Latencies
    during: Latencies
    growth_mb: float
    first_s: float
    second_s: float
    first_encoded: int
    second_encoded: int
    touched: int
    touched_s: float
    touched_encoded: int

    def lines(self) -> Iterator[str]:
        """The figures in words."""
        for name, found in (("without", self.before), ("during", self.during)):
            yield (
                f"{name} a reindex: {len(found.seconds)} questions, {found.failed} failed, "
                f"p50 {1e3 * found.percentile(50):.1f} ms, p99 {1e3 * found.percentile(99):.1f} ms"
            )
        ratio = self.during.percentile(99) / self.before.percentile(99)
        yield f"p99 during / without: {ratio:.2f}; memory grew by {self.growth_mb:.0f} MiB"
        yield f"first reindex: {self.first_encoded} encoded in {self.first_s:.1f} s"
        yield (
            f"second: {self.second_encoded} encoded in {self.second_s:.2f} s "
            f"({100 * self.second_s / self.first_s:.2f} % of the first)"
        )
        yield (
            f"after touching {self.touched}: {self.touched_encoded} encoded "
            f"in {self.touched_s:.2f} s"
        )


async def measure(pictures: int, folder: Path, *, before_s: float = _BEFORE_S) -> Keeping:
    """Index a few pictures, then ``pictures`` more under questions, then again twice."""
    program = small_program(
        folder,
        TANGERINE_GALLERY=str(folder / "gallery"),
        HF_HUB_OFFLINE="1",
    )
    write_pictures(program.gallery, range(200))
    async with running(program) as server:
        await server.wait_until_said("Ready:")
        questions = itertools.count()
        async with _asking(server, questions, asyncio.Event()):
            await asyncio.sleep(3)  # a warm-up
        before, _ = await _asked(server, questions, asyncio.sleep(before_s))
        write_pictures(program.gallery, range(200, 200 + pictures))
        memory, encoded = server.memory_mb(), await _encoded(server)
        during, (first_s, peak) = await _asked(server, questions, _reindex(server))
        after = await _encoded(server)
        second_s, _ = await _reindex(server)
        again = await _encoded(server)
        touched = pictures // 100
        write_pictures(program.gallery, range(200, 200 + touched), shift=pictures)
        touched_s, _ = await _reindex(server)
        return Keeping(
            pictures=pictures,
            before=before,
            during=during,
            growth_mb=peak - memory,
            first_s=first_s,
            second_s=second_s,
            first_encoded=after - encoded,
            second_encoded=again - after,
            touched=touched,
            touched_s=touched_s,
            touched_encoded=await _encoded(server) - again,
        )


def write_pictures(folder: Path, numbers: range, *, shift: int = 0) -> None:
    """Small JPEGs, each different; ``shift`` gives other ones under the same names."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        rng = np.random.default_rng(number + shift)
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((_EDGE, _EDGE), Image.Resampling.BICUBIC)
        image.save(folder / f"thing {number}.jpg", quality=85)


async def _asked(server: Running, questions: Iterator[int], until: Any) -> tuple[Latencies, Any]:
    """The latencies of questions that are asked while something else is awaited; its result."""
    stop = asyncio.Event()
    async with _asking(server, questions, stop) as found:
        result = await until
        stop.set()
    return Latencies(tuple(found[0]), len(found[1])), result


@asynccontextmanager
async def _asking(
    server: Running, questions: Iterator[int], stop: asyncio.Event
) -> AsyncIterator[tuple[list[float], list[int]]]:
    """Ask at an even rate, however long answers take; seconds, and statuses of failures."""
    seconds: list[float] = []
    failed: list[int] = []
    loop = asyncio.get_running_loop()

    async def ask(due: float) -> None:
        status, _ = await server.get("/api/find", q=f"a thing of colour {next(questions)}", k=5)
        seconds.append(loop.time() - due)
        if status != HTTPStatus.OK:
            failed.append(status)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            due = loop.time()
            while not stop.is_set():
                group.create_task(ask(due))
                due += 1 / RATE
                await asyncio.sleep(max(0.0, due - loop.time()))

    asking = asyncio.create_task(all_of_them())
    try:
        yield seconds, failed
    finally:
        stop.set()
        await asking


async def _reindex(server: Running) -> tuple[float, float]:
    """Reindex from the chat: its seconds, and the most memory in MiB meanwhile."""
    before, _ = _last_run(server)
    peak = server.memory_mb()
    while _last_run(server)[0] == before:
        # The run before may be noted as ended and still be putting its index into use: then
        # it is this one that was shown, and it is asked again.
        form = aiohttp.FormData({"text": "/reindex", "action": ""}, default_to_multipart=True)
        async with server.client.post(f"{server.url}/api/chat", data=form) as response:
            assert response.status == HTTPStatus.OK
        await asyncio.sleep(_LOOK_EVERY_S)
    while (last := _last_run(server))[1] is None:
        peak = max(peak, server.memory_mb())
        await asyncio.sleep(_LOOK_EVERY_S)
    # The index is swapped right after the catalogue has noted the end.
    await server.get("/api/find", q="anything", k=1)
    return last[1], peak


def _last_run(server: Running) -> tuple[int, float | None]:
    """The number of the latest run, and its seconds once it has ended."""
    database = server.program.folder / "data" / "catalogue.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        query = "SELECT id, finished_at - started_at FROM runs ORDER BY id DESC LIMIT 1"
        number, seconds = connection.execute(query).fetchone()
    return number, seconds


async def _encoded(server: Running) -> int:
    """How many pictures the program has encoded."""
    async with server.client.get(server.url + "/metrics") as response:
        text = await response.text()
    return round(
        sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith("tangerine_batch_size_sum{") and 'kind="picture"' in line
        )
    )


def main() -> None:
    """Measure once, and print it."""
    pictures = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(pictures, Path(folder)))
    print(f"{pictures} pictures, {RATE:.0f} questions a second, {os.cpu_count()} CPUs")
    print(f"load of the machine: {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    for line in found.lines():
        print(line)


if __name__ == "__main__":
    main()
