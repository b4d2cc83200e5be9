"""What every implementation of the ReindexJobs port does, in one process or for all nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from core.domain.errors import NotFound, SourceError
from core.domain.reindex_jobs import OwnReindexJobs, ReindexJobs
from index.indexing.job_worker import JobWorker, Paces
from index.indexing.shared_jobs import SharedReindexJobs
from tests.galleries import Gallery, until

QUICK = Paces(look_s=0.01, tell_s=0.01, silence_s=0.3, again_s=0.05)


@asynccontextmanager
async def _jobs(gallery: Gallery, database: str) -> AsyncIterator[ReindexJobs]:
    if database == "sqlite":
        own = OwnReindexJobs(gallery.reindexer, poll_s=0.01)
        yield own
        await own.close()
        return
    shared = gallery.catalogue.database
    worker = JobWorker(shared, gallery.reindexer, name="this one", paces=QUICK)
    async with AsyncExitStack() as stack:
        jobs = SharedReindexJobs(shared, gallery.reindexer, poll_s=0.01)
        await stack.enter_async_context(jobs)
        task = asyncio.create_task(worker.run())
        try:
            yield jobs
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.fixture
async def jobs(database: str, tmp_path: Path) -> AsyncIterator[tuple[Gallery, ReindexJobs]]:
    """Two pictures in a folder, and jobs that index them."""
    gallery = Gallery(tmp_path)
    gallery.add("red.png", "red", 1)
    gallery.add("sub/blue.png", "blue", 2)
    async with _jobs(gallery, database) as made:
        yield gallery, made
    gallery.close()


async def test_a_job_ends_with_its_report(jobs: tuple[Gallery, ReindexJobs]) -> None:
    """It is known by its id and its collection while it runs, and by its id afterwards."""
    gallery, made = jobs
    gallery.write("broken.png", b"\x89PNG\r\n\x1a\nnothing")
    gallery.write("notes.doc", "words")
    job = await made.start(gallery.name, full=False)
    assert job.running
    assert gallery.name in made.running()
    found = made.of(gallery.name)
    assert found is not None
    assert found.id == job.id
    seen = [progress.stage async for progress in made.follow(job)]
    report = await job.task
    assert (report.added, [each.path for each in report.failed]) == (2, ["broken.png"])
    assert report.left_out.unopened == ((".doc", 1),)
    assert seen[0] in {"wait", "scan"}
    again = await made.get(job.id)
    assert again is not None
    assert again.task.result() == report
    await until(lambda: not made.running())
    assert made.of(gallery.name) is None


async def test_what_went_wrong_is_raised_where_it_was_asked(
    jobs: tuple[Gallery, ReindexJobs],
) -> None:
    """The same class, cause, remedy and facts, whoever did it."""
    gallery, made = jobs
    gallery.pictures.rename(gallery.pictures.with_name("elsewhere"))
    job = await made.start(gallery.name, full=False)
    with pytest.raises(SourceError) as told:
        await job.task
    with pytest.raises(SourceError) as itself:
        await gallery.reindex()
    assert told.value.sentences == itself.value.sentences
    assert told.value.facts == itself.value.facts
    other = await made.start("none", full=False)
    with pytest.raises(NotFound, match="There is no collection “none”"):
        await other.task


async def test_only_some_paths_are_looked_at(jobs: tuple[Gallery, ReindexJobs]) -> None:
    """What has changed elsewhere waits for a look at the whole folder."""
    gallery, made = jobs
    await (await made.start(gallery.name, full=False)).task
    gallery.add("sub/green.png", "green", 3)
    gallery.add("yellow.png", "yellow", 4)
    job = await made.start(gallery.name, full=False, paths=frozenset({"yellow.png"}))
    assert (await job.task).added == 1
    assert "yellow.png" in gallery.shown()
    whole = await made.start(gallery.name, full=True)
    assert (await whole.task).added == 1


@pytest.mark.parametrize("unknown", ["1000000", "", "x", "-1", "9" * 40, "٣"])
async def test_an_id_that_no_job_has(jobs: tuple[Gallery, ReindexJobs], unknown: str) -> None:
    """Nothing is found, whatever it looks like."""
    assert await jobs[1].get(unknown) is None
