"""Two nodes on one PostgreSQL are replaced by a newer version one after the other, under load."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from index.catalogue.database import open_database
from index.catalogue.migrations import NEWEST, version_of
from tests.end_to_end.test_contributing import chat
from tests.fakes import picture_bytes
from tests.program import Program, small_program
from tests.proxy import nginx
from tests.running import ENDED_S, Running, running
from tests.servers.shared import free_ports

# The rule itself is held by tests/index/catalogue/test_older_programs.py, always.
pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.timeout(900)]

_A_SECOND = 20
_WAITING = 40
_TOKEN = "0123456789abcdef"
_HEADERS = {"Authorization": f"Bearer {_TOKEN}"}
"""Without a token nobody is answered through a proxy."""

_AT_PROXY = "http://127.0.0.1"
"""The node's web chats answer to this name; the proxy listens at a socket."""
_SHOWN_S = 30.0
"""What is promised is one second; a busy machine may take longer."""


@dataclass(frozen=True)
class NewerProgram(Program):
    """The program as :mod:`tests.newer_program` starts it."""

    @staticmethod
    def command(*arguments: str | Path) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "tests.newer_program", *map(str, arguments)]


class Asking:
    """So many questions a second: as a proxy does, at the other node where one is not ready.

    Where there is a proxy, at its ``socket``, which then does so by itself.
    """

    def __init__(self, urls: list[str], socket: Path | None = None) -> None:
        self._urls = urls
        self._socket = socket
        self._turn = itertools.count()
        self.took_s: list[float] = []
        self.elsewhere = 0
        self.failed: list[str] = []

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Until the block is left; then all of them have their answers."""
        connector: aiohttp.BaseConnector = aiohttp.TCPConnector(limit=0)
        if self._socket is not None:
            connector = aiohttp.UnixConnector(str(self._socket), limit=0)
        async with aiohttp.ClientSession(connector=connector, headers=_HEADERS) as client:
            task = asyncio.create_task(self._ask_on(client))
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await asyncio.gather(*self._asked)

    async def _ask_on(self, client: aiohttp.ClientSession) -> None:
        self._asked: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while True:
            # Fewer on a machine that is too slow for so many: those that wait would be too many.
            if len(self._asked) < _WAITING:
                task = asyncio.create_task(self._ask(client, next(self._turn)))
                self._asked.add(task)
                task.add_done_callback(self._asked.discard)
            # By the clock: what the loop itself takes would make them fewer.
            due = max(due + 1 / _A_SECOND, time.monotonic() - 1)
            await asyncio.sleep(due - time.monotonic())

    async def _ask(self, client: aiohttp.ClientSession, turn: int) -> None:
        began = time.monotonic()
        said = []
        for attempt in range(len(self._urls)):
            url = f"{self._urls[(turn + attempt) % len(self._urls)]}/api/find"
            try:
                async with client.get(url, params={"q": f"black {turn % 50}"}) as answer:
                    found = await answer.json()
                    if answer.status == 200 and found["hits"]:
                        self.took_s.append(time.monotonic() - began)
                        self.elsewhere += attempt
                        return
                    said.append(f"{answer.status}: {found}")
                    if answer.status != 503:
                        break
            except aiohttp.ClientError as error:
                said.append(repr(error))
        self.failed.append(" / ".join(said))

    def told(self, seconds: float) -> str:
        """What became of all of them."""
        took, number = sorted(self.took_s), len(self.took_s)
        return (
            f"{number + len(self.failed)} questions in {seconds:.0f} s, {len(self.failed)} failed, "
            f"{self.elsewhere} answered by the other node; median {took[number // 2]:.3f} s, 99 of "
            f"100 within {took[number - 1 - number // 100]:.3f} s, at most {took[-1]:.3f} s"
        )


@pytest.fixture
def encoder() -> Iterator[str]:
    """An encoder that serves a fake model, so that a node starts in no time; its address."""
    command = [sys.executable, "-m", "tests.encoder_program", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


async def _until_found(node: Running, name: str) -> None:
    began = time.monotonic()
    while name not in (found := [each["caption"] for each in await _hits(node)]):
        assert time.monotonic() - began < _SHOWN_S, (name, found)
        await asyncio.sleep(0.05)


async def _hits(node: Running) -> list[dict[str, str]]:
    status, found = await node.get("/api/find", q="a thing", k=10)
    assert status == 200, found
    return list(found["hits"])


def _programs(
    home: Path, ports: list[int], **environment: str
) -> Callable[[int, type[Program]], Program]:
    """Two nodes over a folder with one picture, by their number and kind."""
    (home / "gallery").mkdir()
    (home / "gallery" / "black.png").write_bytes(picture_bytes("black", 1))
    (home / "uploads").mkdir()
    for number in range(2):
        (home / f"node{number}" / "data").mkdir(parents=True)
        # As on a network file system.
        (home / f"node{number}" / "data" / "uploads").symlink_to(home / "uploads")

    def program(number: int, kind: type[Program]) -> Program:
        made = small_program(
            home / f"node{number}",
            TANGERINE_GALLERY=str(home / "gallery"),
            TANGERINE_WEB_PORT=str(ports[number]),
            TANGERINE_WEB_TOKEN=_TOKEN,
            **environment,
        )
        return kind(made.folder, made.environment)

    return program


@asynccontextmanager
async def _proxy(folder: Path, ports: list[int]) -> AsyncIterator[Path]:
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    async with nginx(folder, ports) as address:
        yield Path(address)


@pytest.mark.parametrize("through", ["nodes", "nginx"])
async def test_nodes_are_replaced_one_after_the_other(
    tmp_path: Path, blank_url: str, encoder: str, through: str
) -> None:
    """Each question has its answer, and what old and new nodes take in, both show.

    The old one goes on beside a newer schema, and may be started anew.
    """
    ports = [free_ports(1)[0], free_ports(1)[0]]
    program = _programs(
        tmp_path, ports, TANGERINE_DATABASE_URL=blank_url, TANGERINE_ENCODER_URLS=encoder
    )
    asking = Asking([f"http://127.0.0.1:{port}" for port in ports])
    colours = iter(("red", "green", "blue", "yellow", "purple", "cyan", "white"))
    taken = itertools.count()
    async with AsyncExitStack() as stack:
        if through == "nginx":
            asking = Asking([_AT_PROXY], await stack.enter_async_context(_proxy(tmp_path, ports)))

        async def started(number: int, kind: type[Program]) -> Running:
            node = await stack.enter_async_context(running(program(number, kind)))
            node.client.headers.update(_HEADERS)
            try:
                await node.wait_until_said("Ready:", seconds=120)
            except TimeoutError:
                pytest.fail("".join(node.lines))
            return node

        async def stopped(node: Running) -> None:
            node.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(node.process.wait(), ENDED_S) == 0

        async def takes_in(node: Running, other: Running) -> None:
            number = next(taken)
            picture = picture_bytes(next(colours), number)
            await chat(node, f"/add thing {number}", picture)
            await _until_found(node, f"thing {number}")
            await _until_found(other, f"thing {number}")
            print(f"{len(asking.took_s)} questions until thing {number} was found at both nodes")

        one, two = await started(0, Program), await started(1, Program)
        async with asking.going_on():
            began = time.monotonic()
            await takes_in(one, two)
            await stopped(one)
            one = await started(0, NewerProgram)
            assert _version(blank_url) == NEWEST + 1
            await takes_in(two, one)
            await takes_in(one, two)
            # One that crashes before its turn comes back as it was.
            two.process.kill()
            await two.process.wait()
            two = await started(1, Program)
            await takes_in(two, one)
            await takes_in(one, two)
            await stopped(two)
            two = await started(1, NewerProgram)
            await takes_in(two, one)
            seconds = time.monotonic() - began
        for node in (one, two):
            await stopped(node)
    print(asking.told(seconds))
    assert asking.failed == []


def _version(url: str) -> int:
    database = open_database(url)
    with database.read() as connection:
        found = version_of(connection)
    database.close()
    return found
