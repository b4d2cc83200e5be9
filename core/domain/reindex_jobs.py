"""Reindexing as work that goes on while the chat does, and can be asked how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from core.domain.ports import Reindexing
from core.domain.types import Progress, ReindexReport

_REMEMBERED = 32


@dataclass(slots=True)
class Job:
    """One reindex: under way while ``task`` is not done."""

    id: str
    collection: str
    task: asyncio.Task[ReindexReport]
    progress: Progress = field(default=Progress("scan", 0, 0))

    @property
    def running(self) -> bool:
        return not self.task.done()


class ReindexJobs:
    """Starts reindexes, one at a time for each collection, and remembers the latest ones.

    A job outlives the message that started it; :meth:`close` ends those that still run.
    """

    def __init__(self, reindexing: Reindexing, *, poll_s: float = 0.25) -> None:
        self._reindexing = reindexing
        self._poll_s = poll_s
        self._jobs: dict[str, Job] = {}
        self._started = 0

    def running(self) -> dict[str, Progress]:
        """The progress of each collection that is being reindexed, by any caller."""
        own = {job.collection: job.progress for job in self._jobs.values() if job.running}
        return {**own, **self._reindexing.running()}

    def start(self, collection: str, *, full: bool, paths: frozenset[str] | None = None) -> Job:
        """Begin a reindex in the background. Ask :meth:`running` first.

        ``paths``: see :meth:`core.domain.ports.Reindexing.reindex`.
        """
        self._started += 1

        async def work() -> ReindexReport:
            return await self._reindexing.reindex(
                collection, full=full, paths=paths, on_progress=note
            )

        def note(progress: Progress) -> None:
            job.progress = progress

        job = Job(str(self._started), collection, asyncio.create_task(work()))
        # Somebody may never ask how it ended; the failure is then not "never retrieved".
        job.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._jobs[job.id] = job
        for old in list(self._jobs.values())[:-_REMEMBERED]:
            if not old.running:
                del self._jobs[old.id]
        return job

    def get(self, job_id: str) -> Job | None:
        """The job of this id, None where it is forgotten."""
        return self._jobs.get(job_id)

    def of(self, collection: str) -> Job | None:
        """The job that reindexes this collection now, None where none of ours does."""
        return next(
            (j for j in self._jobs.values() if j.collection == collection and j.running), None
        )

    async def follow(self, job: Job) -> AsyncIterator[Progress]:
        """The job's progress whenever it changed, until it is done."""
        last: Progress | None = None
        while job.running:
            if job.progress != last:
                last = job.progress
                yield last
            await asyncio.wait({job.task}, timeout=self._poll_s)

    async def close(self) -> None:
        """Cancel what still runs and wait for its end; a later reindex goes on from there."""
        tasks = [job.task for job in self._jobs.values() if job.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
