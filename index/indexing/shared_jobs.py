"""Reindexes that any node asks for and one process does: the jobs of a database on a server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Self

from core.domain.errors import ShuttingDown
from core.domain.ports import Reindexing
from core.domain.reindex_jobs import REMEMBERED, Job, followed
from core.domain.repeating import repeated
from core.domain.threads import finished_in_thread
from core.domain.types import Progress, ReindexReport
from index.catalogue.database import Database
from index.catalogue.job_rows import JobRow, JobTable
from index.indexing.outcomes import error_from_json, report_from_json


class SharedReindexJobs:
    """The ReindexJobs and the Reindexing port of nodes that share a database.

    Whatever this process asks for is queued; a :class:`~index.indexing.job_worker.JobWorker` does
    it, in this process or in another one. ``reindexing`` is what this process does without a
    job, as for an import. Use as an async context manager, within which it looks each ``poll_s``
    how far all jobs are.
    """

    def __init__(self, database: Database, reindexing: Reindexing, *, poll_s: float = 0.5) -> None:
        self._table = JobTable(database)
        self._reindexing = reindexing
        self._poll_s = poll_s
        self._jobs: dict[int, Job] = {}
        self._unfinished: Sequence[JobRow] = ()
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await finished_in_thread(self._table.make)
        await self._look()
        self._looking = asyncio.create_task(
            repeated(self._look, "jobs cannot be followed", self._poll_s)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def running(self) -> Mapping[str, Progress]:
        """See the port; also those that wait."""
        # Of two, the one that is under way is the older one.
        jobs = {row.collection: row.progress for row in reversed(self._unfinished)}
        return {**jobs, **self._reindexing.running()}

    async def start(
        self,
        collection: str,
        *,
        full: bool,
        paths: frozenset[str] | None = None,
        confirm_removals: bool = False,
    ) -> Job:
        """See the port. Where one waits already, it is that one, which does what both ask for."""
        put = self._table.put
        new = await finished_in_thread(
            put, collection, full=full, paths=paths, confirm_removals=confirm_removals
        )
        [row] = await finished_in_thread(self._table.of, [new])
        if all(row.id != each.id for each in self._unfinished):
            self._unfinished = [*self._unfinished, row]
        return self._job_of(row)

    async def get(self, job_id: str) -> Job | None:
        if not re.fullmatch(r"[0-9]{1,9}", job_id):
            return None
        known = self._jobs.get(int(job_id))
        if known is not None:
            return known
        found = await finished_in_thread(self._table.of, [int(job_id)])
        return self._job_of(found[0]) if found else None

    def of(self, collection: str) -> Job | None:
        rows = [row for row in self._unfinished if row.collection == collection]
        return self._job_of(rows[0]) if rows else None

    def follow(self, job: Job) -> AsyncIterator[Progress]:
        return followed(job, self._poll_s)

    async def reindex(
        self,
        collection: str,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        paths: frozenset[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        """See the port. A caller that is cancelled cancels the job, whoever is at it."""
        job = await self.start(
            collection, full=full, paths=paths, confirm_removals=confirm_removals
        )
        try:
            async for progress in self.follow(job):
                if on_progress is not None:
                    on_progress(progress)
            return await asyncio.shield(job.task)
        except asyncio.CancelledError:
            if job.running:
                await finished_in_thread(self._table.cancel, int(job.id))
            raise

    async def close(self) -> None:
        """Look no longer. The jobs go on: whoever does them is stopped by itself."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        for job in self._jobs.values():
            job.task.cancel()

    async def _look(self) -> None:
        followed_now = [number for number, job in self._jobs.items() if job.running]
        rows = await finished_in_thread(self._table.unfinished)
        left = set(followed_now) - {row.id for row in rows}
        over = await finished_in_thread(self._table.of, left) if left else ()
        self._unfinished = rows
        for row in (*rows, *over):
            if row.id in self._jobs:
                _update(self._jobs[row.id], row)
        for lost in left - {row.id for row in over}:
            self._jobs[lost].task.set_exception(_stopped())
        for number in list(self._jobs)[:-REMEMBERED]:
            if not self._jobs[number].running:
                del self._jobs[number]

    def _job_of(self, row: JobRow) -> Job:
        job = self._jobs.get(row.id)
        if job is None:
            task = asyncio.get_running_loop().create_future()
            # As in the other implementation: somebody may never ask how it ended.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            job = self._jobs[row.id] = Job(str(row.id), row.collection, task, row.progress)
            _update(job, row)
        return job


def _stopped() -> ShuttingDown:
    return ShuttingDown("The reindex was stopped.", remedy="Start it again later.")


def _update(job: Job, row: JobRow) -> None:
    job.progress = row.progress
    if not job.running:
        return
    if row.state == "cancelled":
        # No cancellation, which would end whoever waits for it, too.
        job.task.set_exception(_stopped())
    elif row.state == "done" and row.outcome is not None:
        job.task.set_result(report_from_json(row.outcome))
    elif row.state == "failed" and row.outcome is not None:
        job.task.set_exception(error_from_json(row.outcome))
