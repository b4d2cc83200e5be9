"""A bucket of pictures and originals, with copies of them on the disk."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import NamedTuple

from core.domain.errors import FilesUnreachable
from index.library.bucket import Bucket, StoredObject
from index.library.file_cache import FileCache
from index.library.originals import FOLDER

ASIDE, LOST, SUFFIX = "removed", "lost", ".jpg"
_LEAST_S = 60.0
_SHARE = 100
"""A bucket is listed so seldom that it takes a hundredth of the time, and at most once a minute."""


class Key(NamedTuple):
    """What a key says; ``folder`` is empty for a picture that is where it is served from."""

    collection: str
    folder: str
    picture_id: str
    is_picture: bool


def read_key(key: str) -> Key | None:
    collection, *folder, name = key.split("/")
    if not collection or folder not in ([], [ASIDE], [LOST], [FOLDER]):
        return None
    inner = "".join(folder)
    is_picture = name.endswith(SUFFIX)
    if not is_picture and not inner:
        return None
    return Key(collection, inner, name.removesuffix(SUFFIX), is_picture)


class CachedBucket:
    """What pictures and originals have in common. Blocking, thread-safe; raises FilesUnreachable.

    ``staged`` are keys of objects that came before their rows; ``pictures`` and ``originals`` are
    bytes, as of the last listing and with what was written here since.
    """

    def __init__(self, bucket: Bucket, folder: Path, cache_bytes: int) -> None:
        self.bucket = bucket
        self.folder = folder
        self.cache = FileCache(folder, cache_bytes)
        self.guard = threading.Lock()
        self.staged: set[str] = set()
        self.pictures = 0
        self.originals = 0
        self.originals_count = 0
        self.lost: list[StoredObject] = []
        self.listed_at = float("-inf")
        self.again_at = float("-inf")

    def fetch(self, *keys: str) -> Path | None:
        """Where the first of these is on the disk; None where the bucket has none."""
        path = self.folder / keys[0]
        if self.cache.holds(path):
            return path
        for key in keys:
            data = self.bucket.get(key)
            if data is not None:
                try:
                    self.cache.put(path, data)
                except OSError as error:
                    raise FilesUnreachable(
                        f"A picture cannot be kept on the disk ({error.strerror or error}).",
                        remedy="Make room on the disk that holds TANGERINE_DATA_DIR.",
                    ) from error
                return path
        return None

    def put(self, key: str, data: bytes) -> None:
        with self.guard:
            is_staged = key in self.staged
            self.staged.discard(key)
        if not is_staged:
            self.bucket.put(key, data)
        # The bucket has it: a full disk is no reason to refuse it.
        with contextlib.suppress(OSError):
            self.cache.put(self.folder / key, data)

    def stage(self, key: str, data: bytes) -> None:
        self.bucket.put(key, data)
        with self.guard:
            self.staged.add(key)

    def unstage(self, key: str) -> bool:
        with self.guard:
            is_staged = key in self.staged
            self.staged.discard(key)
        return is_staged

    def list(self) -> list[tuple[StoredObject, Key]]:
        """All of them; what they take is known afterwards."""
        begun = time.monotonic()
        found = [
            (each, key) for each in self.bucket.all() if (key := read_key(each.key)) is not None
        ]
        kept = [each.size for each, key in found if key.folder == FOLDER]
        with self.guard:
            self.lost = [each for each, key in found if key.folder == LOST]
            self.pictures = sum(each.size for each, key in found if key.is_picture)
            self.originals, self.originals_count = sum(kept), len(kept)
            self.listed_at = time.monotonic()
            self.again_at = begun + max(_LEAST_S, _SHARE * (self.listed_at - begun))
        return found

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self.again_at

    def count_if_due(self) -> None:
        if self.is_due:
            self.list()

    def count_once(self) -> None:
        if self.again_at == float("-inf"):
            self.list()
