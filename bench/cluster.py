"""Four nodes over one encoder and PostgreSQL against one process with its file: whole questions.

The real program, ``mini`` and a small collection, all on the same cores: what the profile costs
where it is not needed. 64 callers ask ``/api/find``, a quarter of them each node.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import aiohttp
import psutil

from bench.closed_loop import ask_all, questions
from bench.comparison import Comparison, Timed
from bench.program import Log, is_ready, running, waited_for
from tests.fakes import picture_bytes
from tests.servers.postgresql import PostgresqlServer

_NODES = 4
_CALLERS = 64
_REQUESTS = 10 * _CALLERS
_PICTURES = 200
_LONGEST = 200


def _started(stack: ExitStack, settings: Mapping[str, str], command: str = "run") -> Log:
    """A program that says where it listens."""
    log = stack.enter_context(running(settings, command))
    waited_for(lambda: log.url() is not None, log)
    return log


def _ready(log: Log) -> str:
    url = log.url()
    assert url is not None
    waited_for(lambda: is_ready(url), log)
    return url


def _asked(urls: list[str], texts: list[str]) -> tuple[float, float]:
    """Seconds for all, and the 99th percentile of one; callers share the addresses."""

    async def ask() -> tuple[float, float]:
        connector = aiohttp.TCPConnector(limit=_CALLERS)
        turn = count()
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one(text: str) -> None:
                url = f"{urls[next(turn) % len(urls)]}/api/find"
                async with session.get(url, params={"q": text[:_LONGEST]}) as response:
                    response.raise_for_status()
                    await response.read()

            return await ask_all(one, texts, _CALLERS)

    return asyncio.run(ask())


def _processor_s(processes: list[psutil.Process]) -> float:
    times = [each.cpu_times() for each in processes if each.is_running()]
    return sum(each.user + each.system for each in times)


def _whole(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


@contextmanager
def _against_one() -> Iterator[tuple[Timed, Timed]]:
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        home = Path(scratch)
        (home / "gallery").mkdir()
        for number in range(_PICTURES):
            rgb = number % 256, 7 * number % 256, 13 * number % 256
            (home / "gallery" / f"{number}.png").write_bytes(picture_bytes(rgb, number, 96))
        common = {
            "MODEL": "mini",
            "GALLERY": str(home / "gallery"),
            "ENCODER__BACKEND": "onnx",
            "LIMITS__ENABLED": "false",
            "WORDS__ENABLED": "false",
            "WATCH__MODE": "off",
            "WEB_PORT": "0",
        }
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tangerine-postgresql-"))
        server = PostgresqlServer(Path(folder))
        server.make()
        stack.callback(server.stop)
        url = stack.enter_context(server.database())
        one = _started(stack, {**common, "DATA_DIR": str(home / "one")})
        encoder = _started(stack, {**common, "DATA_DIR": str(home / "encoder")}, "encoder")
        encoder_url = encoder.url()
        assert encoder_url is not None
        shared = {**common, "DATABASE_URL": url, "ENCODER_URLS": encoder_url}
        nodes = [
            _started(stack, {**shared, "DATA_DIR": str(home / f"node{number}")})
            for number in range(_NODES)
        ]
        urls, alone = [_ready(each) for each in nodes], [_ready(one)]
        seeds = count()
        spent: dict[str, list[float]] = {"nodes": [], "one": []}

        def side(name: str, at: list[str], logs: list[Log]) -> Callable[[], tuple[float, float]]:
            processes = [each for log in logs for each in _whole(log.pid)]

            def run() -> tuple[float, float]:
                before = _processor_s(processes)
                found = _asked(at, questions(_REQUESTS, next(seeds)))
                spent[name].append((_processor_s(processes) - before) / _REQUESTS)
                return found[0] / _REQUESTS, found[1]

            return run

        yield side("nodes", urls, [*nodes, encoder]), side("one", alone, [one])
        for name, found in spent.items():
            kept = [1e3 * each for each in found[1:]]  # but the warm-up
            print(
                f"  {name}: {statistics.median(kept):.2f} ms of processor a question "
                f"({min(kept):.2f} to {max(kept):.2f})"
            )
        more = [a / b for a, b in zip(spent["nodes"][1:], spent["one"][1:], strict=True)]
        print(
            f"  the profile's price: {statistics.median(more):.2f} times the processor time "
            f"({min(more):.2f} to {max(more):.2f})"
        )


COMPARISONS = (
    Comparison(
        f"{_CALLERS} callers of /api/find, {_PICTURES} pictures, mini",
        f"{_NODES} nodes over one encoder, PostgreSQL",
        "one process, SQLite",
        "a question",
        _against_one,
        ("99th percentile",),
    ),
)
