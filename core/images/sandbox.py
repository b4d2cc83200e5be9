"""This process gives up what a decoder never needs: files, network, programs, privileges.

Linux only, by what its kernel offers to every user: no_new_privs, Landlock and a seccomp filter.
Elsewhere, and where a kernel or a container withholds one of them, :func:`confine` says what is
missing, and the process goes on with the rest.

Both are written down here with ctypes: without rules Landlock is two system calls, and libseccomp
would be a library that not every machine has, for numbers that each processor has fixed for good.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from dataclasses import dataclass, field
from typing import Final

# <linux/prctl.h>, <linux/seccomp.h>, <linux/landlock.h>.
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2
_LANDLOCK_CREATE_RULESET: Final = 444  # the same on every architecture
_LANDLOCK_RESTRICT_SELF: Final = 446
_LANDLOCK_CREATE_RULESET_VERSION: Final = 1

# Rights that a version of Landlock knows first: 13 on files, then one more in versions 2, 3 and
# 5; two on TCP in version 4; two scopes (abstract sockets, signals) in version 6.
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
_NET_SINCE: Final = 4
_SCOPE_SINCE: Final = 6

# <linux/filter.h>: classic BPF, as seccomp(2) wants it.
_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_SET: Final = 0x45
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL_PROCESS: Final = 0x80000000
_EPERM: Final = 1
_ENOSYS: Final = 38
_AT_NUMBER, _AT_ARCHITECTURE, _AT_ARGUMENTS = 0, 4, 16  # in struct seccomp_data
_PROT_EXEC: Final = 4
_CLONE_THREAD: Final = 0x10000

# Tables are read best as such.
# fmt: off
_X86_64: Final = {
    "read": 0, "write": 1, "close": 3, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
    "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39, "getcwd": 79,
    "recvmsg": 47, "clone": 56, "exit": 60, "gettimeofday": 96, "sigaltstack": 131,
    "gettid": 186, "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219,
    "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231, "set_robust_list": 273,
    "getrandom": 318, "rseq": 334, "clone3": 435,
}
_AARCH64: Final = {
    "close": 57, "lseek": 62, "read": 63, "getcwd": 17, "write": 64, "readv": 65, "exit": 93,
    "exit_group": 94, "futex": 98, "set_robust_list": 99, "nanosleep": 101,
    "clock_gettime": 113, "clock_nanosleep": 115, "sched_getaffinity": 123,
    "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134,
    "rt_sigprocmask": 135, "rt_sigreturn": 139, "gettimeofday": 169, "getpid": 172,
    "gettid": 178, "recvmsg": 212, "brk": 214, "munmap": 215, "mremap": 216, "clone": 220,
    "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278, "rseq": 293,
    "clone3": 435,
}
# fmt: on
_ARCHITECTURES: Final = {
    "x86_64": (0xC000003E, _X86_64),
    "aarch64": (0xC00000B7, _AARCH64),
}
"""The kernel's name of each in a filter (AUDIT_ARCH_…), and its numbers of system calls."""

_NO_NEW_CODE: Final = ("mmap", "mprotect")
_THREADS_ONLY: Final = "clone"
_UNKNOWN: Final = "clone3"  # its flags cannot be seen by a filter; libc falls back to clone


@dataclass(frozen=True, slots=True)
class Isolation:
    """What holds of a process that decodes.

    ``landlock`` is the version (ABI) in force, 0 where there is none. ``missing`` says in words
    what does not hold, and why.
    """

    no_new_privs: bool = False
    landlock: int = 0
    seccomp: bool = False
    missing: tuple[str, ...] = field(default=())

    @property
    def whole(self) -> bool:
        return not self.missing

    def __str__(self) -> str:
        held = [
            *(["no_new_privs"] if self.no_new_privs else []),
            *([f"Landlock ABI {self.landlock}"] if self.landlock else []),
            *(["seccomp"] if self.seccomp else []),
        ]
        return "; ".join((", ".join(held) or "nothing", *self.missing))


def confine() -> Isolation:
    """Give everything up, for good, for this thread and what it starts.

    Call it in a process of one thread that has imported all it will need: afterwards no file can
    be opened (those that are open stay), no socket made, no program started, no other process
    touched and no memory made executable. Threads can be started.
    """
    if sys.platform != "linux":
        return Isolation(missing=(f"{platform.system()} has no Landlock and no seccomp",))
    libc = ctypes.CDLL(None, use_errno=True)
    privileges = _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    landlock, no_landlock = _landlock(libc)
    no_seccomp = _seccomp(libc)
    return Isolation(
        no_new_privs=not privileges,
        landlock=landlock,
        seccomp=not no_seccomp,
        missing=tuple(
            f"{what} is missing: {why}"
            for what, why in (
                ("no_new_privs", privileges),
                ("Landlock", no_landlock),
                ("seccomp", no_seccomp),
            )
            if why
        ),
    )


def end_with_parent(signal_number: int) -> None:
    """Let the kernel send this process a signal when its parent ends; Linux alone does."""
    if sys.platform == "linux":
        _prctl(ctypes.CDLL(None, use_errno=True), _PR_SET_PDEATHSIG, signal_number)


def _prctl(libc: ctypes.CDLL, option: int, *arguments: int) -> str:
    """Why it failed, empty where it did not."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    if libc.prctl(option, *map(ctypes.c_ulong, padded)) == 0:
        return ""
    return os.strerror(ctypes.get_errno())


def _landlock(libc: ctypes.CDLL) -> tuple[int, str]:
    """No file may be opened, run, made or removed, and no TCP used: rights without exceptions."""

    def call(number: int, *arguments: object) -> int:
        return int(libc.syscall(ctypes.c_long(number), *arguments))

    version = call(
        _LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION
    )
    if version < 1:
        return 0, f"the kernel does not offer it ({os.strerror(ctypes.get_errno())})"
    files = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    # struct landlock_ruleset_attr: rights on files, on the network, scopes. A kernel takes as
    # much of it as its version knows.
    rights = [(1 << files) - 1]
    if version >= _NET_SINCE:
        rights.append(0b11)
    if version >= _SCOPE_SINCE:
        rights.append(0b11)
    attributes = struct.pack(f"={len(rights)}Q", *rights)
    ruleset = call(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return 0, os.strerror(ctypes.get_errno())
    try:
        if call(_LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
            return 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(ruleset)
    return version, ""


def _seccomp(libc: ctypes.CDLL) -> str:
    """Why there is no filter, empty where there is one."""
    known = _ARCHITECTURES.get(platform.machine())
    if known is None or sys.maxsize < 1 << 32:
        return f"there is no filter for {platform.machine()}"
    program = _program(*known)
    # struct sock_fprog: the number of instructions of 8 bytes, and where they are.
    code = ctypes.create_string_buffer(program, len(program))
    prog = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    pointer = ctypes.create_string_buffer(prog, len(prog))
    return _prctl(libc, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(pointer))


def _program(architecture: int, calls: dict[str, int]) -> bytes:
    """A filter that lets these system calls pass; all others fail with EPERM."""
    plain = [n for name, n in calls.items() if name not in (*_NO_NEW_CODE, "clone", "clone3")]
    steps = [
        (_LOAD, 0, 0, _AT_ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    for number in plain:
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for name in _NO_NEW_CODE:  # (address, length, protection, ...)
        steps += [
            (_JUMP_EQUAL, 0, 4, calls[name]),
            (_LOAD, 0, 0, _AT_ARGUMENTS + 2 * 8),
            (_JUMP_SET, 0, 1, _PROT_EXEC),
            (_RETURN, 0, 0, _ERRNO | _EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ]
    steps += [  # (flags, ...)
        (_JUMP_EQUAL, 0, 4, calls[_THREADS_ONLY]),
        (_LOAD, 0, 0, _AT_ARGUMENTS),
        (_JUMP_SET, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_JUMP_EQUAL, 0, 1, calls[_UNKNOWN]),
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    return b"".join(struct.pack("@HBBI", *step) for step in steps)
