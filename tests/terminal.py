"""A terminal with a program in it: what a person types, and what is shown."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import termios
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Screen:
    """A terminal with a program in it: what is shown, and a keyboard."""

    process: Process
    master: int
    shown: str = ""

    def __post_init__(self) -> None:
        """Begin to read."""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            try:
                data = await asyncio.to_thread(os.read, self.master, 65536)
            except OSError:  # EIO: nobody holds the other end any more
                return
            self.shown += data.decode(errors="replace").replace("\r\n", "\n")

    async def until(self, words: str, seconds: float = 90) -> None:
        """Wait until these words are shown."""
        try:
            async with asyncio.timeout(seconds):
                while words not in self.shown:
                    assert self.process.returncode is None, self.shown
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"not shown: {words!r}; but: {self.shown}")

    async def answer(self, question: str, answer: str, *, secret: bool = False) -> None:
        """Wait for a question and type an answer to it; the screen begins anew behind it.

        A secret is typed once the terminal shows no more of what is typed.
        """
        await self.until(question)
        assert self.shown.rstrip().endswith(":"), self.shown
        async with asyncio.timeout(30):
            while secret and self._echoes():  # noqa: ASYNC110 - a terminal tells nobody
                await asyncio.sleep(0.02)
        self.shown = ""
        os.write(self.master, f"{answer}\n".encode())

    async def ended(self, seconds: float = 90) -> int:
        """The exit code, once the program has ended and all that it said is shown."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self._reading
        return code

    def interrupt(self) -> None:
        """Press Ctrl-C: all that was started from this terminal is told."""
        self._all(signal.SIGINT)

    async def close(self) -> None:
        """End what still runs."""
        self._all(signal.SIGKILL)
        await self.process.wait()
        await self._reading
        os.close(self.master)

    def _all(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _echoes(self) -> bool:
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)


@asynccontextmanager
async def terminal(
    command: str, folder: Path, environment: Mapping[str, str]
) -> AsyncIterator[Screen]:
    """Run a command in a terminal, in a folder of its own; what is left of it is killed."""
    master, slave = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=environment,
        # Of its own, so that the terminal of whoever runs the tests is not asked.
        start_new_session=True,
    )
    os.close(slave)
    screen = Screen(process, master)
    try:
        yield screen
    finally:
        await screen.close()
