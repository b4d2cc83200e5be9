"""What lies over the collections: transactions on its rows together with its files."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection, select

from core.domain.errors import CatalogueError, TangerineError
from index.catalogue.database import Database
from index.catalogue.ids import fresh_ids
from index.catalogue.rows import chunks
from index.catalogue.schema import uploads as upload_rows
from index.library.overlay_revisions import revision_of
from index.library.overlay_writes import advance
from index.library.recent_changes import RecentChanges, Scope
from index.library.revisions import FileRevisions, Revisions
from index.library.upload_files import UploadFiles

Prepare = Callable[[Connection, Scope, frozenset[str], int, int], Callable[[], None] | None]
"""See :meth:`Overlays.make_ready`."""


@dataclass(slots=True)
class Change:
    """A change under way.

    ``touched`` collects the collections and scopes of which people see something else
    afterwards; ``uploads`` which alone, for those of them where that is known; ``undo`` what is
    done to files where the change is not kept.
    """

    connection: Connection
    now: float
    touched: set[Scope] = field(default_factory=set)
    uploads: dict[Scope, set[str]] = field(default_factory=dict)
    undo: list[Callable[[], object]] = field(default_factory=list)


class Overlays:
    """Uploads and removals in the catalogue's database, with their files. Thread-safe.

    ``revisions`` tell of changes; None: files in the folder of the uploads do. ``now`` gives
    seconds since the epoch.
    """

    def __init__(
        self,
        database: Database,
        files: UploadFiles,
        *,
        revisions: Revisions | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self.files = files
        self.revisions = revisions or FileRevisions(files)
        self.recent = RecentChanges()
        self._preparing: list[Prepare] = []
        self._now = now
        self._log = structlog.get_logger(__name__)

    @property
    def now(self) -> float:
        return self._now()

    def make_ready(self, prepare: Prepare) -> None:
        """Have this called within each change of which it is known which uploads it touched.

        It is given the transaction, in which the change is made, the scope, those uploads, and
        the scope's revision before and after. What it returns is called once the change is kept,
        when the database is free again. So whoever asks next finds what was made.
        """
        self._preparing.append(prepare)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view. Raises CatalogueError."""
        with self._database.read() as connection:
            yield connection

    @contextmanager
    def staged(
        self,
        collection: str,
        new: Sequence[tuple[bytes, bytes]],
        unless: Callable[[Connection, int], bool] = lambda *_: False,
    ) -> Iterator[Callable[[int], str | None]]:
        """New pictures, each with its original or b"", of which a bucket has the files beforehand.

        For around a change: gives what says under which id each is there, so that no other writer
        waits for the bucket; None where it is not, as ``unless`` it wanted, or with a folder. What
        was written of it within is kept, the rest is deleted. Raises CatalogueError.
        """
        ids: dict[int, str] = {}
        if self.files.is_remote:
            with self.read() as connection:
                numbers = [n for n in range(len(new)) if not unless(connection, n)]
                ids = dict(zip(numbers, fresh_ids(connection, len(numbers)), strict=True))
        try:
            for number, picture_id in ids.items():
                self.files.stage(collection, picture_id, *new[number])
            yield ids.get
        finally:
            for picture_id in ids.values():
                # What stays is put by with the next sweep.
                with contextlib.suppress(OSError):
                    self.files.unstage(collection, picture_id)

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One change: all of it is kept once this ends, or nothing where it raises.

        No two run at the same time, in all processes together. The new revisions are
        announced before the rows can be seen: whoever then still finds the old rows knows
        that he has to look again, and no kill in between leaves anybody with them. Raises
        CatalogueError, also where a file cannot be written.
        """
        undo: list[Callable[[], object]] = []
        try:
            with self._database.write() as connection:
                change = Change(connection, self._now(), undo=undo)
                yield change
                before = {scope: revision_of(connection, *scope) for scope in change.uploads}
                revisions = advance(connection, change.touched)
                ready = [
                    done
                    for scope, uploads in change.uploads.items()
                    if scope in change.touched
                    for done in self._made_ready(
                        connection, scope, uploads, before[scope], revisions[scope[0]]
                    )
                ]
                for collection, revision in revisions.items():
                    self.revisions.announce(connection, collection, revision)
        except BaseException as error:
            for step in undo:
                with contextlib.suppress(OSError):
                    step()
            if isinstance(error, OSError) and not isinstance(error, CatalogueError):
                raise CatalogueError(
                    f"The picture files cannot be changed ({error.strerror or error}).",
                    remedy="Check that the disk that holds TANGERINE_DATA_DIR has room and "
                    "may be written, then try again.",
                ) from error
            raise
        # From here on the change is kept, and its files with it.
        for scope, uploads in change.uploads.items():
            if scope in change.touched:
                self.recent.note(scope, before[scope], revisions[scope[0]], uploads)
        for done in ready:
            with self._only_for_the_next():
                done()

    def _made_ready(
        self, connection: Connection, scope: Scope, uploads: set[str], before: int, after: int
    ) -> Iterator[Callable[[], None]]:
        for prepare in self._preparing:
            done = None
            with self._only_for_the_next():
                done = prepare(connection, scope, frozenset(uploads), before, after)
            if done is not None:
                yield done

    @contextmanager
    def _only_for_the_next(self) -> Iterator[None]:
        try:
            yield
        except TangerineError as error:
            # Whoever asks next makes it, or is told.
            self._log.warning("view.not_made_ready", code=error.code)

    def clear(self, files: Iterable[tuple[str, str]]) -> bool:
        """Delete files that no row knows any more; whether all are gone.

        Those that stay are left to the sweep, and the log names them.
        """
        done = True
        for collection, picture_id in files:
            try:
                self.files.delete(collection, picture_id)
            except OSError as error:
                done = False
                self._log.warning("upload.not_deleted", id=picture_id, reason=error.strerror)
        return done

    def forget_copies(self) -> int:
        """Delete copies here of files in a bucket whose rows are gone; how many.

        Raises CatalogueError.
        """
        return self.files.keep_only(self._known)

    def _known(self, ids: Collection[str]) -> Collection[str]:
        known: set[str] = set()
        with self.read() as connection:
            for some in chunks(tuple(ids)):
                rows = select(upload_rows.c.id).where(upload_rows.c.id.in_(some))
                known.update(connection.execute(rows).scalars())
        return known

    def erase(self) -> None:
        """Make what was deleted unreadable, as far as the database can. Raises CatalogueError."""
        self._database.erase()
