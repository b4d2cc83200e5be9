"""Workers that are killed and a server that is stopped: no job is lost, and none done twice."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.domain.reindex_jobs import Job
from index.catalogue.job_rows import JobRow, JobTable
from index.catalogue.schema import runs
from index.indexing.shared_jobs import SharedReindexJobs
from index.library.revisions import SharedRevisions
from tests.databases import on_a_server
from tests.galleries import Gallery
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.process

_ROOT = Path(__file__).parents[3]
_PICTURES = 40
_AWAY_S = 10.0
_TAKEN_OVER_S = 5.0
"""What is promised, from a kill or the server's return to another process at the job."""
_LONG = 60.0


class Worker:
    """A process that takes jobs, with a data folder of its own."""

    def __init__(self, home: Path, name: str, url: str) -> None:
        data = home / name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.worker_program", home, data, url],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
        )
        self.name = str(self._process.pid)

    async def ready(self) -> None:
        """Wait until it looks for jobs."""
        assert self._process.stdout is not None
        assert await asyncio.to_thread(self._process.stdout.readline) == b"ready\n"

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class Cluster:
    """The node that asks, in this process, the table of jobs, and two workers."""

    def __init__(self, home: Path, url: str) -> None:
        self._home, self._url = home, url
        on_a_server(home, url)
        self.gallery = Gallery(home, data=home / "node", shared=SharedRevisions)
        for number in range(_PICTURES):
            self.gallery.add(f"{number}.png", "red", number)
        database = self.gallery.catalogue.database
        self.table = JobTable(database)
        self.jobs = SharedReindexJobs(database, self.gallery.reindexer)
        self.workers: list[Worker] = []
        self._numbers = iter(range(1000))

    async def add_worker(self) -> None:
        """With an empty data folder, as on a new machine."""
        worker = Worker(self._home, f"worker{next(self._numbers)}", self._url)
        self.workers.append(worker)
        await worker.ready()

    def row(self, job: Job) -> JobRow:
        [row] = self.table.of([int(job.id)])
        return row

    def finished_runs(self) -> int:
        """How many reindexes were carried through, by whomever."""
        with self.gallery.catalogue.database.read() as connection:
            query = select(func.count()).where(runs.c.finished_at.is_not(None))
            return int(connection.execute(query).scalar_one())


@asynccontextmanager
async def _cluster(home: Path, url: str) -> AsyncIterator[Cluster]:
    cluster = Cluster(home, url)
    try:
        async with cluster.jobs:
            await cluster.add_worker()
            await cluster.add_worker()
            yield cluster
    finally:
        for worker in cluster.workers:
            worker.kill()
        cluster.gallery.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_LONG):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def _killed_at(cluster: Cluster, job: Job, goal: int) -> tuple[float | None, int]:
    """Kill whoever is at it once so many pictures are encoded.

    Seconds until another one is at it, None where it was over before; and how many reindexes
    were carried through by the time of the kill.
    """

    def has_come() -> bool:
        row = cluster.row(job)
        return row.state == "done" or (row.progress.stage == "encode" and row.progress.done >= goal)

    await _until(has_come)
    before = cluster.row(job)
    [at_it] = [each for each in cluster.workers if each.name == before.worker]
    at_it.kill()
    killed = time.monotonic()
    cluster.workers.remove(at_it)
    if cluster.row(job).state == "done":
        return None, cluster.finished_runs()
    carried_through = cluster.finished_runs()
    await _until(lambda: cluster.row(job).worker != before.worker)
    return time.monotonic() - killed, carried_through


async def _stages(cluster: Cluster, job: Job) -> set[str]:
    """What the node that asked tells of it, until its end."""
    return {each.stage async for each in cluster.jobs.follow(job)}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [1, pytest.param(100, marks=pytest.mark.long)])
async def test_a_killed_workers_job_is_done_by_another(
    tmp_path: Path, blank_url: str, kills: int
) -> None:
    """``kill -9`` of whoever is at it: done once all the same, and seen where it was asked for."""
    chance = random.Random(5)
    took, told, again = [], set(), 0
    async with _cluster(tmp_path, blank_url) as cluster:
        for kill in range(kills):
            before = cluster.finished_runs()
            job = await cluster.jobs.start("gallery", full=True)
            following = asyncio.create_task(_stages(cluster, job))
            goal = chance.randrange(_PICTURES // 2) if kill else 1
            seconds, by_then = await _killed_at(cluster, job, goal)
            repeated = 0
            if seconds is not None:
                took.append(seconds)
                # One that is killed between its last commit and its last word is repeated.
                repeated = by_then - before
                again += repeated
            async with asyncio.timeout(_LONG):
                told |= await following
                assert (await job.task).failed == ()
            assert cluster.row(job).state == "done"
            assert cluster.finished_runs() == before + 1 + repeated, "done once"
            if kill + 1 < kills:
                await cluster.add_worker()
        assert await cluster.gallery.seen() == {f"{number}.png" for number in range(_PICTURES)}
        assert cluster.gallery.verify() == []
    print(
        f"{len(took)} of {kills} kills hit, {again} jobs were done twice; another one was at it "
        f"after {[round(each, 1) for each in sorted(took)]} s"
    )
    assert "encode" in told, "progress is told where it was asked"
    assert sorted(took)[len(took) // 2] < _TAKEN_OVER_S


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_server_that_is_stopped_for_ten_seconds(
    tmp_path: Path, own_postgresql: PostgresqlServer
) -> None:
    """In the middle of a job, which goes on once it is back; the others are done as well."""
    with own_postgresql.database() as url:
        async with _cluster(tmp_path, url) as cluster:
            job = await cluster.jobs.start("gallery", full=True)
            await _until(lambda: cluster.row(job).progress.done >= 1)
            later = await cluster.jobs.start("gallery", full=False)
            assert later.id != job.id
            with own_postgresql.away():
                await asyncio.sleep(_AWAY_S)
            back = time.monotonic()
            await _until(
                lambda: cluster.row(job).progress.stage != "wait" and cluster.row(job).idle_s < 1
            )
            went_on = time.monotonic() - back
            async with asyncio.timeout(_LONG):
                await job.task
                await later.task
            assert [cluster.row(each).state for each in (job, later)] == ["done", "done"]
            assert cluster.finished_runs() == 2, "each once"
            assert all(each.alive() for each in cluster.workers)
            assert await cluster.gallery.seen() == {f"{n}.png" for n in range(_PICTURES)}
            assert cluster.gallery.verify() == []
    print(f"at it again {went_on:.1f} s after the server's return")
    assert went_on < _TAKEN_OVER_S
