"""What happens to uploads without anybody asking: deletion when due, repair after a kill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection, func, select

from core.domain.errors import CatalogueError, FilesUnreachable
from core.domain.ports import UNDO_S
from index.catalogue.rows import chunks, count
from index.catalogue.schema import overlays, tombstones, uploads
from index.library.community_rows import (
    Cleared,
    departed,
    is_departed,
    kept_communities,
    note_departure,
    note_return,
    purge_community,
    rename_community,
)
from index.library.overlay import Overlays
from index.library.overlay_writes import delete_uploads
from index.library.upload_files import UploadFile

PURGE_SECONDS = 7 * 86_400.0
"""How long a departed community's pictures are kept: a kick by mistake is noticed by then."""


LOST_SECONDS = 7 * 86_400.0
"""How long the files of uploads are kept whose rows were lost: a backup is found by then."""

UNDER_WAY_SECONDS = 3600.0
"""A file in a bucket that is younger may still get its row, however long its writer waits."""


@dataclass(frozen=True, slots=True)
class Repairs:
    """What differs between rows and files.

    ``strays`` are files without a row, ``astray`` those in the wrong place; ``unannounced``
    are collections whose revision is not what the files say, with the right one. ``lost`` are
    strays whose rows may come back. In a folder, where collections had changes of which the
    catalogue knows nothing: it was killed in the middle of one, or is an older copy, or was
    damaged. In a bucket, where the catalogue has not deleted them: the catalogue may be the wrong
    one.
    """

    strays: tuple[UploadFile, ...]
    astray: tuple[UploadFile, ...]
    unannounced: tuple[tuple[str, int], ...]
    lost: frozenset[UploadFile]

    def __bool__(self) -> bool:
        return bool(self.strays or self.astray or self.unannounced)


class Retention:
    """Departures, new names of communities, and the sweep. Blocking, thread-safe.

    Every method raises CatalogueError.
    """

    def __init__(self, overlays: Overlays) -> None:
        self._overlays = overlays
        self._log = structlog.get_logger(__name__)

    def left(self, community: str) -> None:
        """What came from there is deleted seven days after it was left first."""
        with self._overlays.change() as change:
            note_departure(change.connection, community, change.now)

    def joined(self, community: str) -> None:
        """Nothing of it is to be deleted. Costs one query where it never was."""
        with self._overlays.read() as connection:
            if not is_departed(connection, community):
                return
        with self._overlays.change() as change:
            note_return(change.connection, community)

    def communities(self) -> frozenset[str]:
        with self._overlays.read() as connection:
            return kept_communities(connection)

    def moved(self, old: str, new: str) -> None:
        if old != new:
            self._clear_by(lambda connection, now: rename_community(connection, old, new, now))

    def sweep(self) -> bool:
        """Delete what is due and repair files; whether communities were deleted."""
        now = self._overlays.now
        removed = uploads.c.removed_at <= now - UNDO_S
        with self._overlays.read() as connection:
            due = count(connection, uploads, removed)
            gone = departed(connection, now - PURGE_SECONDS)
        if due:
            self._clear_by(
                lambda connection, at: Cleared(delete_uploads(connection, removed, at), frozenset())
            )
        for community in gone:
            self._clear_by(partial(_purge, community))
        self._tidy(now)
        if due or gone:
            self._overlays.erase()
        return bool(gone)

    def differences(self) -> Repairs:
        """What differs between rows and files, but for what is under way at the moment."""
        found = self._seen()
        if not found or self._overlays.files.is_remote:
            return found
        try:
            # Looked at again while nobody writes.
            with self._overlays.change() as change:
                return self._differences(change.connection, self._files())
        except CatalogueError:
            return found  # a folder that may only be read; nobody writes there either

    def repair(self) -> None:
        """Put right what a killed process left between its files and its rows."""
        found = self._seen()
        if not found:
            return
        is_remote = self._overlays.files.is_remote
        if is_remote:
            # Older than any change that is under way: no writer has to wait for the bucket.
            self._move(found)
        if found.unannounced or not is_remote:
            # Looked at again while nobody writes: what was under way a moment ago is no fault.
            with self._overlays.change() as change:
                again = self._differences(change.connection, () if is_remote else self._files())
                for collection, revision in again.unannounced:
                    self._overlays.revisions.announce(change.connection, collection, revision)
                if not is_remote:
                    found = again
                    self._move(found)
        if found.lost:
            # Warned, since a folder of pictures that nobody sees any more is no small thing.
            self._log.warning("uploads.rows_lost", kept=len(found.lost), days=LOST_SECONDS / 86_400)
        if found.strays or found.astray:
            deleted = len(found.strays) - len(found.lost)
            self._log.info("uploads.repaired", deleted=deleted, moved=len(found.astray))

    def _tidy(self, now: float) -> None:
        files = self._overlays.files
        try:
            if files.is_due():
                self.repair()
            files.originals.count_anew()
            files.forget_lost(now - LOST_SECONDS)
        except FilesUnreachable as error:
            self._log.warning("uploads.not_swept", reason=error.message)
        except OSError as error:
            self._log.warning("upload.not_swept", id="", reason=error.strerror)

    def _move(self, found: Repairs) -> None:
        files = self._overlays.files
        for stray in found.strays:
            # Its row may be in a newer backup: nothing of that is deleted at once.
            put_by = partial(files.put_by, now=self._overlays.now)
            step: Callable[[str, str], object] = put_by if stray in found.lost else files.delete
            self._quietly(step, stray.collection, stray.picture_id)
        for each in found.astray:
            step = files.put_back if each.aside else files.put_aside
            self._quietly(step, each.collection, each.picture_id)

    def _files(self) -> Sequence[UploadFile]:
        return self._overlays.files.kept(self._overlays.now - UNDER_WAY_SECONDS)

    def _seen(self) -> Repairs:
        files = self._files()
        with self._overlays.read() as connection:
            return self._differences(connection, files)

    def _clear_by(self, work: Callable[[Connection, float], Cleared]) -> None:
        with self._overlays.change() as change:
            cleared = work(change.connection, change.now)
            change.touched.update(cleared.touched)
        for collection, picture_id in cleared.files:
            self._quietly(self._overlays.files.delete, collection, picture_id)

    def _differences(self, connection: Connection, files: Sequence[UploadFile]) -> Repairs:
        removed = {
            (row.collection, row.id): row.removed_at is not None
            for row in connection.execute(
                select(uploads.c.collection, uploads.c.id, uploads.c.removed_at)
            )
        }
        last = connection.execute(
            select(overlays.c.collection, func.max(overlays.c.revision).label("revision")).group_by(
                overlays.c.collection
            )
        )
        revisions = {row.collection: int(row.revision) for row in last}
        differing = self._overlays.revisions.differing(revisions)
        behind = {name for name, found in differing.items() if found > revisions.get(name, 0)}
        strays = tuple(file for file in files if _key(file) not in removed)
        if self._overlays.files.is_remote:
            deleted = _deleted(connection, [file.picture_id for file in strays])
            lost = [file for file in strays if file.picture_id not in deleted]
        else:
            lost = [file for file in strays if file.collection in behind]
        return Repairs(
            strays=strays,
            astray=tuple(
                file
                for file in files
                if file.aside is not None
                and _key(file) in removed
                and removed[_key(file)] is not file.aside
            ),
            unannounced=tuple((name, revisions.get(name, 0)) for name in differing),
            lost=frozenset(lost),
        )

    def _quietly(self, step: Callable[[str, str], object], collection: str, name: str) -> None:
        try:
            step(collection, name)
        except OSError as error:
            self._log.warning("upload.not_swept", id=name, reason=error.strerror)


def _key(file: UploadFile) -> tuple[str, str]:
    return file.collection, file.picture_id


def _deleted(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(ids):
        gone = select(tombstones.c.id).where(tombstones.c.id.in_(some))
        found.update(connection.execute(gone).scalars())
    return found


def _purge(community: str, connection: Connection, now: float) -> Cleared:
    # It may have come back since it was looked up.
    if community not in departed(connection, now - PURGE_SECONDS):
        return Cleared((), frozenset())
    return purge_community(connection, community, now)
