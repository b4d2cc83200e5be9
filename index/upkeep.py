"""What happens to uploads without anybody asking: deletion when due, repair after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection, func, select

from core.ports import UNDO_S
from index.community_rows import (
    Cleared,
    departed,
    is_departed,
    note_departure,
    note_return,
    purge_community,
    rename_community,
)
from index.overlay_writes import delete_uploads
from index.overlays import Overlays
from index.schema import overlays, uploads
from index.upload_files import UploadFile

PURGE_SECONDS = 7 * 86_400.0
"""How long a departed community's pictures are kept: a kick by mistake is noticed by then."""


@dataclass(frozen=True, slots=True)
class _Repairs:
    """What differs between rows and files.

    ``strays`` are files without a row, ``astray`` those in the wrong place; ``unannounced``
    are collections whose revision is not what the files say, with the right one.
    """

    strays: tuple[UploadFile, ...]
    astray: tuple[UploadFile, ...]
    unannounced: tuple[tuple[str, int], ...]

    def __bool__(self) -> bool:
        return bool(self.strays or self.astray or self.unannounced)


class Upkeep:
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

    def moved(self, old: str, new: str) -> None:
        """What was of the old name is of the new one."""
        if old != new:
            self._clear_by(lambda connection, now: rename_community(connection, old, new, now))

    def sweep(self) -> bool:
        """Delete what is due and repair files; whether communities were deleted."""
        now = self._overlays.now
        removed = uploads.c.removed_at <= now - UNDO_S
        with self._overlays.read() as connection:
            due = connection.execute(
                select(func.count()).select_from(uploads).where(removed)
            ).scalar_one()
            gone = departed(connection, now - PURGE_SECONDS)
        if due:
            self._clear_by(
                lambda connection, at: Cleared(delete_uploads(connection, removed, at), frozenset())
            )
        for community in gone:
            self._clear_by(partial(_purge, community))
        self._repair()
        if due or gone:
            self._overlays.erase()
        return bool(gone)

    def strays(self) -> list[UploadFile]:
        """Files that no row knows."""
        with self._overlays.read() as connection:
            return list(self._differences(connection).strays)

    def _clear_by(self, work: Callable[[Connection, float], Cleared]) -> None:
        with self._overlays.change() as change:
            cleared = work(change.connection, change.now)
            change.touched.update(cleared.touched)
        for collection, picture_id in cleared.files:
            self._quietly(self._overlays.files.delete, collection, picture_id)

    def _repair(self) -> None:
        """Put right what a killed process left between its files and its rows."""
        with self._overlays.read() as connection:
            if not self._differences(connection):
                return
        # Looked at again while nobody writes: what was under way a moment ago is no fault.
        with self._overlays.change() as change:
            found = self._differences(change.connection)
            files = self._overlays.files
            for stray in found.strays:
                self._quietly(files.delete, stray.collection, stray.picture_id)
            for each in found.astray:
                step = files.put_back if each.aside else files.put_aside
                self._quietly(step, each.collection, each.picture_id)
            for collection, revision in found.unannounced:
                files.announce(collection, revision)
        if found.strays or found.astray:
            self._log.info("uploads.repaired", deleted=len(found.strays), moved=len(found.astray))

    def _differences(self, connection: Connection) -> _Repairs:
        removed = {
            (row.collection, row.id): row.removed_at is not None
            for row in connection.execute(
                select(uploads.c.collection, uploads.c.id, uploads.c.removed_at)
            )
        }
        files = list(self._overlays.files.all())
        keys = {file: (file.collection, file.picture_id) for file in files}
        last = connection.execute(
            select(overlays.c.collection, func.max(overlays.c.revision).label("revision")).group_by(
                overlays.c.collection
            )
        )
        return _Repairs(
            strays=tuple(file for file in files if keys[file] not in removed),
            astray=tuple(
                file
                for file in files
                if keys[file] in removed and removed[keys[file]] is not file.aside
            ),
            unannounced=tuple(
                (row.collection, row.revision)
                for row in last
                if self._overlays.files.revision(row.collection) != row.revision
            ),
        )

    def _quietly(self, step: Callable[[str, str], object], collection: str, name: str) -> None:
        try:
            step(collection, name)
        except OSError as error:
            self._log.warning("upload.not_swept", id=name, reason=error.strerror)


def _purge(community: str, connection: Connection, now: float) -> Cleared:
    # It may have come back since it was looked up.
    if community not in departed(connection, now - PURGE_SECONDS):
        return Cleared((), frozenset())
    return purge_community(connection, community, now)
