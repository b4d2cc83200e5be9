"""Bringing a collection up to date with its folder: scan, encode, commit, swap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from filelock import FileLock, Timeout

from core.domain.errors import CatalogueError, NotFound, ReindexRunning
from core.domain.ports import Clock, Embedder, PictureDecoder
from core.domain.threads import finished_in_thread
from core.domain.types import Progress, ReindexReport
from index.catalogue.catalogue import Catalogue
from index.catalogue.database import Hold
from index.catalogue.records import Suspects
from index.indexing.partial import Place
from index.indexing.patience import Circumstances
from index.indexing.plan import SHARE, RemovalGuard
from index.indexing.run import ReindexRun, RunParts
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.snapshots.store import SnapshotStore

IN_FLIGHT = 64
"""Files under way at once: enough to fill an encoder's batch, 10 MB of pixels at 224 x 224."""

_NOTHING = Suspects()

_RETRY_SECONDS = 5.0
"""When to ask again about a reindex that is running."""


class Reindexer:
    """The Reindexing port: one run a collection at a time, in all processes together.

    ``decoding`` is the number of pictures decoded at once, best twice the decoder's
    workers: each of them then has its next picture waiting. ``max_removed_share`` of a
    folder's pictures may be gone at once without a confirmation, from 0 to 1; raises
    SettingsError for another number. ``circumstances`` say which refused pictures are tried
    again.
    """

    def __init__(
        self,
        specs: Sequence[CollectionSpec],
        *,
        catalogue: Catalogue,
        store: SnapshotStore,
        overlays: Overlays,
        embedder: Embedder,
        decoder: PictureDecoder,
        clock: Clock,
        decoding: int = 4,
        in_flight: int = IN_FLIGHT,
        max_removed_share: float = SHARE,
        circumstances: Circumstances = Circumstances(),  # noqa: B008 - frozen
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._parts = RunParts(
            catalogue=catalogue,
            store=store,
            overlays=overlays,
            embedder=embedder,
            decoder=decoder,
            clock=clock,
            decoding=decoding,
            in_flight=in_flight,
            circumstances=circumstances,
        )
        self._guard = RemovalGuard(max_removed_share)
        self._running: dict[str, Progress] = {}
        # The folders that were plain when they were looked at last, and that look succeeded.
        self._plain: dict[str, Place] = {}

    def running(self) -> Mapping[str, Progress]:
        return dict(self._running)

    async def reindex(
        self,
        collection: str,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        suspects: Suspects = _NOTHING,
        paths: frozenset[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        """Scan the folder, encode what is new, then switch to the new state in one step.

        What is encoded is kept as it comes: after a kill or a cancellation the next run
        goes on from there, while searches have the old state. ``full`` encodes everything
        anew, also for another model; ``suspects`` are what else is read and encoded anew.
        ``on_progress`` is called on the event loop.

        ``paths`` are those below the folder, with ``/``, that alone have changed since a run of
        this reindexer, folders among them: then it takes as long as they are many. The whole
        folder is looked at all the same where these cannot be understood alone
        (:func:`index.indexing.changed_paths.scan_part`), or where it is another one than before.

        Where more pictures are gone than may be without asking, or all of them, nothing is
        removed, added or changed without ``confirm_removals``; what was encoded until that
        was seen is kept for the run that has it.

        Raises ReindexRunning, NotFound, SourceError, RemovalsUnconfirmed, ModelMismatch,
        EncodingFailed (the encoder fails on everything), ShuttingDown, CatalogueError. A bad
        picture is a line of the report instead.
        """
        spec = self._specs.get(collection)
        if spec is None:
            raise NotFound(
                "There is no collection “{collection}”.",
                remedy="There are: {names}.",
                collection=collection,
                names=", ".join(self._specs) or "none",
            )
        if collection in self._running:
            raise _running(collection, self._running[collection])

        def tell(progress: Progress) -> None:
            self._running[collection] = progress
            if on_progress is not None:
                on_progress(progress)

        self._running[collection] = Progress(stage="scan", done=0, total=0)
        try:
            lock = await self._lock(collection)
            held: Hold | None = None
            try:
                database = self._parts.catalogue.database
                held = await finished_in_thread(database.hold, f"reindex {collection}")
                if held is None:
                    raise await self._elsewhere(collection)
                run = ReindexRun(
                    spec,
                    self._parts,
                    full=full,
                    guard=replace(self._guard, confirmed=confirm_removals),
                    suspects=suspects,
                    tell=tell,
                    named=paths,
                    # Where it fails, nobody knows what it has missed.
                    plain_place=self._plain.pop(collection, None),
                )
                report = await run.run()
                if run.plain_place is not None:
                    self._plain[collection] = run.plain_place
                return report
            finally:
                if held is not None:
                    await finished_in_thread(held.let_go)
                lock.release()
        finally:
            del self._running[collection]

    async def _lock(self, collection: str) -> FileLock:
        lock = await asyncio.to_thread(self._parts.store.writer_lock, collection)
        try:
            lock.acquire(blocking=False)  # never waits, so that it may run on the event loop
        except Timeout:
            raise await self._elsewhere(collection) from None
        except OSError as error:
            raise CatalogueError(
                f"The index folder cannot be locked ({error.strerror}).",
                remedy="Point TANGERINE_DATA_DIR at a folder that may be written.",
            ) from error
        return lock

    async def _elsewhere(self, collection: str) -> ReindexRunning:
        """The error for a collection that another process is at."""
        other = await finished_in_thread(self._parts.catalogue.unfinished_run, collection)
        done, total = (other.done, other.total) if other is not None else (0, 0)
        return _running(collection, Progress("encode", done, total))


def _running(collection: str, progress: Progress) -> ReindexRunning:
    return ReindexRunning(
        "“{collection}” is being indexed already: {done} of {total} pictures are done."
        if progress.total
        else "",
        retry_after=_RETRY_SECONDS,
        collection=collection,
        done=progress.done,
        total=progress.total,
    )
