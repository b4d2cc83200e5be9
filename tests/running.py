"""``tangerine run``, or ``encoder``, as a subprocess, with a client of its web API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import IO, Any

import aiohttp
import psutil

from tests.program import Program

ENDED_S = 60.0
"""What a stop may take where other things are done on the same processors. That the program
ends itself in time is tested in ``tests/bot/app/test_stopping.py``, without a program."""


@dataclass
class Running:
    """A running ``tangerine run``, what it wrote to standard error, and a client of it."""

    process: Process
    program: Program
    client: aiohttp.ClientSession
    errors: asyncio.StreamReader
    lines: list[str] = field(default_factory=list)
    url: str = ""

    async def read(self) -> None:
        """Collect standard error until it ends."""
        # A terminal of which the other end is closed is an error, not an end.
        with contextlib.suppress(OSError):
            async for line in self.errors:
                self._note(line.decode())

    def _note(self, line: str) -> None:
        self.lines.append(line)
        found = re.search(r"(?:Web chat|Encoder): (http://\S+)", line)
        if found:
            self.url = found[1]

    async def wait_for(self, condition: Callable[[], bool], seconds: float = 90) -> None:
        """Wait until the condition holds; fail with the log where it never does."""
        async with asyncio.timeout(seconds):
            while not condition():
                assert self.process.returncode is None, "".join(self.lines)
                await asyncio.sleep(0.05)

    async def wait_until_said(self, *words: str, seconds: float = 90) -> None:
        """Wait until each of these words stands in a line of standard error, in any order."""
        for each in words:
            await self.wait_for(lambda each=each: self.said(each), seconds)  # type: ignore[misc]

    def said(self, words: str) -> bool:
        """Whether a line of standard error holds these words."""
        return any(words in line for line in self.lines)

    async def get(self, path: str, **query: str | int) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        async with self.client.get(self.url + path, params=query) as response:
            return response.status, await response.json()

    async def post(self, path: str, image: bytes) -> tuple[int, Any]:
        """Status and JSON of a picture that is posted."""
        form = aiohttp.FormData()
        form.add_field("image", image, filename="a.jpg", content_type="image/jpeg")
        async with self.client.post(self.url + path, data=form) as response:
            return response.status, await response.json()

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        async with self.client.get(self.url + "/metrics") as response:
            text = await response.text()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if re.match(rf"{name}(\{{|\s)", line)
        )

    def processes(self) -> list[psutil.Process]:
        """The program and its workers."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def memory_mb(self) -> float:
        """Resident memory of the program and its workers, in MiB."""
        return sum(p.memory_info().rss for p in self.processes()) / 2**20


@asynccontextmanager
async def running(
    program: Program,
    *,
    stdout: IO[bytes] | None = None,
    on_terminal: bool = False,
    command: Sequence[str] = ("run",),
    **environment: str,
) -> AsyncIterator[Running]:
    """Start the program; what still runs at the end is killed.

    ``stdout`` takes its standard output, which is else that of the tests; ``on_terminal``:
    its standard error is a terminal.
    """
    told, terminal = pty.openpty() if on_terminal else (None, None)
    process = await asyncio.create_subprocess_exec(
        *program.command(*command),
        # As a service: from a terminal it would log text.
        stdin=DEVNULL,
        stdout=stdout,
        stderr=PIPE if terminal is None else terminal,
        env={**program.environment, **environment},
        cwd=program.root,
    )
    if terminal is not None:
        os.close(terminal)
    # No limit of the client's own: 64 callers are 64 connections.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        started = Running(process, program, client, errors=await _reader(process, told))
        reader = asyncio.create_task(started.read())
        try:
            yield started
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reader


async def _reader(process: Process, terminal: int | None) -> asyncio.StreamReader:
    """What reads standard error: a pipe, or our end of a terminal."""
    if terminal is None:
        assert process.stderr is not None
        return process.stderr
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(terminal, "rb", 0)
    )
    return reader
