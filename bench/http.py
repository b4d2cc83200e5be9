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
import subprocess
import sys
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


@contextmanager
def _server() -> Iterator[tuple[dict[str, str], psutil.Process]]:
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
            yield json.loads(line), psutil.Process(process.pid)
        finally:
            process.communicate()


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


@contextmanager
def _against_aiohttp() -> Iterator[tuple[Timed, Timed]]:
    seeds = count()
    with _server() as (urls, process):

        def side(name: str) -> Callable[[], float]:
            # Other texts in each turn: one asked again would be found in a cache.
            return lambda: _seconds(urls[name], process, questions(_REQUESTS, next(seeds)))

        real = side("real")
        real()  # a warm-up
        print(f"with the collection's own indexes: {1e3 * real():.2f} ms of CPU a request")
        yield side("null"), side("bare")


COMPARISONS = (
    Comparison(
        f"/api/find for {_CALLERS} callers, {_PICTURES:,} pictures",
        "everything but encoder and indexes",
        "aiohttp alone",
        "of CPU a request",
        _against_aiohttp,
    ),
)
