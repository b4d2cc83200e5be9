"""Background work: first indexes, watched folders, scheduled tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from bot.chat.failures import new_incident, places_of
from bot.chat.supervision import PAUSES, Pauses
from bot.engine.engine import Engine
from bot.engine.specs import collection_specs, name_rules
from bot.observability.health import IndexWatch, told_to_strangers
from bot.terminal.console import Terminal
from core.domain.errors import BeingEncodedAnew, TangerineError
from core.domain.ports import Contributions
from core.domain.reindex_jobs import ReindexJobs
from core.domain.repeating import repeated
from core.domain.threads import finished_in_thread
from index.catalogue.catalogue import Catalogue
from index.catalogue.file_types import ChangeFilter
from index.indexing.patience import PASSES_LATER
from index.indexing.watch import FolderWatch, WatchOptions
from index.library.library import LOCAL, CollectionSpec, FolderLibrary
from index.library.looks import StoredLooks
from index.library.overlay import Overlays
from index.library.thumbnail_store import ThumbnailStore
from index.snapshots.overlaid import IdentifiedSnapshot

if TYPE_CHECKING:
    from index.snapshots.engine_copies import EngineCopies

_log = structlog.get_logger("bot.background")

# A removed upload is deleted this long after it cannot be restored any more, at the latest.
_SWEEP_EVERY_S = 60.0

# Reindexes and uploads keep the looks of what they decode: the others are imports, and pictures
# that an older version has indexed.
_LOOKS_EVERY_S = 600.0

# Pictures that were added are searched at once; their words follow this much later, at most.
_WORDS_EVERY_S = 10.0

# When is due what the machine's load may have caused (index.patience).
_RETRY_EVERY_S = 1800.0

# What is indexed is copied at once; this is for when the engine was away.
_COPIED_EVERY_S = 5.0

# What another process changes of a community's settings, or of who may search what, holds here
# this much later, at most.
_FRESH_EVERY_S = 1.0


Work = Callable[[], Coroutine[Any, Any, None]]


async def in_background(stack: AsyncExitStack, work: Work, pauses: Pauses = PAUSES) -> None:
    """Do this beside everything else, until the stack is closed or it is done.

    Where it ends in an error, that is logged with an id, and it is begun again after a pause.
    """
    task = asyncio.create_task(_until_done(work, pauses))

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})

    stack.push_async_callback(end)


async def _until_done(work: Work, pauses: Pauses) -> None:
    failures = 0
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - one defect must not end it for good
            failures += 1
            # Its words may quote what people wrote; the places say what a report needs.
            _log.error(
                "background work failed",
                incident=new_incident(),
                work=getattr(getattr(work, "func", work), "__qualname__", ""),
                error=type(error).__name__,
                traceback=places_of(error),
            )
        else:
            return
        await asyncio.sleep(pauses.after(failures))


async def keep_sweeping(contributions: Contributions, every_s: float = _SWEEP_EVERY_S) -> None:
    """Delete what is due, at once and from then on, until cancelled; errors are logged."""
    await repeated(contributions.sweep, "not swept", every_s)


async def keep_thumbnails(
    looks: StoredLooks, thumbnails: ThumbnailStore, every_s: float = _LOOKS_EVERY_S
) -> None:
    """Forget thumbnails of what is gone, at once and from then on, until cancelled."""

    async def drop() -> None:
        contents = await asyncio.to_thread(thumbnails.contents)
        if gone := await finished_in_thread(looks.unknown, contents):
            await finished_in_thread(thumbnails.drop, gone)

    await repeated(drop, "thumbnails not dropped", every_s)


async def keep_files(overlays: Overlays, every_s: float = _LOOKS_EVERY_S) -> None:
    """Forget copies of files in a bucket that were deleted elsewhere, until cancelled."""

    async def drop() -> None:
        await finished_in_thread(overlays.forget_copies)

    if overlays.files.is_remote:
        await repeated(drop, "copies not dropped", every_s)


async def keep_looks(looks: StoredLooks, every_s: float = _LOOKS_EVERY_S) -> None:
    """Make placeholders and dates that are missing, at once and from then on, until cancelled."""

    async def fill() -> None:
        if made := await looks.fill():
            _log.info("looks made", pictures=made)

    await repeated(fill, "looks not made", every_s)


async def keep_reading(engine: Engine, jobs: ReindexJobs, every_s: float = _WORDS_EVERY_S) -> None:
    """Read words in pictures that nobody has read, while nothing is indexed, until cancelled."""
    reading = engine.word_reading
    if reading is None:
        return

    seen: Sequence[tuple[int, int]] | None = None

    async def read() -> None:
        nonlocal seen
        state = await finished_in_thread(reading.state)
        if state == seen and not reading.due():
            return
        left = False

        def may_go_on() -> bool:
            nonlocal left
            left = left or bool(jobs.running())
            return not left

        await reading.fill(engine.metrics.words_read, may_go_on=may_go_on)
        # Where a reindex came between, pictures were left for later.
        seen = None if left else state
        for name in reading.collections:
            come = await finished_in_thread(engine.words.progress, name)
            if come is not None:
                engine.metrics.words(name, read=come.read, total=come.total)

    await repeated(read, "words not read", every_s)


async def keep_copied(copies: EngineCopies, every_s: float = _COPIED_EVERY_S) -> None:
    """Bring copies of vectors in an engine up to date where it was away, until cancelled."""

    async def copy() -> None:
        for name in copies.collections:
            if await finished_in_thread(copies.behind, name):
                await finished_in_thread(copies.catch_up, name)

    await repeated(copy, "vectors not copied", every_s)


class Shared(Protocol):
    async def catch_up(self) -> bool:
        """Read it again where it has changed; whether it had. Raises TangerineError."""


async def keep_fresh(shared: Shared, every_s: float = _FRESH_EVERY_S) -> None:
    """See what other processes change of communities' settings or grants, until cancelled."""
    await repeated(shared.catch_up, "not read again", every_s, of=type(shared).__name__)


def watches(engine: Engine, jobs: ReindexJobs) -> Sequence[Work]:
    watch = engine.settings.watch
    if watch.mode == "off":
        return ()
    options = WatchOptions(
        polling=watch.mode == "poll",
        settle_s=watch.settle_s,
        pause_s=watch.pause_s,
        poll_s=watch.poll_s,
    )
    folders = {spec.name: spec.folder for spec in collection_specs(engine.settings)}
    changes = ChangeFilter(name_rules(engine.settings))
    follower = FolderWatch(jobs, folders, options, counts=changes.counts)
    return follower.run, partial(keep_retrying, engine.catalogue, jobs, tuple(folders))


async def keep_retrying(
    catalogue: Catalogue,
    jobs: ReindexJobs,
    collections: Sequence[str],
    every_s: float = _RETRY_EVERY_S,
) -> None:
    """Try what the machine's load may have failed again, until cancelled; a reindex says which."""
    while True:
        await asyncio.sleep(every_s)
        for name in collections:
            try:
                failed = await finished_in_thread(catalogue.failures, name)
                paths = frozenset(each.path for each in failed if each.code in PASSES_LATER)
                if paths and name not in jobs.running():
                    job = await jobs.start(name, full=False, paths=paths)
                    await asyncio.shield(job.task)
            except TangerineError as error:
                _log.warning("pictures were not tried again", collection=name, code=error.code)


async def opened_index(
    library: FolderLibrary, spec: CollectionSpec, copies: EngineCopies | None = None
) -> IdentifiedSnapshot | None:
    """The index that answers questions, if only by letters. Raises what ``view`` raises.

    And VectorsUnreachable where the engine that has its vectors gives no answer.
    """
    if copies is not None and copies.covers(spec.name):
        await asyncio.to_thread(copies.engine.version)
    try:
        return await library.view(spec, LOCAL)
    except BeingEncodedAnew:
        return await library.open(spec.name, LOCAL, of_any_model=True)


async def index_all(
    engine: Engine, jobs: ReindexJobs, terminal: Terminal, indexes: IndexWatch
) -> None:
    """Bring every collection up to date, one after the other; ``indexes`` is told how it went."""
    soon = engine.awaited.mine = {each.name for each in engine.settings.all_collections}
    # Opened first: beside a scan each would take as long as both, and nobody is answered before.
    await asyncio.gather(*(indexes.look(each.name) for each in engine.settings.all_collections))
    for collection in engine.settings.all_collections:
        anew = engine.settings.encodes_anew and await finished_in_thread(
            engine.catalogue.is_of_another_model, collection.name, engine.embedder.identity
        )
        if anew:
            terminal.note(
                f"{collection.name}: the model has changed, and all pictures are encoded anew. "
                "Until that is done, captions and words in pictures are searched letter by letter."
            )
        job = await jobs.start(collection.name, full=anew)
        with terminal.progress() as lines:
            async for progress in jobs.follow(job):
                lines.update(collection.name, progress)
        soon.discard(collection.name)
        try:
            report = await asyncio.shield(job.task)
        except TangerineError as error:
            # The others, and what was indexed before, can be searched all the same.
            indexes.failed(collection.name, f"{collection.name}: {told_to_strangers(error)}")
            await indexes.look(collection.name)
            terminal.error(f"{collection.name}: {error.message}", error.remedy)
            continue
        except Exception:  # noqa: BLE001 - one collection's defect must not stop the next
            _log.exception("reindex failed", collection=collection.name)
            reason = f"{collection.name}: the reindex failed; the log says where."
            indexes.failed(collection.name, reason)
            await indexes.look(collection.name)
            terminal.error(reason)
            continue
        await indexes.look(collection.name)
        terminal.report(report)
        for status in await engine.library.status(LOCAL):
            engine.metrics.collection(status.name, status.pictures)
    if any(indexes.searchable(each.name) for each in engine.settings.all_collections):
        terminal.note("Ready: type /find and what you look for.")
