"""Reindexes as chats see them: started, followed, told how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.chat.parser import Invocation
from bot.chat.presenters.search import Presenter
from bot.protocol.replies import Reply
from bot.protocol.requests import Request
from core.domain.errors import NotFound, OperatorOnly, ReindexRunning, TooManyRequests
from core.domain.ports import Library
from core.domain.rate_limits import Asked, Bucket, RequestCounts
from core.domain.reindex_jobs import Job, ReindexJobs
from core.domain.types import Progress
from core.search.ports import PictureWords


class Indexing:
    """Jobs of the collections that a community may search; those of others do not exist.

    Where a collection is open to everybody, they are for the operator and for those who share
    it. ``cooldown_s``: between two that chats ask for, as ``counts`` know; ``words`` tell how many
    pictures wait to be read.
    """

    def __init__(
        self,
        jobs: ReindexJobs,
        library: Library,
        *,
        counts: RequestCounts,
        words: PictureWords | None = None,
        cooldown_s: float = 0.0,
    ) -> None:
        self._jobs = jobs
        self._library = library
        self._words = words
        self._cooldown_s = cooldown_s
        self._counts = counts
        self._begun: dict[str, tuple[Job, asyncio.Task[None]]] = {}

    async def start(self, invocation: Invocation, request: Request, presenter: Presenter) -> Reply:
        """Begin a reindex, or say how far the one under way has come.

        Raises NotFound, OperatorOnly, TooManyRequests, CatalogueError.
        """
        visible = self._library.visible(request.community)
        collection = invocation.text("collection") or next(iter(visible), "")
        if collection not in visible:
            raise NotFound("There is no such collection here.", remedy="See /status for names.")
        if not self._administers(collection, request):
            raise OperatorOnly(
                "This collection is open to everybody; only the operator reindexes it.",
                remedy="What you add here is found at once.",
            )
        under_way = self._jobs.running().get(collection)
        if under_way is not None:
            own = self._jobs.of(collection)
            return presenter.already_running(collection, under_way, job=own.id if own else None)
        full = invocation.flag("full")
        if request.operates:
            job = await self._jobs.start(collection, full=full)
        else:
            job = await self._in_turn(collection, full=full)
        return presenter.progress(collection, job.progress, job=job.id)

    async def follow(
        self, job_id: str, request: Request, presenter: Presenter
    ) -> AsyncIterator[Reply]:
        """How far a job is, whenever that has changed, until it is done."""
        job = await self._job(job_id, request)
        if job is not None:
            async for progress in self._jobs.follow(job):
                yield presenter.progress(job.collection, progress, job=job_id)

    async def progress(self, job_id: str, request: Request, presenter: Presenter) -> Reply:
        """How far a job is now, or how it ended. Raises what it raised, and NotFound."""
        job = await self._job(job_id, request)
        if job is None:
            raise NotFound("That job is over.", remedy="See /status for the result.")
        if job.running:
            return presenter.progress(job.collection, job.progress, job=job_id)
        if job.task.cancelled():
            raise ReindexRunning("The reindex was stopped.", remedy="Start it again later.")
        words = None
        if self._words is not None:
            words = await asyncio.to_thread(self._words.progress, job.collection)
        return presenter.indexed(job.task.result(), words)

    def running(self, request: Request) -> dict[str, Progress]:
        visible = set(self._library.visible(request.community))
        return {name: p for name, p in self._jobs.running().items() if name in visible}

    async def _job(self, job_id: str, request: Request) -> Job | None:
        job = await self._jobs.get(job_id)
        if job is None or job.collection not in self._library.visible(request.community):
            return None
        return job if self._administers(job.collection, request) else None

    def _administers(self, collection: str, request: Request) -> bool:
        return request.operates or self._library.shares(collection, request.community)

    async def _in_turn(self, collection: str, *, full: bool) -> Job:
        """Begin a reindex. Raises TooManyRequests too soon after the last one.

        One that does not begin, or fails, counts for nothing: whoever has mended the cause tries
        again at once.
        """
        pause = ("reindex", collection)
        before = self._begun.get(collection)
        if before is not None and not before[0].running:
            await before[1]
        waits = await self._counts.count(Asked(pause, self._cooldown_s))
        if not waits.none:
            raise TooManyRequests(
                "“{collection}” was indexed a moment ago.",
                retry_after=waits.pause_s,
                collection=collection,
            )
        try:
            job = await self._jobs.start(collection, full=full)
        except BaseException:
            await self._counts.lift(pause)
            raise
        watching = asyncio.create_task(self._lift_if_it_fails(pause, job))
        self._begun[collection] = job, watching
        return job

    async def _lift_if_it_fails(self, pause: Bucket, job: Job) -> None:
        await asyncio.wait({job.task})
        if job.task.cancelled() or job.task.exception():
            await self._counts.lift(pause)
