"""``tangerine export``: a collection as a folder of open formats."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from core.domain.errors import EmptyCollection, ReindexRunning, SourceError
from core.domain.types import Failure, ModelIdentity, Progress, Vectors
from index.catalogue.records import text_hash
from index.catalogue.schema import caption_vectors, picture_vectors
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.transfer.files import Fetch, write_lines, write_part
from index.transfer.format import (
    FILES,
    FORMAT,
    LABELS,
    MANIFEST,
    REMOVALS,
    VERSION,
    WORDS,
    CopyError,
    ExportManifest,
    Kept,
    ModelEntry,
    PictureEntry,
    Tell,
    UploadEntry,
    cannot_write,
    copy,
    texts_of,
)
from index.transfer.rows import Held, held, vectors_by
from index.vectors.durable import checksum, sync, write_durably

_UPLOADS = Path(".uploads")
_RETRY_SECONDS = 5.0

_K = TypeVar("_K", bound=Kept)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported; ``failed`` are pictures that were left out, with the reason."""

    collection: str
    folder: Path
    pictures: int
    captions: int
    uploads: int
    labels: int
    failed: tuple[Failure, ...]


class Exporter:
    """Copies collections out. Blocking; changes nothing but the folder that it makes.

    ``lock`` is a file whose lock makes this export the only one from this data folder.
    """

    def __init__(self, overlays: Overlays, lock: Path) -> None:
        self._overlays = overlays
        self._lock = lock

    def export(self, spec: CollectionSpec, folder: Path, tell: Tell) -> ExportReport:
        """Copy a collection into a folder that is not there yet, or is empty.

        The folder appears whole or not at all, also where the program is killed. A picture
        whose file is gone, or is not what was indexed, is left out and told. ``tell`` may
        raise to end it. Raises SourceError, EmptyCollection, CatalogueError, and
        ReindexRunning where another export is under way.
        """
        folder = folder.absolute()
        try:
            with FileLock(self._lock).acquire(blocking=False):
                return self._into(spec, folder, tell)
        except Timeout:
            raise ReindexRunning(
                "Another export is under way.",
                retry_after=_RETRY_SECONDS,
            ) from None
        except OSError as error:
            raise cannot_write(error, folder) from error

    def _into(self, spec: CollectionSpec, folder: Path, tell: Tell) -> ExportReport:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SourceError(
                f"{folder} holds something already.",
                remedy="Name a folder that does not exist yet.",
            )
        with self._overlays.read() as connection:
            what = held(connection, spec.name)
        if what is None or not (what.pictures or what.uploads):
            raise EmptyCollection(collection=spec.name)
        root = _root(spec.folder)
        # Hidden, so that a scan of the parent folder ignores it.
        unfinished = folder.with_name(f".{folder.name}.export")
        shutil.rmtree(unfinished, ignore_errors=True)  # left by a killed export
        unfinished.mkdir(parents=True)
        try:
            pictures, uploads, failed = self._fill(spec.name, what, root, unfinished, tell)
            # One flush of everything is quicker than thousands of single ones.
            os.sync()
            unfinished.rename(folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        sync(folder.parent)
        return ExportReport(
            collection=spec.name,
            folder=folder,
            pictures=len(pictures),
            captions=sum(1 for _ in texts_of([*pictures, *uploads])),
            uploads=len(uploads),
            labels=len(what.labels),
            failed=tuple(failed),
        )

    def _fill(
        self, name: str, what: Held, root: Path, here: Path, tell: Tell
    ) -> tuple[list[PictureEntry], list[UploadEntry], list[Failure]]:
        """Everything into the folder ``here``: what is in it, and what was left out."""
        (here / _UPLOADS).mkdir()
        copier = _Copier(here, tell, total=len(what.ids))
        pictures = copier.copied(what.pictures, lambda each: (root, each.path))
        failed = copier.failed
        if what.pictures and not pictures:
            raise SourceError(
                f"None of the {len(what.pictures)} pictures could be copied from {root}: "
                f"{failed[0].reason} Nothing was exported.",
                remedy="Check that the folder is mounted and may be read, or reindex first.",
            )

        def upload_file(each: UploadEntry) -> tuple[Path, str]:
            path = self._overlays.files.find(name, each.id).resolve()
            return path.parent, path.name

        uploads = copier.copied(what.uploads, upload_file)
        fetches = self._fetches(what.model)
        write_part(here, pictures, what.model.dimension, *fetches)
        write_part(here / _UPLOADS, uploads, what.model.dimension, *fetches)
        write_lines(here / _UPLOADS / REMOVALS, what.removals)
        files: tuple[str, ...] = FILES
        if what.labels:
            text = "".join(f"{label}\n" for label in what.labels)
            (here / LABELS).write_text(text, encoding="utf-8")
            files = (*files, LABELS)
        if what.words:
            write_lines(here / WORDS, what.words)
            files = (*files, WORDS)
        manifest = ExportManifest(
            format=FORMAT,
            version=VERSION,
            collection=name,
            model=ModelEntry(**asdict(what.model)),
            files={file: checksum(here / file)[0] for file in files},
        )
        write_durably(here / MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n")
        return pictures, uploads, failed

    def _fetches(self, model: ModelIdentity) -> tuple[Fetch, Fetch]:
        def pictures(keys: Sequence[str]) -> Vectors:
            with self._overlays.read() as connection:
                return vectors_by(connection, picture_vectors.c.sha256, keys, model)

        def captions(texts: Sequence[str]) -> Vectors:
            keys = [text_hash(text) for text in texts]
            with self._overlays.read() as connection:
                return vectors_by(connection, caption_vectors.c.text_hash, keys, model)

        return pictures, captions


class _Copier:
    """Copies the files of pictures; what cannot be read is left out, with a reason."""

    def __init__(self, here: Path, tell: Tell, *, total: int) -> None:
        self._here = here
        self.failed: list[Failure] = []
        self._tell = tell
        self._done = 0
        self._total = total

    def copied(self, entries: Sequence[_K], locate: Callable[[_K], tuple[Path, str]]) -> list[_K]:
        """Those of the entries whose file is copied. Raises OSError where writing fails."""
        good = []
        for entry in entries:
            self._tell(Progress("commit", self._done, self._total))
            reason = self._copy(entry, *locate(entry))
            if reason is None:
                good.append(entry)
            else:
                self.failed.append(Failure(entry.path, SourceError.code, reason))
            self._done += 1
        self._tell(Progress("commit", self._done, self._total))
        return good

    def _copy(self, entry: Kept, root: Path, path: str) -> str | None:
        target = self._here / entry.path
        try:
            copy(root, path, target, entry.sha256, links=True)
        except CopyError as error:
            return {
                "changed": "It has changed since it was indexed; reindex first.",
                "taken": "The new folder does not tell its name from another one's.",
                "unreadable": f"It cannot be read ({error}).",
            }[error.kind]
        return None


def _root(folder: Path) -> Path:
    try:
        return folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise SourceError(
            f"The folder {folder} cannot be read ({getattr(error, 'strerror', None) or error}).",
            remedy="Check that it exists, is mounted and may be read by this user.",
        ) from error
