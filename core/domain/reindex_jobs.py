"""Reindexing as work that goes on while the chat does, and can be asked how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from core.domain.ports import Reindexing
from core.domain.types import Progress, ReindexReport

REMEMBERED = 32
"""Jobs that are over and can still be asked how they ended."""


@dataclass(slots=True)
class Job:
    """One reindex: under way while ``task`` is not done."""

    id: str
    collection: str
    task: asyncio.Future[ReindexReport]
    progress: Progress = field(default=Progress("scan", 0, 0))

    @property
    def running(self) -> bool:
        return not self.task.done()


class ReindexJobs(Protocol):
    """Starts reindexes and remembers the latest ones; they outlive the message that starts them."""

    def running(self) -> Mapping[str, Progress]:
        """The progress of each collection that is being reindexed, by any caller."""

    async def start(
        self, collection: str, *, full: bool, paths: frozenset[str] | None = None
    ) -> Job:
        """Begin a reindex in the background. Ask :meth:`running` first.

        ``paths``: see :meth:`core.domain.ports.Reindexing.reindex`. Raises CatalogueError.
        """

    async def get(self, job_id: str) -> Job | None:
        """The job of this id, None where it is forgotten. Raises CatalogueError."""

    def of(self, collection: str) -> Job | None:
        """The job that reindexes this collection now, None where none of ours does."""

    def follow(self, job: Job) -> AsyncIterator[Progress]:
        """The job's progress whenever it changed, until it is done."""

    async def close(self) -> None:
        """End what this process does, and wait for it; a later reindex goes on from there."""


class OwnReindexJobs:
    """The ReindexJobs of a process that does them itself, one at a time for each collection."""

    def __init__(self, reindexing: Reindexing, *, poll_s: float = 0.25) -> None:
        self._reindexing = reindexing
        self._poll_s = poll_s
        self._jobs: dict[str, Job] = {}
        self._started = 0

    def running(self) -> Mapping[str, Progress]:
        own = {job.collection: job.progress for job in self._jobs.values() if job.running}
        return {**own, **self._reindexing.running()}

    async def start(
        self, collection: str, *, full: bool, paths: frozenset[str] | None = None
    ) -> Job:
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
        for old in list(self._jobs.values())[:-REMEMBERED]:
            if not old.running:
                del self._jobs[old.id]
        return job

    async def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def of(self, collection: str) -> Job | None:
        return next(
            (j for j in self._jobs.values() if j.collection == collection and j.running), None
        )

    def follow(self, job: Job) -> AsyncIterator[Progress]:
        return followed(job, self._poll_s)

    async def close(self) -> None:
        tasks = [job.task for job in self._jobs.values() if job.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def followed(job: Job, poll_s: float) -> AsyncIterator[Progress]:
    """See :meth:`ReindexJobs.follow`; looked at so often."""
    last: Progress | None = None
    while job.running:
        if job.progress != last:
            last = job.progress
            yield last
        await asyncio.wait({job.task}, timeout=poll_s)
