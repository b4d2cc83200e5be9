"""``/api/find`` as 64 callers ask it, over 100,000 pictures: what all of it costs but the search.

The program's own web chat, quotas and search over a real catalogue run in a process of their
own. An encoder and indexes that know the answer beforehand take no time, so that the processor
time of a request is what everything else costs: HTTP, admission, the queue of the encoder, the
look for changes, scores to hits, JSON. Beside it a route of aiohttp alone that sends as many
bytes. What is compared is the processor time of the serving process for each request, which
other programs on the machine do not stretch as they do seconds.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import aiohttp
import psutil

from bench.closed_loop import ask_all, questions
from bench.comparison import Comparison, Timed

_PICTURES = 100_000
_CALLERS = 64
_REQUESTS = 16 * _CALLERS
_LONGEST = 200
_AGAIN = 300


@contextmanager
def _server() -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """A running :mod:`bench.http_server`: its addresses and its process."""
    command = [sys.executable, "-m", "bench.http_server", str(_PICTURES)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server ended with {process.wait()}")
        try:
            yield json.loads(line), process
        finally:
            process.communicate()


def _stages(process: subprocess.Popen[str]) -> dict[str, float]:
    """What the parts of a question cost in the server, in seconds of processor time."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    found: dict[str, float] = json.loads(process.stdout.readline())
    return found


def _seconds(url: str, process: psutil.Process, texts: list[str]) -> float:
    """The server's processor seconds for each request of so many callers."""

    async def ask() -> None:
        connector = aiohttp.TCPConnector(limit=_CALLERS)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one(text: str) -> None:
                async with session.get(url, params={"q": text[:_LONGEST]}) as response:
                    response.raise_for_status()
                    await response.read()

            await ask_all(one, texts, _CALLERS)

    before = process.cpu_times()
    asyncio.run(ask())
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / len(texts)


def _one_caller(url: str) -> float:
    """The median of the seconds that one caller waits who asks the same again and again."""

    async def ask() -> float:
        async with aiohttp.ClientSession() as session:
            waited = []
            for _ in range(_AGAIN):
                asked = time.perf_counter()
                async with session.get(url, params={"q": "a photo of a small red fruit"}) as found:
                    await found.read()
                waited.append(time.perf_counter() - asked)
            return statistics.median(waited)

    return asyncio.run(ask())


@contextmanager
def _against_aiohttp() -> Iterator[tuple[Timed, Timed]]:
    seeds = count()
    with _server() as (urls, server):
        process = psutil.Process(server.pid)

        def side(name: str) -> Callable[[], float]:
            # Other texts in each turn: one asked again would be found in a cache.
            return lambda: _seconds(urls[name], process, questions(_REQUESTS, next(seeds)))

        real, null = side("real"), side("null")
        real(), null()  # a warm-up
        print(f"with the collection's own indexes: {1e3 * real():.2f} ms of CPU a request")
        whole, parts = null(), _stages(server)
        print(f"  {1e3 * (whole - parts['search']):.2f} ms: HTTP, access, quotas, JSON, metrics")
        for name, seconds in parts.items():
            print(f"  {1e3 * seconds:.2f} ms: {name}")
        again = ", ".join(f"{1e3 * _one_caller(urls[name]):.2f} ms {name}" for name in urls)
        print(f"one caller, a text that was asked before, from request to answer: {again}")
        yield null, side("bare")


COMPARISONS = (
    Comparison(
        f"/api/find for {_CALLERS} callers, {_PICTURES:,} pictures",
        "everything but encoder and indexes",
        "aiohttp alone",
        "of CPU a request",
        _against_aiohttp,
    ),
)
