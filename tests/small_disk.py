"""A disk without room, for real: a small tmpfs where it may be mounted, else a file-size limit."""

from __future__ import annotations

import contextlib
import errno
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

_SIZE = 8 << 20
_BLOCK = 4096

needs_mounts = pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "true"], check=False
    ).returncode,
    reason="this system lets nobody mount a small disk of his own",
)


class SmallDisk(Protocol):
    """A folder on a disk that can be filled up; ``kind`` says how."""

    folder: Path
    kind: str

    def with_room(self, size: int) -> contextlib.AbstractContextManager[None]:
        """Within it no more than so many bytes can be written."""

    def read_only(self) -> contextlib.AbstractContextManager[None]:
        """Within it nothing can be written at all; nothing may be open for writing."""


@dataclass
class Tmpfs:
    """A file system in memory: writes fail with ENOSPC."""

    folder: Path
    kind: str = "tmpfs (ENOSPC)"

    @contextmanager
    def with_room(self, size: int) -> Iterator[None]:
        """A ballast takes all the room there is, but for ``size`` bytes."""
        ballast = self.folder / "ballast"
        with ballast.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * _BLOCK)
            file.truncate(max(0, file.tell() - size // _BLOCK * _BLOCK))
        try:
            yield
        finally:
            ballast.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Mounted anew so that it may only be read, also by root."""
        self._remount("ro")
        try:
            yield
        finally:
            self._remount("rw")

    def _remount(self, how: str) -> None:
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        subprocess.run(command, capture_output=True, check=True)


@dataclass
class LimitedFiles:
    """A limit on the size of any file of this process: writes beyond it fail with EFBIG."""

    folder: Path
    kind: str = "RLIMIT_FSIZE (EFBIG)"

    @contextmanager
    def with_room(self, size: int) -> Iterator[None]:
        """No file can grow beyond ``size`` bytes."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Folders and files that only root may write; who is root can mount a tmpfs."""
        modes = {each: each.stat().st_mode for each in (self.folder, *self.folder.rglob("*"))}
        for each, mode in modes.items():
            each.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for each, mode in modes.items():
                each.chmod(mode)


@contextmanager
def small_disk(folder: Path, size: int = _SIZE) -> Iterator[SmallDisk]:
    """Whichever of the two works here, below ``folder``, of ``size`` bytes where it can be."""
    place = folder / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        done = False
    if not done:
        yield LimitedFiles(place)
        return
    try:
        yield Tmpfs(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=True)


def no_room(folder: Path) -> bool:
    """Whether a file of one block can be written there."""
    probe = folder / "probe"
    try:
        probe.write_bytes(b"\0" * _BLOCK)
    except OSError as error:
        return error.errno in {errno.ENOSPC, errno.EFBIG}
    finally:
        probe.unlink(missing_ok=True)
    return False
