"""Collections that follow their folders while the bot runs."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from watchfiles import Change, watch

from core.domain.errors import ReindexRunning, TangerineError
from core.domain.reindex_jobs import ReindexJobs
from index.indexing.partial import Place, place_of

_log = structlog.get_logger("bot.watching")

_MOST_NAMED = 1000
"""So many paths at once are looked for in the whole folder: that is as quick, and where the
system tells of more than it can keep (inotify(7): 16,384), it drops some without a word."""

_LATEST = 30
"""A folder that never comes to rest is reindexed after this many times the quiet period."""

_NO_MORE_WATCHES = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOSYS})


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How folders are watched; all times in seconds.

    ``polling``: look every ``poll_s`` instead of being told by the system, which on network
    folders knows nothing of the changes of others. ``settle_s``: how long a folder must rest
    before it is indexed. ``pause_s``: the least time between the end of one reindex that a
    change has caused and the next. ``check_s``: how often it is asked whether the folder is
    still the one that is watched; a mount that comes or goes tells nobody.
    """

    polling: bool = False
    settle_s: float = 1.0
    pause_s: float = 10.0
    poll_s: float = 60.0
    check_s: float = 5.0


Watching = Callable[..., Iterator[set[tuple[Change, str]]]]
"""What tells of changes: :func:`watchfiles.watch`, with its arguments."""

Counts = Callable[[Path, str, bool], bool]
"""``counts(root, path, gone)``: whether a change below a folder is worth a look. Blocking."""


class _PendingChanges:
    def __init__(self) -> None:
        self.there = asyncio.Event()
        self._names: frozenset[str] | None = frozenset()

    def add(self, names: frozenset[str] | None) -> None:
        """Note paths below the folder, or None: anything may have changed."""
        if self._names is not None:
            self._names = None if names is None else self._names | names
        self.there.set()

    def add_from_thread(
        self, loop: asyncio.AbstractEventLoop, names: frozenset[str] | None
    ) -> None:
        """The same for a thread that is not the event loop's."""
        loop.call_soon_threadsafe(self.add, names)

    def take(self) -> frozenset[str] | None:
        """What was noted; from here on it is dealt with."""
        names, self._names = self._names, frozenset()
        self.there.clear()
        return names if names is None or len(names) <= _MOST_NAMED else None

    def doubt(self) -> None:
        """Something went wrong: with the next change, look at everything."""
        self._names = None


class FolderWatch:
    """Reindexes a collection once its folder has changed, one run at a time.

    It starts no reindex while another one is running, and asks for none
    in vain. Where the system names what has changed, that alone is looked at.
    ``counts`` tells where a reindex could find something else.
    """

    def __init__(
        self,
        jobs: ReindexJobs,
        folders: Mapping[str, Path],
        options: WatchOptions,
        *,
        counts: Counts,
        watching: Watching = watch,
    ) -> None:
        self._jobs = jobs
        self._folders = folders
        self._options = options
        self._counts = counts
        self._watching = watching

    async def run(self) -> None:
        """Watch until cancelled; a defect of one folder does not stop the others."""
        loop = asyncio.get_running_loop()
        stop = threading.Event()
        threads = []
        try:
            async with asyncio.TaskGroup() as group:
                for name, folder in self._folders.items():
                    pending = _PendingChanges()
                    tell = partial(pending.add_from_thread, loop)
                    watcher = _Watcher(
                        name,
                        folder.absolute(),
                        self._options,
                        counts=self._counts,
                        watching=self._watching,
                        stop=stop,
                        changed=tell,
                    )
                    # Threads of their own: these never end, and the shared ones are few.
                    thread = threading.Thread(target=watcher.run, name=f"watch {name}", daemon=True)
                    thread.start()
                    threads.append(thread)
                    group.create_task(self._follow(name, pending))
        finally:
            stop.set()
            for thread in threads:
                await asyncio.shield(asyncio.to_thread(thread.join))

    async def _follow(self, name: str, pending: _PendingChanges) -> None:
        while True:
            await pending.there.wait()
            under_way = self._jobs.of(name)
            if under_way is not None:
                await asyncio.wait({under_way.task})
                continue
            names = pending.take()
            try:
                if not await self._reindex(name, names):
                    pending.doubt()
            except ReindexRunning:
                pending.add(names)  # another process does it, maybe from before this change
            await asyncio.sleep(self._options.pause_s)

    async def _reindex(self, name: str, names: frozenset[str] | None) -> bool:
        """Whether the changes are indexed; another try would not mend an error.

        Raises ReindexRunning.
        """
        try:
            job = await self._jobs.start(name, full=False, paths=names)
            report = await asyncio.shield(job.task)
        except ReindexRunning:
            raise
        except TangerineError as error:
            _log.warning(
                "a changed folder was not indexed",
                collection=name,
                code=error.code,
                reason=error.message,
                remedy=error.remedy,
            )
        except Exception:  # noqa: BLE001 - one defect must not end the watch
            _log.exception("a changed folder was not indexed", collection=name)
        else:
            if report.added or report.changed or report.removed:
                _log.info(
                    "indexed a changed folder",
                    collection=name,
                    added=report.added,
                    changed=report.changed,
                    removed=report.removed,
                    failed=len(report.failed),
                )
            return True
        return False


@dataclass
class _Watcher:
    """Watches one folder in a thread of its own. Blocking.

    ``changed`` is told the paths below the folder, or None: anything may have changed.
    """

    name: str
    folder: Path
    options: WatchOptions
    counts: Counts
    watching: Watching
    stop: threading.Event
    changed: Callable[[frozenset[str] | None], object]

    def run(self) -> None:
        there = place_of(self.folder) is not None
        while not self.stop.is_set():
            place = place_of(self.folder)
            if (place is not None) is not there:
                # It came or went: what became of its pictures is for the reindex to say.
                there = place is not None
                self.changed(None)
            if place is None:
                self.stop.wait(self.options.check_s)
                continue
            try:
                self._watch(place)
            except Exception as error:  # noqa: BLE001 - the watch has to go on
                self._fall_back(error)

    def _watch(self, place: Place) -> None:
        """Tell of changes until the folder is another one, or it is stopped."""
        options = self.options
        root, fresh = self.folder.resolve(), True
        settle_ms = max(1, round(options.settle_s * 1000))
        for changes in self.watching(
            root,
            watch_filter=None,
            debounce=settle_ms * _LATEST,
            step=settle_ms,
            stop_event=self.stop,
            rust_timeout=max(1, round(options.check_s * 1000)),
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=options.polling,
            poll_delay_ms=round(options.poll_s * 1000),
            ignore_permission_denied=True,
        ):
            names = relevant(root, changes, self.counts)
            # What came between the last scan and this watch, nobody has told.
            if fresh or names:
                self.changed(None if fresh else names)
                fresh = False
            if place_of(self.folder) != place:
                self.changed(None)
                return

    def _fall_back(self, error: Exception) -> None:
        if isinstance(error, FileNotFoundError):
            return
        if not self.options.polling and getattr(error, "errno", None) in _NO_MORE_WATCHES:
            _log.warning(
                "the system watches no more folders; looking every now and then instead",
                collection=self.name,
                every_s=self.options.poll_s,
                remedy="Raise fs.inotify.max_user_watches, or set watch.mode = poll.",
            )
            self.options = replace(self.options, polling=True)
            return
        _log.warning("a folder is not watched", collection=self.name, reason=str(error))
        self.stop.wait(self.options.poll_s)


def relevant(root: Path, changes: Iterable[tuple[Change, str]], counts: Counts) -> frozenset[str]:
    """The changed paths below a folder, with ``/``, that count. Blocking."""
    found = set()
    for change, path in changes:
        # The folder itself is "" and not ".": no name.
        below = Path(path).relative_to(root).as_posix() if path != str(root) else ""
        if counts(root, below, change is Change.deleted):
            found.add(below)
    return frozenset(found)
