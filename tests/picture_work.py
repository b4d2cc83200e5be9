"""Work for the seam of the decode pool: what a decoder may do to its process."""

from __future__ import annotations

import os
import sys
import time

from core.image_worker import Job, perform


def act(job: Job) -> object:
    """Work for the pool's seam: do as the source says, or decode it if it says nothing.

    ``hang``: never end; ``sleep 0.3``: be busy for so long; ``die``: end the process as a
    crash in C does; ``bug``: raise what no decoder raises; ``pid`` and ``modules``: tell
    about the process.
    """
    if isinstance(job.source, bytes):
        order, _, argument = job.source.partition(b" ")
        if order in _ORDERS:
            return _ORDERS[order](argument)
    return perform(job)


def _hang(_: bytes) -> bytes:
    while True:
        time.sleep(0.01)


def _sleep(seconds: bytes) -> bytes:
    time.sleep(float(seconds))
    return b"slept"


def _bug(_: bytes) -> bytes:
    raise RuntimeError("a bug of ours")


def _die(_: bytes) -> bytes:
    os.abort()


def _pid(_: bytes) -> bytes:
    return str(os.getpid()).encode()


def _modules(_: bytes) -> bytes:
    return " ".join(sys.modules).encode()


_ORDERS = {
    b"hang": _hang,
    b"sleep": _sleep,
    b"bug": _bug,
    b"die": _die,
    b"pid": _pid,
    b"modules": _modules,
}
