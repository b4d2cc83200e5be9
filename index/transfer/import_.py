"""``tangerine import``: an exported folder becomes a collection."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import Timeout
from sqlalchemy import delete

from core.domain.errors import CatalogueError, ReindexRunning, SourceError
from core.domain.types import ModelIdentity, Progress
from index.catalogue.catalogue import Catalogue
from index.catalogue.file_types import begins_like_picture, kind_of
from index.catalogue.records import Stamp, text_hash
from index.catalogue.schema import caption_vectors, picture_vectors, runs
from index.library.labels import TAGS
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.snapshots.overlay import SHARED
from index.snapshots.store import SnapshotStore
from index.transfer.checks import read_blocks, read_export
from index.transfer.files import refused
from index.transfer.format import (
    CAPTIONS,
    CopyError,
    Kept,
    PictureEntry,
    Tell,
    cannot_write,
    copy,
    digest_of,
    opened,
    texts_of,
)
from index.transfer.rows import Held, is_empty, keep_vectors, take_in, taken
from index.transfer.sample import Checked, VectorSample
from index.vectors.durable import sync

_SETTLED_NS = 2_000_000_000
"""FAT keeps times to 2 s: a younger file is hashed again by the next reindex."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was taken in: numbers of pictures, captions, uploads and labels, and their model.

    ``vectors`` that came with them; of these ``tried`` were compared with what this model says of
    their pictures and captions, and ``wrong`` were others: then none was taken in.
    """

    collection: str
    pictures: int
    captions: int
    uploads: int
    labels: int
    model: ModelIdentity
    vectors: int = 0
    tried: int = 0
    wrong: int = 0


class Importer:
    """Takes exported folders in. Blocking.

    Nothing of such a folder is trusted: paths stay below the collection's folder, links are
    not followed, each file must have the checksum of its line and each vector the length 1.
    Vectors are taken in where those of a ``sample`` are what this model says; without one, or
    where the export has another model, none is. Those that were not in the sample hold for the
    imported collection alone, until a reindex of another one encodes the same picture.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        store: SnapshotStore,
        overlays: Overlays,
        sample: VectorSample | None = None,
    ) -> None:
        self._sample = sample
        self._catalogue = catalogue
        self._store = store
        self._overlays = overlays

    def take(self, spec: CollectionSpec, source: Path, tell: Tell) -> Imported:
        """Make the collection what the export says, in one step; a reindex must follow.

        Labels have to be encoded, too, before they hold (``StoredLabels.prepare``). The pictures
        are copied into the collection's folder where that is missing or empty;
        where it holds them already (it may be the export itself), they stay as they are. Who
        sees an upload does not change: those who share the collection, or the one community
        that added it. ``tell`` may raise to end it.

        Raises SourceError where the export is not whole, the folder holds other pictures or
        the collection has some; CatalogueError; ReindexRunning; EncodingFailed. Then nothing has
        changed.
        """
        lock = self._store.writer_lock(spec.name)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise ReindexRunning(retry_after=5.0, collection=spec.name) from None
        try:
            self._check_empty(spec.name)
            root = source.resolve()
            try:
                what = read_export(source, root)
            except OSError as error:
                raise refused(f"a file cannot be read ({error.strerror or error})") from error
            with ExitStack() as undo:
                stamps = self._place(spec, root, what, tell, undo)
                staged = self._stage(spec.name, root, what, undo)
                claims, checked = self._checked(spec, root, what, staged)
                self._send(spec.name, what, staged, undo)
                self._commit(spec.name, root, what, stamps=stamps, staged=staged, checked=checked)
                undo.pop_all()
            shutil.rmtree(staged, ignore_errors=True)
        finally:
            lock.release()
        return Imported(
            collection=spec.name,
            pictures=len(what.pictures),
            captions=sum(1 for _ in texts_of((*what.pictures, *what.uploads))),
            uploads=len(what.uploads),
            labels=len(what.labels),
            model=what.model,
            vectors=claims,
            tried=0 if checked is None else len(checked.agree) + len(checked.differ),
            wrong=0 if checked is None else len(checked.differ),
        )

    def _checked(
        self, spec: CollectionSpec, root: Path, what: Held, staged: Path
    ) -> tuple[int, Checked | None]:
        """How many vectors there are, and what a sample of them is worth; None: no telling."""
        home = spec.folder.absolute().resolve()
        places: dict[str, Path | str] = {each.sha256: home / each.path for each in what.pictures}
        places |= {each.sha256: _staged(staged, each.id) for each in what.uploads}
        texts: dict[str, Path | str] = {
            text_hash(text): text for text in texts_of((*what.pictures, *what.uploads))
        }
        sample = self._sample
        if sample is None or sample.fingerprint != what.model.fingerprint:
            return 0, None
        claims = sample.claims(
            read_blocks(root, what), {picture_vectors.name: places, caption_vectors.name: texts}
        )
        return len(places) + len(texts), sample.check(claims)

    def _check_empty(self, collection: str) -> None:
        with self._overlays.read() as connection:
            if is_empty(connection, collection):
                return
        raise SourceError(
            f"The collection {collection!r} has pictures already. Nothing was imported.",
            remedy="Name another one of the settings with --collection. Where an import was "
            f"interrupted, finish it: tangerine reindex --collection {collection}",
        )

    def _place(
        self, spec: CollectionSpec, root: Path, what: Held, tell: Tell, undo: ExitStack
    ) -> list[Stamp]:
        """The pictures in the collection's folder, and how their files look there."""
        home = spec.folder.absolute().resolve()
        total = len(what.pictures)
        if home.exists() and (not home.is_dir() or any(home.iterdir())):
            stamps = []
            for done, each in enumerate(what.pictures):
                tell(Progress("commit", done, total))
                stamps.append(_stamp_there(home, each))
            return stamps
        # Hidden, so that a scan of the parent folder ignores it.
        unfinished = home.with_name(f".{home.name}.import")
        shutil.rmtree(unfinished, ignore_errors=True)  # left by a killed import
        with ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, unfinished, ignore_errors=True)
            try:
                unfinished.mkdir(parents=True)
                stamps = []
                for done, each in enumerate(what.pictures):
                    tell(Progress("commit", done, total))
                    stamps.append(_copied(root, each, unfinished / each.path))
                _copy_captions(root, unfinished)
            except OSError as error:
                raise cannot_write(error, home) from error
            undo.callback(_put_back(home))
            try:
                # One flush of everything is quicker than thousands of single ones.
                os.sync()
                unfinished.rename(home)
                sync(home.parent)
            except OSError as error:
                raise SourceError(
                    f"The pictures cannot be put into {home} ({error.strerror or error}). "
                    "Nothing was imported.",
                    remedy=f"Copy {root} to where the pictures shall stay, make that the "
                    "collection's folder, and import it from there.",
                ) from error
        return stamps

    def _stage(self, collection: str, root: Path, what: Held, undo: ExitStack) -> Path:
        """The files of the uploads, on the disk where one rename each puts them in place.

        Under names that the sweep of uploads does not take for its own.
        """
        folder = self._overlays.files.path(collection, "x").parent
        staged = folder.with_name(f".{collection}.import")
        shutil.rmtree(staged, ignore_errors=True)
        undo.callback(shutil.rmtree, staged, ignore_errors=True)
        if what.uploads:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                for each in what.uploads:
                    _copied(root, each, _staged(staged, each.id))
                os.sync()
            except OSError as error:
                raise cannot_write(error, folder) from error
        return staged

    def _send(self, collection: str, what: Held, staged: Path, undo: ExitStack) -> None:
        """The files of the uploads to where a writer would be long about it, if to anywhere.

        Under the ids that they will have, unless somebody takes one meanwhile.
        """
        files = self._overlays.files
        if not files.is_remote:
            return
        with self._overlays.read() as connection:
            others = set().union(*taken(connection, what.ids))
        for each in what.uploads:
            if each.id not in others:
                undo.callback(_quietly, files.unstage, collection, each.id)
                files.stage(collection, each.id, _staged(staged, each.id).read_bytes(), b"")

    def _commit(
        self,
        collection: str,
        root: Path,
        what: Held,
        *,
        stamps: Sequence[Stamp],
        staged: Path,
        checked: Checked | None,
    ) -> None:
        fingerprint = what.model.fingerprint
        run = self._catalogue.begin_run(collection, fingerprint, full=False)
        try:
            # Vectors belong to contents: nobody sees them before the pictures are there.
            believed = checked is not None and not checked.differ
            for block in read_blocks(root, what) if believed else ():
                with self._catalogue.database.write() as connection:
                    keep_vectors(
                        connection,
                        block,
                        fingerprint,
                        run,
                        collection=collection,
                        checked=checked.agree if checked is not None else frozenset(),
                    )
            with self._overlays.change() as change:
                if not is_empty(change.connection, collection):
                    self._check_empty(collection)
                ids = take_in(change.connection, collection, what, stamps, run=run, now=change.now)
                for old, new in ids.items():
                    change.undo.append(partial(self._overlays.files.delete, collection, new))
                    self._overlays.files.take(collection, new, _staged(staged, old))
                if ids:
                    sync(self._overlays.files.path(collection, "x").parent)
                scopes = {each.scope for each in what.uploads} | {
                    each.scope for each in what.removals
                }
                change.touched.update((collection, scope) for scope in scopes | {SHARED})
                if what.labels:
                    change.touched.add((TAGS, collection))
        except BaseException:
            with (
                contextlib.suppress(CatalogueError),
                self._catalogue.database.write() as connection,
            ):
                connection.execute(delete(runs).where(runs.c.id == run))
            raise


def _staged(folder: Path, picture_id: str) -> Path:
    return folder / f"{picture_id}.part"


def _quietly(step: Callable[[str, str], None], collection: str, picture_id: str) -> None:
    with contextlib.suppress(OSError):  # the sweep finds it
        step(collection, picture_id)


def _put_back(home: Path) -> Callable[[], None]:
    """Undoes the rename to ``home``, which is missing or empty now."""
    there = home.exists()

    def undo() -> None:
        shutil.rmtree(home, ignore_errors=True)
        if there:
            home.mkdir(exist_ok=True)

    return undo


def _copied(root: Path, each: Kept, target: Path) -> Stamp:
    try:
        copy(root, each.path, target, each.sha256, links=False)
    except CopyError as error:
        reason = {
            "changed": "is not what was exported",
            "taken": "differs from another one by no more than its case",
            "unreadable": f"cannot be read ({error})",
        }[error.kind]
        raise refused(f"{each.path} {reason}") from error
    if kind_of(each.path) == "unknown" and not begins_like_picture(target):
        raise refused(f"{each.path} is no picture")
    return _stamp(target.stat(), each)


def _copy_captions(root: Path, folder: Path) -> None:
    with opened(root, CAPTIONS, links=False) as table, (folder / CAPTIONS).open("xb") as out:
        shutil.copyfileobj(table, out)


def _stamp_there(home: Path, each: PictureEntry) -> Stamp:
    try:
        with opened(home, each.path, links=True) as stream:
            status = os.fstat(stream.fileno())
            if digest_of(stream) == each.sha256:
                return _stamp(status, each)
        reason = "is another picture there"
    except OSError as error:
        reason = f"cannot be read there: {error.strerror or error}"
    raise SourceError(
        f"The folder {home} of the collection holds something, but not the pictures of the "
        f"export ({each.path} {reason}). Nothing was imported.",
        remedy="Name a collection whose folder is empty or does not exist yet.",
    )


def _stamp(status: os.stat_result, each: Kept) -> Stamp:
    settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
    # No file has this time: such a stamp is never taken for the file's.
    return Stamp(each.path, status.st_size, status.st_mtime_ns if settled else -1, each.sha256)
