"""The part of a reindex that concerns uploads: their vectors, where they lack them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.domain.errors import SourceError
from core.domain.types import UPLOADED, Failure, Picture
from index.catalogue.records import BadFile
from index.catalogue.schema import uploads
from index.indexing.encode import FileWorker
from index.indexing.scan import SourcePicture
from index.library.overlay import Overlays
from index.library.overlay_reads import kept_uploads
from index.snapshots.overlay import SHARED


class UploadPass:
    """Which uploads of a collection have to be encoded, in any scope. Blocking.

    Those that were removed count, too: they may be restored.
    """

    def __init__(self, overlays: Overlays, collection: str, folder: Path) -> None:
        self._overlays = overlays
        self._collection = collection
        self._folder = folder
        self._known: dict[str, Picture] = {}

    def locate(self, path: str) -> Path:
        """The file of a picture, of the folder or uploaded. Raises OSError."""
        if not path.startswith(UPLOADED):
            return self._folder / path
        picture_id = path.removeprefix(UPLOADED).removesuffix(".jpg")
        return self._overlays.files.find(self._collection, picture_id)

    def fresh(self) -> list[Picture]:
        new = [picture for picture in self._kept() if picture.path not in self._known]
        self._known.update({picture.path: picture for picture in new})
        return new

    def waiting(self, worker: FileWorker, pictures: Sequence[Picture]) -> list[SourcePicture]:
        """Those of these uploads of which the worker lacks a vector."""
        sources = []
        for picture in pictures:
            # Trusted, as nobody but the program writes there: only a picture without a
            # vector is read.
            worker.contents[picture.path] = picture.sha256
            captions = (picture.caption,) if picture.caption else ()
            sources.append(SourcePicture(picture.path, size=0, mtime_ns=0, captions=captions))
        return [source for source in sources if worker.needs_work(source)]

    def failures(self, worker: FileWorker, read: Sequence[SourcePicture]) -> list[BadFile]:
        """What is wrong with those of these that cannot be searched and was not told yet."""
        suspects = {
            source.path: worker.contents.get(source.path)
            for source in read
            if source.path not in worker.failed
            and worker.contents.get(source.path) != self._known[source.path].sha256
        }
        if not suspects:
            return []
        # Some may have been deleted meanwhile, which is no failure.
        there = {picture.path for picture in self._kept()}
        return [
            BadFile(
                Failure(
                    path,
                    SourceError.code,
                    f"The file of this upload is {'damaged' if content else 'missing'}. "
                    "Restore it from a backup, or remove the picture.",
                )
            )
            for path, content in suspects.items()
            if path in there
        ]

    def announce(self) -> None:
        with self._overlays.change() as change:
            change.touched.add((self._collection, SHARED))

    def _kept(self) -> list[Picture]:
        with self._overlays.read() as connection:
            found = kept_uploads(connection, uploads.c.collection == self._collection)
        return [each.picture for each in found]
