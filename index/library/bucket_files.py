"""The files of uploads in a bucket, which is what counts, with a cache of them on the disk.

The keys are what the paths below the folder of uploads are (:mod:`index.library.upload_files`), so
that any tool copies one to the other. Here nothing is moved when a picture is removed: the
catalogue says what is shown. An object comes before its row, and in no writer's turn; a kill
between them leaves one without a row, which :mod:`index.library.retention` puts by after an hour.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from index.library.bucket import Bucket
from index.library.cached_bucket import ASIDE, LOST, SUFFIX, CachedBucket, read_key
from index.library.originals import FOLDER, Originals
from index.library.upload_files import UploadFile, UploadFiles

CACHE_BYTES = 2 * 2**30


class BucketFiles(UploadFiles):
    """Uploads in ``bucket``; ``folder`` is a cache of at most ``cache_bytes``.

    Every method that asks the bucket raises FilesUnreachable.
    """

    is_remote = True

    def __init__(self, bucket: Bucket, folder: Path, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(folder)
        self._shared = CachedBucket(bucket, folder, cache_bytes)
        self._bucket = bucket
        self.originals = BucketOriginals(self._shared)

    @property
    def name(self) -> str:
        return self._bucket.name

    def find(self, collection: str, picture_id: str) -> Path:
        """The picture on the disk, fetched where it was not there."""
        keys = self._keys(collection, picture_id)[:2]
        return self._shared.fetch(*keys) or self.path(collection, picture_id)

    def is_there(self, collection: str, picture_id: str) -> bool:
        """True: the catalogue says what there is."""
        del collection, picture_id
        return True

    def stage(self, collection: str, picture_id: str, jpeg: bytes, original: bytes) -> None:
        self._shared.count_if_due()
        self._shared.stage(self._keys(collection, picture_id)[0], jpeg)
        if original:
            self._shared.stage(_original(collection, picture_id), original)

    def unstage(self, collection: str, picture_id: str) -> None:
        keys = self._keys(collection, picture_id)[0], _original(collection, picture_id)
        if left := [key for key in keys if self._shared.unstage(key)]:
            self._bucket.delete(*left)

    def write(self, collection: str, picture_id: str, jpeg: bytes) -> None:
        self._shared.put(self._keys(collection, picture_id)[0], jpeg)
        with self._shared.guard:
            self._shared.pictures += len(jpeg)

    def take(self, collection: str, picture_id: str, file: Path) -> None:
        self.write(collection, picture_id, file.read_bytes())

    def put_aside(self, collection: str, picture_id: str) -> None:
        """Nothing is moved."""

    def put_back(self, collection: str, picture_id: str) -> bool:
        del collection, picture_id
        return True

    def delete(self, collection: str, picture_id: str) -> None:
        """From the disk in any case, then from the bucket."""
        self._shared.cache.drop(self.path(collection, picture_id))
        key = _original(collection, picture_id)
        self._shared.cache.drop(self._folder / key)
        # Those that never were put would be asked for in vain: it is one call for all.
        self._bucket.delete(*self._keys(collection, picture_id)[:2], key)

    def put_by(self, collection: str, picture_id: str, now: float) -> Path:
        """See the base: the copy is as old as the move."""
        del now
        *keys, lost = self._keys(collection, picture_id)
        for key in keys:
            if self._bucket.move(key, lost):
                break
        self._bucket.move(_original(collection, picture_id), lost.removesuffix(SUFFIX))
        self._shared.cache.drop(self.path(collection, picture_id))
        return Path(lost)

    def forget_lost(self, before: float) -> int:
        """Of what was there when :meth:`kept` looked last."""
        due = [each.key for each in self._shared.lost if each.modified < before]
        if due:
            self._bucket.delete(*due)
            self._shared.lost = [each for each in self._shared.lost if each.key not in due]
        return len(due)

    def holds(self, collection: str) -> bool:
        keys = (read_key(each.key) for each in self._bucket.all(collection))
        return any(key is not None and key.is_picture and key.folder != LOST for key in keys)

    def all(self) -> Iterator[UploadFile]:
        yield from self.kept(float("inf"))

    def kept(self, before: float) -> list[UploadFile]:
        found = {
            (key.collection, key.picture_id)
            for each, key in self._shared.list()
            if key.folder != LOST and each.modified <= before
        }
        return [UploadFile(*key, aside=None) for key in sorted(found)]

    def is_due(self) -> bool:
        return self._shared.is_due

    def keep_only(self, known: Callable[[Collection[str]], Collection[str]]) -> int:
        copies = {path: path.name.removesuffix(SUFFIX) for path in self._shared.cache.paths()}
        kept = known(set(copies.values()))
        gone = [path for path, picture_id in copies.items() if picture_id not in kept]
        for path in gone:
            self._shared.cache.drop(path)
        return len(gone)

    def kept_bytes(self) -> int:
        """As it was counted last, and what came since: no writer waits for a count."""
        self._shared.count_once()
        return self._shared.pictures

    def free_bytes(self) -> int:
        """A bucket has no end, and the cache has its own bound."""
        return sys.maxsize

    @staticmethod
    def _keys(collection: str, picture_id: str) -> tuple[str, str, str]:
        """Where it is served from, may be that was removed in a folder, and is put by."""
        name = f"{picture_id}{SUFFIX}"
        home, aside, lost = (f"{collection}{inner}" for inner in ("", f"/{ASIDE}", f"/{LOST}"))
        return f"{home}/{name}", f"{aside}/{name}", f"{lost}/{name}"


class BucketOriginals(Originals):
    """Originals beside the pictures in a bucket."""

    def __init__(self, shared: CachedBucket) -> None:
        super().__init__(shared.folder)
        self._shared = shared

    def find(self, collection: str, picture_id: str) -> Path | None:
        return self._shared.fetch(_original(collection, picture_id))

    def write(self, collection: str, picture_id: str, data: bytes) -> None:
        self._shared.put(_original(collection, picture_id), data)
        with self._shared.guard:
            self._shared.originals += len(data)
            self._shared.originals_count += 1

    def delete(self, collection: str, picture_id: str) -> None:
        key = _original(collection, picture_id)
        self._shared.cache.drop(self._shared.folder / key)
        self._shared.bucket.delete(key)

    def all(self) -> Iterator[tuple[str, str]]:
        for _, key in self._shared.list():
            if key.folder == FOLDER:
                yield key.collection, key.picture_id

    def kept(self) -> tuple[int, int]:
        self._shared.list()
        return self._shared.originals_count, self._shared.originals

    def total_bytes(self) -> int:
        self._shared.count_once()
        return self._shared.originals

    def count_anew(self) -> None:
        """Nothing: each listing counts."""


def _original(collection: str, picture_id: str) -> str:
    return f"{collection}/{FOLDER}/{picture_id}"
