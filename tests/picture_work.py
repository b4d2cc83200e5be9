"""Work for the seam of the decode pool: what a decoder may do to its process."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import mmap
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.domain.errors import DamagedPicture
from core.images.worker import Job, perform


def act(job: Job) -> object:
    """Work for the pool's seam: do as the source says, or decode it if it says nothing.

    ``hang``: be busy for ever; ``sleep 0.3``: do nothing for so long; ``die``: end the process as
    a crash in C does; ``bug``: raise what no decoder raises; ``pid``, ``modules`` and ``environ``:
    tell about the process. ``attack FOLDER PORT``: do what a stranger would who had taken a
    decoder over, and tell what succeeded; ``lie FOLDER``: answer with a pickle that makes a file;
    ``refuse JSON``: refuse a picture with these facts.
    """
    if isinstance(job.source, bytes):
        order, _, argument = job.source.partition(b" ")
        if order in _ORDERS:
            return _ORDERS[order](argument)
    return perform(job)


def _hang(_: bytes) -> bytes:
    while True:
        pass


def _sleep(seconds: bytes) -> bytes:
    time.sleep(float(seconds))
    return b"slept"


def _refuse(facts: bytes) -> bytes:
    error = DamagedPicture("\x1b[31mIt lacks {a}.", remedy="{a.__class__}")
    error.facts = json.loads(facts)
    raise error


def _bug(_: bytes) -> bytes:
    raise RuntimeError("a bug of ours")


def _die(_: bytes) -> bytes:
    os.abort()


def _pid(_: bytes) -> bytes:
    return str(os.getpid()).encode()


def _modules(_: bytes) -> bytes:
    return " ".join(sys.modules).encode()


def _environ(_: bytes) -> bytes:
    return json.dumps(dict(os.environ)).encode()


def _attack(arguments: bytes) -> bytes:
    folder, port = arguments.decode().split()
    catalogue = Path(folder, "catalogue.sqlite")
    libc = ctypes.CDLL(None, use_errno=True)

    def checked(result: int) -> None:
        if result == -1:
            raise OSError(ctypes.get_errno(), "refused")

    attempts: dict[str, Callable[[], object]] = {
        "read the catalogue": catalogue.read_bytes,
        "write the catalogue": lambda: catalogue.open("ab").close(),
        "delete the catalogue": catalogue.unlink,
        "look at the catalogue": catalogue.stat,
        "list the folder": lambda: list(Path(folder).iterdir()),
        "make a file": lambda: Path(folder, "made").touch(),
        "read the parent's environment": Path(f"/proc/{os.getppid()}/environ").read_bytes,
        "open a connection": lambda: socket.socket().connect(("127.0.0.1", int(port))),
        "send a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "open a local socket": lambda: socket.socket(socket.AF_UNIX),
        "run a shell": lambda: subprocess.run(["/bin/sh", "-c", "exit"], check=True),
        "replace the program": lambda: os.execv("/bin/true", ["true"]),
        "fork": os.fork,
        "stop the parent": lambda: os.kill(os.getppid(), signal.SIGSTOP),
        "trace the parent": lambda: checked(libc.ptrace(16, os.getppid(), None, None)),
        "make code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
        "raise the limit of memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.EACCES}:
                done.append(f"{name}: {error}")
        except ValueError as error:  # what setrlimit makes of EPERM
            if "not allowed" not in str(error):
                done.append(f"{name}: {error}")
        else:
            done.append(name)
    return json.dumps(done).encode()


class _Touch:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.open, (self.path, os.O_CREAT)


def _lie(folder: bytes) -> bytes:
    evil = pickle.dumps(_Touch(f"{folder.decode()}/pwned"))
    for descriptor in range(3, 16):
        with contextlib.suppress(OSError):
            os.write(descriptor, evil * 8)
    return _hang(b"")


_ORDERS = {
    b"refuse": _refuse,
    b"environ": _environ,
    b"attack": _attack,
    b"lie": _lie,
    b"hang": _hang,
    b"sleep": _sleep,
    b"bug": _bug,
    b"die": _die,
    b"pid": _pid,
    b"modules": _modules,
}
