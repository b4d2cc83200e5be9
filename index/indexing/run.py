"""One run of a reindex, from the scan to the swap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.domain.errors import EncodingFailed, ModelMismatch, SourceError
from core.domain.ports import Clock, Embedder, PictureDecoder
from core.domain.threads import finished_in_thread
from core.domain.types import Progress, ReindexReport
from index.catalogue.catalogue import Catalogue
from index.catalogue.folders import MadeOf, is_moved, name_of
from index.catalogue.records import BadFile, Changes, IndexState, Suspects
from index.indexing.batch_writer import BatchWriter
from index.indexing.encode import FileWorker
from index.indexing.growing import Growing
from index.indexing.partial import Place, ScanPart, place_of, scan_part
from index.indexing.patience import Circumstances
from index.indexing.plan import RemovalGuard, outcome, plan
from index.indexing.scan import Scan, SourcePicture, scan_folder
from index.indexing.uploads import UploadPass
from index.indexing.vector_cache import RunVectors
from index.library.library import CollectionSpec
from index.library.overlay import Overlays
from index.snapshots.store import SnapshotStore

_TOLD_EACH = 100
"""Pictures from one word about the scan to the next: each wakes the event loop."""

_ROUNDS = 3
"""Two files of one content share the work; where the one that did it changed meanwhile, the
other one is left over for another round."""


@dataclass(frozen=True, slots=True)
class RunParts:
    """What every run works with.

    ``decoding`` pictures are decoded, and ``in_flight`` files are under way, at once.
    """

    catalogue: Catalogue
    store: SnapshotStore
    overlays: Overlays
    embedder: Embedder
    decoder: PictureDecoder
    clock: Clock
    decoding: int
    in_flight: int
    circumstances: Circumstances


class ReindexRun:
    """One run. The caller holds the collection's writer lock."""

    def __init__(
        self,
        spec: CollectionSpec,
        parts: RunParts,
        *,
        full: bool,
        guard: RemovalGuard,
        suspects: Suspects,
        tell: Callable[[Progress], None],
        named: frozenset[str] | None = None,
        plain_place: Place | None = None,
    ) -> None:
        """``named``: paths of the folder that alone may have changed; None: any may.

        ``plain_place`` is what the run before has left of it.
        """
        self._spec = spec
        self._parts = parts
        self._catalogue = parts.catalogue
        self._store = parts.store
        self._embedder = parts.embedder
        self._clock = parts.clock
        self._full = full
        self._guard = guard
        self._suspects = suspects
        self._tell = tell
        self._named = named
        # Whether not all of this folder was ever indexed, or what is known is of another one.
        self._first = self._elsewhere = False
        self._left_behind = self._whole = 0
        self._growing: Growing | None = None
        self.plain_place = plain_place
        """Which folder it is, where changes in it may be looked at alone from now on."""

    async def run(self) -> ReindexReport:
        """Do it. Raises what :meth:`index.indexing.reindexer.Reindexer.reindex` says."""
        started = self._clock.monotonic()
        place = await finished_in_thread(place_of, self._spec.folder)
        part = await finished_in_thread(self._part)
        if part is None:
            known = await finished_in_thread(self._catalogue.known, self._spec.name)
            scan, total = await self._scan(), len(known.pictures)
            elsewhere: tuple[BadFile, ...] = ()
        else:
            known, scan, total, elsewhere = part.known, part.scan, part.total, part.failures
        self._check_model(known)
        if part is None:
            known = await self._begin_folder(known, scan)
            total = len(known.pictures)
            self._check_folder(known, scan)
        done = await self._done(known, scan, total, elsewhere, whole=part is None)
        if scan.plain and place == await finished_in_thread(place_of, self._spec.folder):
            self.plain_place = place
        return replace(done, seconds=self._clock.monotonic() - started)

    async def _done(
        self,
        known: IndexState,
        scan: Scan,
        total: int,
        elsewhere: tuple[BadFile, ...],
        *,
        whole: bool,
    ) -> ReindexReport:
        """Make the catalogue say what was scanned; ``elsewhere`` are failures that stay."""
        name, identity, before = self._spec.name, self._embedder.identity, total
        run = await finished_in_thread(
            self._catalogue.begin_run, name, identity.fingerprint, full=self._full
        )
        chat = UploadPass(self._parts.overlays, name, scan.folder)
        self._whole = len(scan.pictures)
        since = run if self._full else 0
        vectors = RunVectors(self._catalogue, identity.fingerprint, name, since=since)
        anew = (
            whole and not self._full and await finished_in_thread(vectors.look_again, known, scan)
        )
        worker = await self._worker(run, known, scan, chat, vectors, whole=whole)
        # Where only some paths have changed, uploads have not.
        added = chat.waiting(worker, await finished_in_thread(chat.fresh)) if whole else []
        await self._work(worker, [*scan.pictures, *added])
        # An upload may have been forgotten meanwhile, with a vector that was counted on.
        if await vectors.lost(worker, known, [*scan.pictures, *added]):
            await self._work(worker, [*scan.pictures, *added])

        grown = self._growing.added if self._growing is not None else 0
        if grown:
            known = await finished_in_thread(self._catalogue.known, name)
            total = len(known.pictures)
        self._tell(Progress(stage="commit", done=0, total=len(scan.pictures)))
        bad_uploads = await finished_in_thread(chat.failures, worker, added)
        present, failures = outcome(scan, worker, [*bad_uploads, *elsewhere])
        difference = plan(known.pictures, present, scan.unreadable)
        self._check_encoder(worker, difference.removed)
        # Renames are known only now; what was encoded is kept for the confirmed run.
        gone = self._gone(known, difference.removed)
        self._guard.check(self._spec.folder, name, removed=gone, known=total)
        paths = frozenset(picture.path for picture in scan.pictures)
        changes = Changes(
            added=difference.added,
            changed=difference.changed,
            removed=difference.removed,
            failures=failures,
            paths=paths,
            mended=bool(self._suspects) or anew,
            vanished=frozenset(known.stamps.keys() - paths),
            # The vectors of another folder's pictures stay until the next run: whoever
            # mistook the folder goes back to it at no cost.
            sweeping=whole and not self._elsewhere,
        )
        generation = await finished_in_thread(
            self._catalogue.apply, run, name, identity, changes, name_of(self._spec.folder)
        )
        await self._publish(known, changes, generation, whole=whole)
        late = whole and await self._latecomers(worker, chat)
        if added or late:
            await finished_in_thread(chat.announce)
        self._tell(Progress("commit", len(scan.pictures), len(scan.pictures)))
        return ReindexReport(
            collection=name,
            added=grown + len(difference.added),
            changed=len(difference.changed),
            removed=self._left_behind + len(difference.removed),
            unchanged=max(0, before - len(difference.changed) - len(difference.removed)),
            failed=tuple(bad.failure for bad in failures),
            seconds=0.0,
            left_out=scan.left_out,
        )

    async def _publish(
        self, known: IndexState, changes: Changes, generation: int, *, whole: bool
    ) -> None:
        name = self._spec.name
        if whole or changes.searchable:
            if not await finished_in_thread(self._store.is_current, name, generation):
                # A full run replaces vectors of pictures that are not among the changes.
                same = known.identity == self._embedder.identity and not self._full
                await finished_in_thread(self._store.commit, name, changes if same else None)
            await finished_in_thread(self._store.merge, name)

    async def _begin_folder(self, known: IndexState, scan: Scan) -> IndexState:
        """Where it is the first look at this folder: write that down; what is known of it."""
        name, folder = self._spec.name, name_of(self._spec.folder)
        made = await finished_in_thread(self._catalogue.made_of, name)
        if made is None:
            self._elsewhere = _nothing_of(known, scan)
        elif made.folder != folder:
            self._elsewhere = not await finished_in_thread(is_moved, known.pictures, scan.folder)
        never = not await finished_in_thread(self._catalogue.generation, name)
        self._first = self._elsewhere or never or (made is not None and made.expected is not None)
        if not self._first:
            return known
        if self._elsewhere and not scan.pictures:
            raise SourceError(
                f"The folder {folder} holds no pictures. Nothing was changed.",
                remedy="Put pictures there, or name another folder.",
            )
        gone = tuple(old.id for old in known.pictures) if self._elsewhere else ()
        expected = MadeOf(folder, len(scan.pictures))
        await finished_in_thread(self._catalogue.begin_folder, name, expected, gone)
        if not gone:
            return known
        self._left_behind = len(gone)
        await finished_in_thread(self._store.commit, name)
        return await finished_in_thread(self._catalogue.known, name)

    def _part(self) -> ScanPart | None:
        """What the named paths hold; None where all of the folder has to be looked at."""
        place, folder = self.plain_place, self._spec.folder
        self.plain_place = None
        if self._named is None or self._full or self._suspects:
            return None
        if place is None or place != place_of(folder):
            return None
        part = scan_part(self._catalogue, self._spec, self._named)
        # Another folder may have taken its place meanwhile, as when a disk goes.
        return part if place == place_of(folder) else None

    async def _work(self, worker: FileWorker, pictures: Sequence[SourcePicture]) -> None:
        for _ in range(_ROUNDS):
            todo = [picture for picture in pictures if worker.needs_work(picture)]
            if not todo:
                break
            await worker.work(todo if self._growing is None else self._growing.in_turn(todo))

    def _told(self, done: int, total: int) -> None:
        # Of a first run, all of the folder is told, also where a killed one has done a part.
        ready = max(0, self._whole - total) if self._first else 0
        self._tell(Progress("encode", ready + done, ready + total))

    async def _latecomers(self, worker: FileWorker, chat: UploadPass) -> bool:
        """Encode what was added meanwhile by a process with the model before; whether any was.

        From now on such a process is refused.
        """
        fresh = await finished_in_thread(chat.fresh)
        if not fresh:
            return False
        model = self._embedder.identity.fingerprint
        encoded, texts = await RunVectors(self._catalogue, model, self._spec.name, since=0).all()
        worker.encoded |= encoded
        worker.texts |= texts
        late = chat.waiting(worker, fresh)
        await self._work(worker, late)
        return bool(late)

    async def _scan(self) -> Scan:
        loop = asyncio.get_running_loop()

        def found(count: int) -> None:
            if count % _TOLD_EACH == 0:
                loop.call_soon_threadsafe(self._tell, Progress("scan", count, 0))

        self._tell(Progress(stage="scan", done=0, total=0))
        scan = await finished_in_thread(scan_folder, self._spec.folder, found, self._spec.rules)
        self._tell(Progress(stage="scan", done=len(scan.pictures), total=0))
        return scan

    async def _worker(
        self,
        run: int,
        known: IndexState,
        scan: Scan,
        chat: UploadPass,
        vectors: RunVectors,
        *,
        whole: bool,
    ) -> FileWorker:
        encoded, texts = await (vectors.all() if whole else vectors.at(known, scan))
        suspects = self._suspects
        writer = BatchWriter(
            self._catalogue,
            self._clock,
            run=run,
            collection=self._spec.name,
            fingerprint=self._embedder.identity.fingerprint,
        )
        if self._first and not (self._full and known.pictures):
            self._growing = Growing(
                self._catalogue,
                self._store,
                self._clock,
                writer,
                collection=self._spec.name,
                identity=self._embedder.identity,
                scan=scan,
                known=frozenset(old.path for old in known.pictures),
            )
        holds = self._parts.circumstances.holds
        bad = {} if self._full else {k: each for k, each in known.bad.items() if holds(each)}
        worker = FileWorker(
            embedder=self._embedder,
            decoder=self._parts.decoder,
            writer=writer,
            locate=chat.locate,
            encoded={key: size for key, size in encoded.items() if key not in suspects.pictures},
            texts=texts - suspects.texts,
            bad=bad,
            decoding=self._parts.decoding,
            in_flight=self._parts.in_flight,
            on_done=self._told,
            recall=None if whole else vectors.recall,
            after_file=self._growing.after_file if self._growing is not None else None,
            again={key: each for key, each in known.bad.items() if key not in bad},
            circumstances=self._parts.circumstances,
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

    def _check_model(self, known: IndexState) -> None:
        mine = self._embedder.identity
        if known.identity is None or self._full or known.identity.fingerprint == mine.fingerprint:
            return
        raise ModelMismatch.between(self._spec.name, known.identity.name, mine.name)

    def _check_folder(self, known: IndexState, scan: Scan) -> None:
        self._guard.check_scan(self._spec.folder, self._spec.name, known, scan, self._spec.rules)
        hidden = tuple(scan.unreadable)
        if self._full and hidden and any(old.path.startswith(hidden) for old in known.pictures):
            # Their old vectors would be of no use beside the new ones.
            raise SourceError(
                f"The folder {hidden[0]!r} cannot be read, and pictures in it are indexed. "
                "Nothing was changed.",
                remedy="Give this user the right to read it, then reindex again.",
            )

    def _gone(self, known: IndexState, removed: Sequence[str]) -> int:
        """How many of the removed pictures the rules do not leave out."""
        ids, rules = frozenset(removed), self._spec.rules
        return sum(old.id in ids and not rules.leaves_out_path(old.path) for old in known.pictures)

    def _check_encoder(self, worker: FileWorker, removed: tuple[str, ...]) -> None:
        broken = [each for each in worker.failed.values() if each.code == EncodingFailed.code]
        if broken and removed and worker.new == 0:
            raise EncodingFailed(
                "No picture could be encoded ({reason}). Nothing was changed.",
                remedy="Check the device and its memory, then reindex again.",
                reason=broken[0].reason,
            )


def _nothing_of(known: IndexState, scan: Scan) -> bool:
    """Whether a folder that nobody has noted the name of is plainly another one now.

    As after an update: catalogues of before say nothing about it.
    """
    here = {picture.path for picture in scan.pictures}
    return bool(here and known.pictures) and here.isdisjoint(old.path for old in known.pictures)
