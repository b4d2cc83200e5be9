"""How processes learn that something has changed: numbers that count up with each change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Protocol

import structlog
from sqlalchemy import Connection, func, select

from core.domain.errors import CatalogueError
from index.catalogue.database import Database
from index.catalogue.schema import collections, overlays
from index.library.upload_files import UploadFiles


class Revisions(Protocol):
    """The last change of each collection's overlay, and of what else is counted by a name.

    A revision is announced before its rows can be seen: whoever still finds the old rows knows
    that he has to look again. Blocking.
    """

    def revision(self, name: str) -> int:
        """The revision that was announced last; 0 before. Raises CatalogueError."""

    def known(self, name: str) -> int:
        """The same as far as it is known without waiting for anybody; for the event loop."""

    def announce(self, connection: Connection, name: str, revision: int) -> None:
        """Let every process know of a change, within the transaction that makes it.

        Raises OSError.
        """

    def differing(self, rows: Mapping[str, int]) -> Mapping[str, int]:
        """Names whose announced revision is not that of their rows, with the announced one."""

    def generation(self, collection: str) -> int | None:
        """The collection's generation; None where files beside the index tell of it anyway."""


class FileRevisions:
    """The Revisions of processes that share a data folder: files beside the uploads."""

    def __init__(self, files: UploadFiles) -> None:
        self._files = files

    def revision(self, name: str) -> int:
        """See the port. Costs one ``stat``, and raises nothing."""
        return self._files.revision(name)

    def known(self, name: str) -> int:
        return self._files.revision(name)

    def announce(self, connection: Connection, name: str, revision: int) -> None:
        del connection
        self._files.announce(name, revision)

    def differing(self, rows: Mapping[str, int]) -> Mapping[str, int]:
        names = {*rows, *self._files.collections()}
        announced = {name: self._files.revision(name) for name in sorted(names)}
        return {name: found for name, found in announced.items() if found != rows.get(name, 0)}

    def generation(self, collection: str) -> int | None:
        del collection
        return None


class SharedRevisions:
    """The Revisions of nodes that share a database on a server, each with its data folder.

    What others change is heard of as they commit it (:meth:`follow`), and looked for whenever
    the last look is ``fresh_s`` old: where nothing can be heard, no answer is older than that.
    ``monotonic`` gives seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        fresh_s: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._fresh_s = fresh_s
        self._monotonic = monotonic
        self._looking = threading.Lock()
        self._guard = threading.Lock()
        self._looked_at = float("-inf")
        self._revisions: dict[str, int] = {}
        self._generations: dict[str, int] = {}
        self._failed: tuple[float, CatalogueError | None] = (0.0, None)
        self._stopping = threading.Event()
        self._log = structlog.get_logger(__name__)

    def revision(self, name: str) -> int:
        """See the port. Asks the database where the last look is too old."""
        self._refresh()
        return self._revisions.get(name, 0)

    def known(self, name: str) -> int:
        return self._revisions.get(name, 0)

    def generation(self, collection: str) -> int | None:
        self._refresh()
        return self._generations.get(collection, 0)

    def announce(self, connection: Connection, name: str, revision: int) -> None:
        self._database.backend.tell(connection, f"{revision} {name}")
        self._keep(name, revision)

    def differing(self, rows: Mapping[str, int]) -> Mapping[str, int]:
        """None: what is announced is what is committed."""
        del rows
        return {}

    def look(self) -> None:
        """Ask the database for all numbers. Raises CatalogueError."""
        newest = select(overlays.c.collection, func.max(overlays.c.revision)).group_by(
            overlays.c.collection
        )
        began = self._monotonic()
        with self._database.read() as connection:
            # What a newer program has taken away may be what hides a picture.
            self._database.refuse_newer(connection)
            found = [(str(name), int(number)) for name, number in connection.execute(newest)]
            generations = connection.execute(select(collections.c.name, collections.c.generation))
            self._generations = {str(name): int(number) for name, number in generations}
        for name, number in found:
            self._keep(name, number)
        self._looked_at = began

    def follow(self) -> None:
        """Hear what others commit, until :meth:`stop`. For a thread of its own."""
        is_told = False
        while not self._stopping.is_set():
            try:
                heard = self._database.backend.heard(self._fresh_s, self._stopping)
                # Closed at once where a look fails: its connection is nobody else's.
                with closing(heard) as words:
                    for said in words:
                        if said is None:
                            self.look()
                            is_told = False
                            continue
                        number, _, name = said.partition(" ")
                        self._keep(name, int(number))
            except CatalogueError as error:
                if not is_told:
                    self._log.warning("changes.not_heard", reason=error.message)
                is_told = True
                self._stopping.wait(self._fresh_s)

    def stop(self) -> None:
        self._stopping.set()

    def _refresh(self) -> None:
        if self._monotonic() - self._looked_at <= 2 * self._fresh_s:
            return
        with self._looking:
            now = self._monotonic()
            if now - self._looked_at <= 2 * self._fresh_s:
                return
            at, error = self._failed
            if error is not None and now - at <= self._fresh_s:
                # Who has queued behind a look that failed need not fail as slowly.
                raise CatalogueError(error.message, remedy=error.remedy)
            try:
                self.look()
            except CatalogueError as error:
                self._failed = self._monotonic(), error
                raise

    def _keep(self, name: str, revision: int) -> None:
        with self._guard:
            # A look that began before a change was announced knows less than was heard since.
            self._revisions[name] = max(revision, self._revisions.get(name, 0))
