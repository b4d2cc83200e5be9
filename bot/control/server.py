"""The bot's side of :mod:`bot.control.protocol`: tasks of commands, done on the running engine."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from bot.control.agreement import agree
from bot.control.protocol import BEAT_S, LONGEST_LINE, NAME, PROTOCOL, short
from bot.control.terminal import Frames, RemoteTerminal
from bot.engine.engine import Engine
from bot.tasks.registry import task_named
from bot.terminal.console import Terminal
from config.settings import WrongSettingError, load
from core.domain.errors import ShuttingDown, TangerineError

_BACKLOG = 16
_REQUEST_S = 5.0
_STOP_S = 2.0
_PEER = struct.Struct("iII")
"""Linux's ``struct ucred``: pid, uid, gid (unix(7))."""

_log = structlog.get_logger("bot.commands")


@asynccontextmanager
async def answering_commands(engine: Engine) -> AsyncIterator[None]:
    """Do what commands ask over the socket in the data folder, until the context ends.

    Where no socket can be made there, commands do their tasks themselves, as they do while
    no bot is running.
    """
    try:
        taken = await asyncio.to_thread(_listen, engine.settings.data_dir)
    except OSError as error:
        _log.info("commands work alone: no socket in the data folder", reason=str(error))
        yield
        return
    connections = _Connections(engine)
    server = await asyncio.start_unix_server(connections.serve, sock=taken, limit=LONGEST_LINE)
    path = engine.settings.data_dir / NAME
    inode = path.lstat().st_ino
    try:
        yield
    finally:
        server.close()
        await connections.close()
        with contextlib.suppress(OSError):
            if path.lstat().st_ino == inode:  # not that of a bot that came after this one
                path.unlink()


def _listen(data_dir: Path) -> socket.socket:
    """The socket at its place, in that of one that a killed bot left. Blocking."""
    # Made where nobody else may look, and moved when its rights are right.
    with (
        tempfile.TemporaryDirectory(dir=data_dir, prefix=NAME) as scratch,
        short(Path(scratch)) as folder,
    ):
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            taken.bind(str(folder / "s"))
            made = Path(scratch) / "s"
            made.chmod(0o600)
            taken.listen(_BACKLOG)
            made.rename(data_dir / NAME)
        except OSError:
            taken.close()
            raise
    return taken


class _Connections:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tasks: set[asyncio.Task[object]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if _is_ours(writer.get_extra_info("socket")):
                await _Command(self._engine, reader, writer).answer()
        except (
            ConnectionError,
            TimeoutError,
            ValueError,
            RecursionError,
            asyncio.IncompleteReadError,
        ):
            pass  # it left, or was no command of ours
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)


class _Command:
    def __init__(
        self, engine: Engine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._writer = writer

    async def answer(self) -> None:
        """Do its task, or say that it has to do that itself."""
        async with asyncio.timeout(_REQUEST_S):
            asked = json.loads(await self._reader.readline())
        if not isinstance(asked, dict):
            raise ValueError("no command")  # noqa: TRY004 - as any other line that is none
        task = await asyncio.to_thread(self._task_of, asked)
        if task is None:
            await self._send({"taken": False})
            return
        await self._send({"taken": True})
        self._engine.metrics.request("command", asked["task"])
        frames = Frames(asyncio.get_running_loop())
        terminal = RemoteTerminal(frames, asked["terminal"])
        work = asyncio.create_task(self._done(task, terminal, asked["arguments"]))
        work.add_done_callback(lambda _: frames.end())
        left = asyncio.create_task(self._reader.read(1))
        left.add_done_callback(lambda _: work.cancel())
        try:
            async for frame in frames.all(BEAT_S):
                await self._send(frame)
            await self._send({"code": work.result()})
        except asyncio.CancelledError:
            # The bot stops, or nobody listens any more.
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            if not left.done():
                stopping = ShuttingDown()
                terminal.error(stopping.message, stopping.remedy)
                await asyncio.sleep(0)  # frames arrive in the next turn of the loop
                for frame in frames.rest():
                    await self._send(frame)
                await self._send({"code": 1})
        finally:
            left.cancel()

    def _task_of(self, asked: Mapping[str, Any]) -> Any:
        """The task, where it is one of this program and everything it means is as here."""
        try:
            if asked["protocol"] != PROTOCOL:
                return None
            config = asked["config"]
            theirs = load(Path(config) if config else None, environ=asked["environment"])
            if not agree(self._engine.settings, theirs, Path(asked["folder"])):
                return None
            task = task_named(asked["task"])
            arguments = {name: _taken(name, value) for name, value in asked["arguments"].items()}
            inspect.signature(task).bind(self._engine, None, **arguments)
            asked["arguments"].update(arguments)
        except (WrongSettingError, KeyError, TypeError, ValueError, AttributeError, OSError):
            return None  # of another version, or no command at all
        return task

    async def _done(self, task: Any, terminal: Terminal, arguments: Mapping[str, Any]) -> int:
        try:
            return int(await task(self._engine, terminal, **arguments))
        except TangerineError as error:
            terminal.error(error.message, error.remedy)
        except Exception:  # noqa: BLE001 - the last line: every command is answered
            _log.exception("a command failed")
            terminal.error("That went wrong in the running bot.", "Its log says how.")
        return 1

    async def _send(self, frame: Mapping[str, object]) -> None:
        self._writer.write(json.dumps(frame).encode() + b"\n")
        await self._writer.drain()


def _is_ours(connected: socket.socket) -> bool:
    """Whether the other side runs as the same user; where only the socket's rights tell, yes."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    told = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    _, uid, _ = _PEER.unpack(told)
    return bool(uid == os.geteuid())


def _taken(name: str, value: Any) -> Any:
    """An argument as the task takes it. Raises OSError for a file that is another one here."""
    if not isinstance(value, dict):
        return value
    if name == "out":
        return Path(value["typed"])  # written by the command
    path = Path(value["path"])
    status = path.stat()
    if [status.st_ino, status.st_size, status.st_mtime_ns] != value.get("same"):
        raise FileNotFoundError(path)
    return path
