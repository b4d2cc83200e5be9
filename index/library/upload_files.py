"""The files of uploads: ``<folder>/<collection>/<id>.jpg``, and those about to be deleted.

The catalogue says which of them are shown. What a killed process left between file and row
is put right by :meth:`index.library.retention.Retention.sweep`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from index.library.originals import Originals
from index.vectors.durable import sync, write_durably

_ASIDE = "removed"
_LOST = "lost"
_MARKER = ".revision"
_SUFFIX = ".jpg"


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file that is there.

    ``aside``: whether it is where those of removed pictures are; None where no place says so.
    """

    collection: str
    picture_id: str
    aside: bool | None


class UploadFiles:
    """Uploads on disk below ``folder``. Blocking; every method raises OSError."""

    is_remote: ClassVar[bool] = False
    """Whether each call may take long: nobody is then to wait for it in the writers' turn."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.originals: Originals = Originals(folder)

    @property
    def name(self) -> str:
        """Where they are, for the operator."""
        return str(self._folder)

    def path(self, collection: str, picture_id: str) -> Path:
        return self._folder / collection / f"{picture_id}{_SUFFIX}"

    def find(self, collection: str, picture_id: str) -> Path:
        """Where an upload is now, also one that is removed or that a kill left there."""
        path, aside = self.path(collection, picture_id), self._aside(collection, picture_id)
        return path if path.exists() or not aside.exists() else aside

    def is_there(self, collection: str, picture_id: str) -> bool:
        """Whether an upload can be shown, as far as that is known without waiting."""
        return self.find(collection, picture_id).is_file()

    def stage(self, collection: str, picture_id: str, jpeg: bytes, original: bytes) -> None:
        """Do what is slow of :meth:`write` beforehand, where anything is."""

    def unstage(self, collection: str, picture_id: str) -> None:
        """Delete what was staged, and not written since."""

    def write(self, collection: str, picture_id: str, jpeg: bytes) -> None:
        """Keep a picture, on the disk once this returns."""
        path = self.path(collection, picture_id)
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            sync(self._folder)
        write_durably(path, jpeg)
        sync(path.parent)

    def take(self, collection: str, picture_id: str, file: Path) -> None:
        """Make a file on the same disk a picture that is kept."""
        file.rename(self.path(collection, picture_id))

    def put_aside(self, collection: str, picture_id: str) -> None:
        """Take a picture from where it is served; one that is not there is no error."""
        aside = self._aside(collection, picture_id)
        aside.parent.mkdir(parents=True, exist_ok=True)
        _move(self.path(collection, picture_id), aside)

    def put_back(self, collection: str, picture_id: str) -> bool:
        """Undo :meth:`put_aside`; whether the picture is where it is served from."""
        path = self.path(collection, picture_id)
        _move(self._aside(collection, picture_id), path)
        return path.exists()

    def delete(self, collection: str, picture_id: str) -> None:
        """Delete a picture wherever it is, with its original; one that is gone is no error."""
        for path in (self.path(collection, picture_id), self._aside(collection, picture_id)):
            path.unlink(missing_ok=True)
        self.originals.delete(collection, picture_id)

    def put_by(self, collection: str, picture_id: str, now: float) -> Path:
        """Keep a picture whose row was lost where :meth:`all` does not see it; where that is.

        Its time becomes ``now``, in seconds since the epoch: that is when its days begin.
        """
        kept = self._folder / collection / _LOST / f"{picture_id}{_SUFFIX}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        source = self.find(collection, picture_id)
        os.utime(source, (now, now))
        _move(source, kept)
        original = self.originals.find(collection, picture_id)
        if original is not None:
            os.utime(original, (now, now))
            _move(original, kept.with_suffix(""))
        return kept

    def forget_lost(self, before: float) -> int:
        """Delete what was put by before that time (seconds since the epoch); how many."""
        due = [
            file
            for home in _entries(self._folder)
            for file in _entries(home / _LOST)
            if file.stat().st_mtime < before
        ]
        for file in due:
            file.unlink(missing_ok=True)
        return len(due)

    def collections(self) -> list[str]:
        return [home.name for home in _entries(self._folder) if home.is_dir()]

    def holds(self, collection: str) -> bool:
        """Whether there is any picture of a collection."""
        return next((self._folder / collection).glob(f"*{_SUFFIX}"), None) is not None

    def all(self) -> Iterator[UploadFile]:
        for home in _entries(self._folder):
            for folder, aside in ((home, False), (home / _ASIDE, True)):
                for file in _entries(folder):
                    if file.suffix == _SUFFIX:
                        yield UploadFile(home.name, file.stem, aside)

    def kept(self, before: float) -> list[UploadFile]:
        """All pictures, and those of which the original alone is there.

        But for those that came after ``before`` (seconds since the epoch), where files come before
        their rows.
        """
        del before
        files = list(self.all())
        pictures = {(file.collection, file.picture_id) for file in files}
        alone = (key for key in self.originals.all() if key not in pictures)
        return [*files, *(UploadFile(*key, aside=None) for key in alone)]

    def is_due(self) -> bool:
        """Whether it is time to look for what a kill left behind: where that costs much, seldom."""
        return True

    def keep_only(self, known: Callable[[Collection[str]], Collection[str]]) -> int:
        """Forget copies of what is kept elsewhere, but for the ids that are known; how many."""
        del known
        return 0

    def kept_bytes(self) -> int:
        """What all pictures take on the disk, those that are removed or lost too; no originals."""
        return sum(_bytes(home) for home in _entries(self._folder) if home.is_dir())

    def free_bytes(self) -> int:
        """What is free on the disk, for who is not root."""
        home = self._folder if self._folder.exists() else self._folder.parent
        return shutil.disk_usage(home).free

    def revision(self, collection: str) -> int:
        """The revision that was announced last, for the price of one ``stat``; 0 before."""
        try:
            return self._marker(collection).stat().st_size
        except OSError:
            return 0

    def announce(self, collection: str, revision: int) -> None:
        """Let every process see in :meth:`revision` that the collection has changed.

        The number is the length of a sparse file: read with one ``stat``, changed in one
        step, and independent of clocks and of how finely a file system keeps them.
        """
        marker = self._marker(collection)
        marker.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.ftruncate(descriptor, revision)
        finally:
            os.close(descriptor)

    def _aside(self, collection: str, picture_id: str) -> Path:
        return self._folder / collection / _ASIDE / f"{picture_id}{_SUFFIX}"

    def _marker(self, collection: str) -> Path:
        return self._folder / collection / _MARKER


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except FileNotFoundError:
        return
    sync(target.parent)
    sync(source.parent)


def _bytes(folder: Path) -> int:
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += _bytes(Path(entry.path))
            elif entry.name.endswith(_SUFFIX):
                with contextlib.suppress(FileNotFoundError):  # deleted a moment ago
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
