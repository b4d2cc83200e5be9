"""Reindexes as chats see them: started, followed, told how they ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.jobs import Job, ReindexJobs
from bot.parsing import Invocation
from bot.presenter import Presenter
from bot.replies import Reply
from bot.requests import Request
from core.errors import NotFound, ReindexRunning
from core.ports import Library
from core.types import Progress


class Indexing:
    """Jobs of the collections that a community may search; those of others do not exist."""

    def __init__(self, jobs: ReindexJobs, library: Library) -> None:
        self._jobs = jobs
        self._library = library

    def start(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """Begin a reindex, or say how far the one under way has come. Raises NotFound."""
        visible = self._library.visible(request.community)
        collection = invocation.text("collection") or next(iter(visible), "")
        if collection not in visible:
            raise NotFound("There is no such collection here.", remedy="See /status for names.")
        under_way = self._jobs.running().get(collection)
        if under_way is not None:
            own = self._jobs.of(collection)
            return presenter.already_running(collection, under_way, job=own.id if own else None)
        job = self._jobs.start(collection, full=invocation.flag("full"))
        return presenter.progress(collection, job.progress, job=job.id)

    async def follow(
        self, job_id: str, request: Request, presenter: Presenter
    ) -> AsyncIterator[Reply]:
        """How far a job is, whenever that has changed, until it is done."""
        job = self._job(job_id, request)
        if job is not None:
            async for progress in self._jobs.follow(job):
                yield presenter.progress(job.collection, progress, job=job_id)

    def progress(self, job_id: str, request: Request, presenter: Presenter) -> Reply:
        """How far a job is now, or how it ended. Raises what it raised, and NotFound."""
        job = self._job(job_id, request)
        if job is None:
            raise NotFound("That job is over.", remedy="See /status for the result.")
        if job.running:
            return presenter.progress(job.collection, job.progress, job=job_id)
        if job.task.cancelled():
            raise ReindexRunning("The reindex was stopped.", remedy="Start it again later.")
        return presenter.indexed(job.task.result())

    def running(self, request: Request) -> dict[str, Progress]:
        """The reindexes under way."""
        visible = set(self._library.visible(request.community))
        return {name: p for name, p in self._jobs.running().items() if name in visible}

    def _job(self, job_id: str, request: Request) -> Job | None:
        job = self._jobs.get(job_id)
        visible = self._library.visible(request.community)
        return job if job is not None and job.collection in visible else None
