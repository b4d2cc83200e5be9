"""The process that starts decode workers: it has imported everything, and forks them.

It is started anew (never forked from the program, whose threads hold locks and whose memory
holds tokens), with an environment of its own, and sees no byte of any picture. What it is told
comes through one socket (:class:`core.images.starting.WorkerHost` is the other end). Each worker
it forks gives up everything that decoding does not need before it reads its first job.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Final, NoReturn

import numpy as np

from core.domain.errors import TangerineError
from core.domain.types import DecodedPicture
from core.images.sandbox import confine, end_with_parent
from core.images.wire import MAX_TEXT, TIME, Header, Kind, receive_job, send_result
from core.images.worker import Job, configure_decoders, limit_resources

ORDER: Final = struct.Struct("<cI")
"""What the host is told: :data:`FORK`, with the worker's end of its channel as a descriptor
beside it, or :data:`END` with the id of a worker. A fork is answered by :data:`STARTED`."""

STARTED: Final = struct.Struct("<I")
"""The id of a new process."""

FORK: Final = b"f"
END: Final = b"e"

_NICENESS: Final = 15
"""With few cores, encoding questions takes precedence over decoding pictures."""


def main() -> None:
    """Serve the program until it closes its end; then every worker is killed.

    Arguments of the process: the number of the control socket's descriptor, and JSON with
    ``memory_bytes``, ``max_pixels`` and ``work`` (``module:function``, from a job to a result).
    Where the module has a function ``prepare``, it is called once: what it loads is there, and
    shared, in every worker, which can open no file any more.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    module, _, name = options["work"].partition(":")
    imported = importlib.import_module(module)
    work: Callable[[Job], object] = getattr(imported, name)
    os.chdir("/")
    os.nice(_NICENESS)
    configure_decoders(options["max_pixels"])
    getattr(imported, "prepare", _nothing)()
    gc.freeze()  # what is there now is shared with the workers, and stays
    workers: set[int] = set()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, ORDER.size, 1)
        if len(message) < ORDER.size:
            break
        what, number = ORDER.unpack(message)
        if what == FORK:
            pid = _fork(control, descriptors[0], work, options["memory_bytes"])
            workers.add(pid)
            try:
                control.sendall(STARTED.pack(pid))
            except OSError:
                break  # the program has ended, or does not want it any more
        elif number in workers:
            workers.remove(number)
            _end(number)
    for pid in workers:
        _end(pid)


def _nothing() -> None:
    pass


def _end(pid: int) -> None:
    # Nobody has waited for it yet, so the number is still its own.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _fork(
    control: socket.socket, channel: int, work: Callable[[Job], object], memory_bytes: int
) -> int:
    pid = os.fork()
    if pid:
        os.close(channel)
        return pid
    try:
        control.close()
        _serve(socket.socket(fileno=channel), work, memory_bytes)
    finally:
        os._exit(1)  # none of the host's own ends


def _serve(channel: socket.socket, work: Callable[[Job], object], memory_bytes: int) -> NoReturn:
    end_with_parent(signal.SIGKILL)
    try:
        limit_resources(memory_bytes)
        # libtiff and others write about broken files to standard error: not in our log.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - os.devnull is no path of ours
            os.dup2(nowhere.fileno(), 2)
        isolation = confine()
    except Exception as error:  # noqa: BLE001 - told to who started it
        send_result(channel, *_bug(str(error)))
        os._exit(1)
    body = json.dumps(asdict(isolation)).encode()
    send_result(channel, Header(Kind.READY, len(body)), body)
    while (job := receive_job(channel)) is not None:
        send_result(channel, *_result(work, job))
    os._exit(0)


_Part = bytes | memoryview


def _result(work: Callable[[Job], object], job: Job) -> tuple[Header, *tuple[_Part, ...]]:
    try:
        result = work(job)
    except TangerineError as error:
        text = json.dumps([*error.sentences, error.facts]).encode()[:MAX_TEXT]
        return Header(Kind.REFUSED, len(text), error.code), text
    except Exception:  # noqa: BLE001 - a bug in this program, reported to the caller
        return _bug(traceback.format_exc())
    if isinstance(result, DecodedPicture):
        pixels = np.ascontiguousarray(result.pixels)
        preview = b"" if result.preview is None else np.ascontiguousarray(result.preview).data
        frames = [
            part
            for number, frame in enumerate(result.frames)
            for part in (TIME.pack(frame.at_s), b"" if not number else frame.pixels.tobytes())
        ]
        parts = (pixels.data, preview, result.placeholder, *frames)
        header = Header(
            Kind.PIXELS,
            sum(memoryview(part).nbytes for part in parts),
            result.format,
            result.width,
            result.height,
            len(result.placeholder),
            result.taken,
            len(result.frames),
        )
        return header, *parts
    if isinstance(result, bytes):
        return Header(Kind.FILE, len(result)), result
    return _bug(f"a result that cannot be sent: {type(result).__name__}")


def _bug(text: str) -> tuple[Header, bytes]:
    body = text.encode(errors="replace")[-MAX_TEXT:]
    return Header(Kind.BUG, len(body)), body
