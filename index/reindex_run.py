"""One run of a reindex, from the scan to the swap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.errors import EncodingFailed, ModelMismatch, SourceError
from core.ports import Clock, Embedder, PictureDecoder
from core.types import Failure, Progress, ReindexReport
from index.catalogue import Catalogue
from index.encoding import FileWorker
from index.keeper import Keeper
from index.library import CollectionSpec
from index.overlays import Overlays
from index.plan import plan
from index.records import BadFile, Changes, Known, NewPicture, Suspects
from index.reindex_uploads import UploadPass
from index.removals import RemovalGuard
from index.sources import Scan, SourcePicture, scan_folder
from index.store import SnapshotStore
from index.threads import finished_in_thread

_ROUNDS = 3
"""Two files of one content share the work; where the one that did it changed meanwhile, the
other one is left over for another round."""


class ReindexRun:
    """One run. The caller holds the collection's writer lock."""

    def __init__(
        self,
        spec: CollectionSpec,
        *,
        catalogue: Catalogue,
        store: SnapshotStore,
        overlays: Overlays,
        embedder: Embedder,
        decoder: PictureDecoder,
        clock: Clock,
        decoding: int,
        in_flight: int,
        full: bool,
        guard: RemovalGuard,
        suspects: Suspects,
        tell: Callable[[Progress], None],
    ) -> None:
        self._spec = spec
        self._catalogue = catalogue
        self._store = store
        self._overlays = overlays
        self._embedder = embedder
        self._decoder = decoder
        self._clock = clock
        self._decoding = decoding
        self._in_flight = in_flight
        self._full = full
        self._guard = guard
        self._suspects = suspects
        self._tell = tell

    async def run(self) -> ReindexReport:
        """Do it. Raises what :meth:`index.reindex.Reindexer.reindex` says."""
        started = self._clock.monotonic()
        name, identity = self._spec.name, self._embedder.identity
        known = await finished_in_thread(self._catalogue.known, name)
        self._check_model(known)
        scan = await self._scan()
        self._check_folder(known, scan)
        run = await finished_in_thread(
            self._catalogue.begin_run, name, identity.fingerprint, full=self._full
        )
        chat = UploadPass(self._overlays, name, scan.folder)
        worker = await self._worker(run, known, scan, chat)
        added = chat.waiting(worker, await finished_in_thread(chat.fresh))
        await self._work(worker, [*scan.pictures, *added])
        # An upload may have been forgotten meanwhile, with a vector that was counted on.
        await self._look_again(worker, run)
        await self._work(worker, [*scan.pictures, *added])

        self._tell(Progress(stage="commit", done=0, total=len(scan.pictures)))
        bad_uploads = await finished_in_thread(chat.failures, worker, added)
        present, failures = _outcome(scan, worker, bad_uploads)
        difference = plan(known.pictures, present, scan.unreadable)
        self._check_encoder(worker, difference.removed)
        # Renames are known only now; what was encoded is kept for the confirmed run.
        self._guard.check(
            self._spec.folder, name, removed=len(difference.removed), known=len(known.pictures)
        )
        paths = frozenset(picture.path for picture in scan.pictures)
        changes = Changes(
            added=difference.added,
            changed=difference.changed,
            removed=difference.removed,
            failures=failures,
            paths=paths,
            mended=bool(self._suspects),
            vanished=frozenset(known.stamps.keys() - paths),
        )
        generation = await finished_in_thread(self._catalogue.apply, run, name, identity, changes)
        if not await finished_in_thread(self._store.is_current, name, generation):
            # A full run makes vectors anew of pictures that are not among the changes.
            same = known.identity == identity and not self._full
            await finished_in_thread(self._store.commit, name, changes if same else None)
        await finished_in_thread(self._store.merge, name)
        late = await self._latecomers(worker, chat)
        if added or late:
            await finished_in_thread(chat.announce)
        self._tell(Progress("commit", len(scan.pictures), len(scan.pictures)))
        return ReindexReport(
            collection=name,
            added=len(difference.added),
            changed=len(difference.changed),
            removed=len(difference.removed),
            unchanged=difference.unchanged,
            failed=tuple(bad.failure for bad in failures),
            seconds=self._clock.monotonic() - started,
        )

    async def _work(self, worker: FileWorker, pictures: Sequence[SourcePicture]) -> None:
        for _ in range(_ROUNDS):
            todo = [picture for picture in pictures if worker.needs_work(picture)]
            if not todo:
                break
            await worker.work(todo)

    async def _look_again(self, worker: FileWorker, run: int) -> None:
        """Count on no vector that is not in the catalogue any more."""
        encoded, texts = await self._encoded(run)
        worker.encoded = {key: worker.encoded[key] for key in worker.encoded.keys() & encoded}
        worker.texts &= texts

    async def _encoded(self, run: int) -> tuple[dict[str, tuple[int, int]], set[str]]:
        """What has a vector of this model that this run may take over."""
        model, since = self._embedder.identity.fingerprint, run if self._full else 0
        return (
            await finished_in_thread(self._catalogue.encoded_pictures, model, since_run=since),
            await finished_in_thread(self._catalogue.encoded_captions, model, since_run=since),
        )

    async def _latecomers(self, worker: FileWorker, chat: UploadPass) -> bool:
        """Encode what was added meanwhile by a process with the model before; whether any was.

        From now on such a process is refused.
        """
        fresh = await finished_in_thread(chat.fresh)
        if not fresh:
            return False
        model = self._embedder.identity.fingerprint
        worker.encoded |= await finished_in_thread(self._catalogue.encoded_pictures, model)
        worker.texts |= await finished_in_thread(self._catalogue.encoded_captions, model)
        late = chat.waiting(worker, fresh)
        await self._work(worker, late)
        return bool(late)

    async def _scan(self) -> Scan:
        loop = asyncio.get_running_loop()

        def found(count: int) -> None:
            loop.call_soon_threadsafe(self._tell, Progress(stage="scan", done=count, total=0))

        self._tell(Progress(stage="scan", done=0, total=0))
        return await finished_in_thread(scan_folder, self._spec.folder, found)

    async def _worker(self, run: int, known: Known, scan: Scan, chat: UploadPass) -> FileWorker:
        fingerprint = self._embedder.identity.fingerprint
        encoded, texts = await self._encoded(run)
        suspects = self._suspects
        worker = FileWorker(
            embedder=self._embedder,
            decoder=self._decoder,
            keeper=Keeper(
                self._catalogue,
                self._clock,
                run=run,
                collection=self._spec.name,
                fingerprint=fingerprint,
            ),
            locate=chat.locate,
            encoded={key: size for key, size in encoded.items() if key not in suspects.pictures},
            texts=texts - suspects.texts,
            bad={} if self._full else dict(known.bad),
            decoding=self._decoding,
            in_flight=self._in_flight,
            on_done=lambda done, total: self._tell(Progress("encode", done, total)),
        )
        for picture in scan.pictures:
            stamp = known.stamps.get(picture.path)
            if (
                stamp is not None
                and picture.path not in suspects.paths
                and (stamp.size, stamp.mtime_ns) == (picture.size, picture.mtime_ns)
            ):
                worker.contents[picture.path] = stamp.sha256
        return worker

    def _check_model(self, known: Known) -> None:
        mine = self._embedder.identity
        if known.identity is None or self._full or known.identity.fingerprint == mine.fingerprint:
            return
        raise ModelMismatch(
            f"{self._spec.name!r} was indexed with the model {known.identity.name!r}, but "
            f"{mine.name!r} is loaded; their vectors cannot be mixed.",
            remedy=f"Run: tangerine reindex --full --collection {self._spec.name}",
        )

    def _check_folder(self, known: Known, scan: Scan) -> None:
        self._guard.check_scan(self._spec.folder, self._spec.name, known, scan)
        hidden = tuple(scan.unreadable)
        if self._full and hidden and any(old.path.startswith(hidden) for old in known.pictures):
            # Their old vectors would be of no use beside the new ones.
            raise SourceError(
                f"The folder {hidden[0]!r} cannot be read, and pictures in it are indexed. "
                "Nothing was changed.",
                remedy="Give this user the right to read it, then reindex again.",
            )

    def _check_encoder(self, worker: FileWorker, removed: tuple[str, ...]) -> None:
        broken = [each for each in worker.failed.values() if each.code == EncodingFailed.code]
        if broken and removed and worker.new == 0:
            raise EncodingFailed(
                f"No picture could be encoded ({broken[0].reason}). Nothing was changed.",
                remedy="Check the device and its memory, then reindex again.",
            )


def _outcome(
    scan: Scan, worker: FileWorker, uploads: Sequence[BadFile]
) -> tuple[list[NewPicture], tuple[BadFile, ...]]:
    """The pictures that have a vector, and everything that failed, by path."""
    present: list[NewPicture] = []
    failures = [*(BadFile(failure) for failure in scan.failures), *uploads]
    failures.extend(BadFile(failure) for failure in worker.failed.values())
    for picture in scan.pictures:
        sha256 = worker.contents.get(picture.path)
        if sha256 is None:
            continue
        if sha256 in worker.encoded:
            width, height = worker.encoded[sha256]
            present.append(NewPicture(picture.path, sha256, width, height, picture.captions))
        elif sha256 in worker.bad:
            bad = worker.bad[sha256]
            told = Failure(picture.path, bad.failure.code, bad.failure.reason)
            failures.append(replace(bad, failure=told))
    return present, tuple(sorted(failures, key=lambda bad: bad.failure.path))
