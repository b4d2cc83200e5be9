"""A terminal that stands at the other end of a connection."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console

from bot.terminal.console import PIPE_WIDTH, PlainConsole, Terminal

Frame = Mapping[str, object]


class Frames:
    """What is to be sent, in order, from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[Frame | None] = asyncio.Queue()

    def put(self, frame: Frame) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, frame)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    async def all(self, beat_s: float) -> AsyncIterator[Frame]:
        """Everything until the end; an empty one whenever nothing came for ``beat_s`` seconds."""
        while True:
            try:
                frame = await asyncio.wait_for(self._queue.get(), beat_s)
            except TimeoutError:
                frame = {}
            if frame is None:
                return
            yield frame

    def rest(self) -> Iterator[Frame]:
        while not self._queue.empty():
            frame = self._queue.get_nowait()
            if frame is not None:
                yield frame


class RemoteTerminal(Terminal):
    """Shows everything there as it would be shown if the command itself had done it.

    ``known``: ``{"out", "err"}``, whether each is a terminal, its ``"columns"`` and ``"lines"``,
    and the variables of its ``"environment"`` that say what it can show.
    """

    def __init__(self, frames: Frames, known: Mapping[str, Any]) -> None:
        def console(name: str, width: int) -> Console:
            return PlainConsole(
                # rich writes and flushes, and asks for nothing else.
                file=cast("TextIO", _Stream(frames, name)),
                force_terminal=bool(known[name]),
                width=width,
                height=int(known["lines"]),
                highlight=False,
                _environ=dict(known["environment"]),
            )

        columns = int(known["columns"])
        super().__init__(
            consoles=(
                console("out", columns if known["out"] else PIPE_WIDTH),
                console("err", columns),
            )
        )
        self._frames = frames

    def save(self, path: Path, data: bytes) -> None:
        self._frames.put({"file": str(path), "data": base64.b64encode(data).decode()})


class _Stream:
    encoding = "utf-8"

    def __init__(self, frames: Frames, name: str) -> None:
        self._frames = frames
        self._name = name

    def write(self, text: str) -> int:
        if text:
            self._frames.put({self._name: text})
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""
