"""One running program for each data folder, and where it is to be found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from bot.engine.specs import make_data_dir
from core.domain.errors import SettingsError, SourceError

_LOCK = ".running.lock"
_TOLD = ".running"
# A check whether one runs holds the lock for a moment: that is no second program.
_PATIENCE_S = 1.0


class Instance:
    """The running program: others are refused until it ends, however it does."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / _TOLD

    def tell(self, url: str) -> None:
        with suppress(OSError):  # only a courtesy
            self._file.write_text(f"{os.getpid()} {url}\n", encoding="utf-8")


@contextmanager
def only_one(data_dir: Path) -> Iterator[Instance]:
    """Be the one running program of this data folder. Blocking, for a second at most.

    Raises SettingsError where another one is, SourceError where the folder cannot be used.
    """
    make_data_dir(data_dir)
    lock = FileLock(data_dir / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise SettingsError(
            f"Tangerine is running on the data folder {data_dir} already{_where(data_dir)}.",
            remedy="Stop that one first, or set TANGERINE_DATA_DIR to another folder.",
        ) from None
    except OSError as error:
        raise SourceError(
            f"The data folder {data_dir} cannot be used: {error.strerror}.",
            remedy="Set TANGERINE_DATA_DIR to a folder that you may write to.",
        ) from error
    try:
        (data_dir / _TOLD).unlink(missing_ok=True)
        yield Instance(data_dir)
    finally:
        with suppress(OSError):
            (data_dir / _TOLD).unlink(missing_ok=True)
        lock.release()


def is_running(data_dir: Path) -> bool:
    """Whether a program runs on this data folder. Blocking."""
    try:
        with FileLock(data_dir / _LOCK, thread_local=False).acquire(blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def _where(data_dir: Path) -> str:
    try:
        told = (data_dir / _TOLD).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return ""
    process, *url = told or [""]
    return f" (process {process}{', ' + url[0] if url else ''})" if process else ""
