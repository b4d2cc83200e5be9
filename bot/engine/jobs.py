"""Where reindexes are done: by this process, or by one of those that share a database."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from config.settings import Settings
from core.domain.ports import Reindexing
from core.domain.reindex_jobs import OwnReindexJobs
from index.catalogue.catalogue import Catalogue
from index.indexing.job_worker import JobWorker
from index.indexing.reindexer import Reindexer
from index.indexing.shared_jobs import SharedReindexJobs

AnyJobs = OwnReindexJobs | SharedReindexJobs


async def opened_jobs(
    settings: Settings, catalogue: Catalogue, reindexer: Reindexer, stack: AsyncExitStack
) -> tuple[AnyJobs, Reindexing]:
    """The jobs of this process or of all nodes, and what does one and waits for its end.

    Raises CatalogueError.
    """
    if settings.database_url is None:
        own = OwnReindexJobs(reindexer)
        stack.push_async_callback(own.close)
        return own, reindexer
    shared = SharedReindexJobs(catalogue.database, reindexer)
    await stack.enter_async_context(shared)
    return shared, shared


def takes_jobs(settings: Settings) -> bool:
    """Whether bots and commands do what is queued, or leave it to workers."""
    return settings.database_url is not None and settings.jobs.done_by == "nodes"


def worker_of(
    catalogue: Catalogue, reindexer: Reindexer, *, only: Collection[str] | None = None
) -> JobWorker:
    """What takes jobs in this process; ``only`` of these collections."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    return JobWorker(catalogue.database, reindexer, name=name, only=only)


@asynccontextmanager
async def doing_jobs(worker: JobWorker | None) -> AsyncIterator[None]:
    """Take jobs meanwhile; None: another process does."""
    task = None if worker is None else asyncio.create_task(worker.run())
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
