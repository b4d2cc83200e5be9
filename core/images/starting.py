"""The program's side of the process that starts decode workers."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from core.domain.errors import TangerineError
from core.images.host import END, FORK, ORDER, STARTED
from core.images.worker import Job, perform

# The first that it does: such a signal reaches all processes of a terminal or a service, and is
# the program's business. Workers inherit it.
_START: Final = """
import json, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
sys.path[:] = json.loads(sys.argv.pop())
from core.images.host import main
main()
"""

_END_SECONDS: Final = 5.0

_ENVIRONMENT: Final = ("LD_LIBRARY_PATH",)
"""All that decoding may need of the environment: where Python's own libraries are. Tokens are
in there, too."""


class WorkerHost:
    """Starts and ends worker processes, through one that is started when the first is wanted."""

    def __init__(
        self,
        *,
        memory_bytes: int,
        max_pixels: int,
        work: Callable[[Job], object] = perform,
    ) -> None:
        """What each worker may take, and what it does; ``work`` is a function of a module."""
        self._options = json.dumps(
            {
                "memory_bytes": memory_bytes,
                "max_pixels": max_pixels,
                "work": f"{work.__module__}:{work.__qualname__}",
            }
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._asking = asyncio.Lock()

    async def start(self) -> tuple[int, socket.socket]:
        """The id of a new worker, and the socket to talk to it, which does not block.

        Raises OSError where the system refuses, and struct.error where the host ends instead of
        answering.
        """
        async with self._asking:
            if self._control is None or self._process is None or self._process.poll() is not None:
                await self._renew()
            control = self._control
            assert control is not None
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    socket.send_fds(control, [ORDER.pack(FORK, 0)], [theirs.fileno()])
                answer = await asyncio.get_running_loop().sock_recv(control, STARTED.size)
                [pid] = STARTED.unpack(answer)
            except BaseException:
                ours.close()
                # An answer that nobody waited for must not be taken for the next one's.
                self._close()
                raise
            ours.setblocking(False)
            return int(pid), ours

    def end(self, pid: int) -> None:
        """Kill a worker that the host has started."""
        if self._control is not None:
            try:
                socket.send_fds(self._control, [ORDER.pack(END, pid)], [])
            except OSError:  # it has ended, and its workers with it
                self._close()

    async def stop(self) -> None:
        self._close()
        await self._ended()

    async def _renew(self) -> None:
        self._close()
        await self._ended()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = await asyncio.to_thread(
                    _started, theirs, self._options, {**os.environ}
                )
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        self._control = ours

    def _close(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            control.close()

    async def _ended(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_end, process)


def _started(
    control: socket.socket, options: str, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[2])
    path = [root, *(os.path.abspath(entry) for entry in sys.path if entry)]  # noqa: PTH100
    return subprocess.Popen(  # noqa: S603 - our own interpreter and sources
        # Isolated (-I) and without site (-S): nothing but these folders decides what is loaded.
        [
            *(sys.executable, "-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])),
            *("-c", _START, str(control.fileno()), options, json.dumps(path)),
        ],
        pass_fds=(control.fileno(),),
        process_group=0,  # until then, Ctrl-C and what a shell sends reach only the program
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={
            **{name: environment[name] for name in _ENVIRONMENT if name in environment},
            "OPENBLAS_NUM_THREADS": "1",  # numpy's threads would be lost in a fork
        },
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_SECONDS)  # its end of the socket is closed
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def not_started(error: Exception, *, seconds: float) -> TangerineError:
    """The error for a worker that does not start; ``seconds`` is the time that it had."""
    reason = (
        f"it does not answer within {seconds:.0f} s"
        if isinstance(error, TimeoutError)
        else getattr(error, "strerror", None) or str(error) or type(error).__name__
    )
    return TangerineError(
        "The process that decodes pictures could not be started: {reason}.",
        remedy="Look at the log; often the machine is out of memory or processes, or too busy.",
        reason=reason.rstrip("."),
    )
