"""Jobs of nodes that share a database: each is done once, whatever happens to whoever does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from core.domain.errors import (
    CatalogueError,
    ReindexRunning,
    ShuttingDown,
    TangerineError,
    Unavailable,
)
from core.domain.types import Progress, ReindexReport
from index.catalogue.database import Database, open_database
from index.catalogue.job_rows import JobTable
from index.indexing.job_worker import JobWorker, Paces
from index.indexing.shared_jobs import SharedReindexJobs
from tests.galleries import until
from tests.servers.postgresql import PostgresqlServer, engine_at

pytestmark = pytest.mark.process

QUICK = Paces(look_s=0.01, tell_s=0.01, silence_s=0.2, again_s=0.05)
LONG = 20.0


class Work:
    """The Reindexing port of one node, which ends when it is told to."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, bool, frozenset[str] | None]] = []
        self.finished: list[str] = []
        self.stopped = 0
        self.go_on = asyncio.Event()
        self.errors: list[Exception] = []

    def running(self) -> dict[str, Progress]:
        """Nothing beside its jobs."""
        return {}

    async def reindex(
        self,
        collection: str,
        *,
        full: bool = False,
        confirm_removals: bool = False,
        paths: frozenset[str] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> ReindexReport:
        """Half of it, then wait."""
        del confirm_removals
        self.begun.append((collection, full, paths))
        if self.errors:
            raise self.errors.pop()
        if on_progress is not None:
            on_progress(Progress("encode", 1, 2))
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        self.finished.append(collection)
        return ReindexReport(collection, 2, 0, 0, 0, (), 1.0)


class Node:
    """A process that asks for jobs and, where it has a worker, does them."""

    def __init__(self, url: str, name: str) -> None:
        self.database: Database = open_database(url)
        self.work = Work()
        self.jobs = SharedReindexJobs(self.database, self.work, poll_s=0.01)
        self._worker = JobWorker(self.database, self.work, name=name, paces=QUICK)
        self._task: asyncio.Task[None] | None = None

    def takes_jobs(self) -> None:
        """Begin to."""
        self._task = asyncio.create_task(self._worker.run())

    async def stop(self) -> None:
        """As SIGTERM does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


@asynccontextmanager
async def _node(url: str, name: str) -> AsyncIterator[Node]:
    node = Node(url, name)
    async with AsyncExitStack() as stack:
        stack.callback(node.database.close)
        await stack.enter_async_context(node.jobs)
        stack.push_async_callback(node.stop)
        yield node


@pytest.fixture
async def nodes(postgresql_url: str) -> AsyncIterator[tuple[Node, Node]]:
    """Two, of which neither takes jobs yet."""
    async with _node(postgresql_url, "one") as one, _node(postgresql_url, "two") as two:
        yield one, two


async def test_progress_and_end_are_seen_at_every_node(nodes: tuple[Node, Node]) -> None:
    """One asks, the other one does it, and both tell how far it is."""
    one, two = nodes
    job = await one.jobs.start("c", full=True)
    assert one.jobs.running() == {"c": Progress("wait", 0, 0)}
    two.takes_jobs()
    await until(lambda: one.jobs.running().get("c") == Progress("encode", 1, 2))
    await until(lambda: two.jobs.running().get("c") == Progress("encode", 1, 2))
    followed = await two.jobs.get(job.id)
    assert followed is not None
    assert followed.progress == Progress("encode", 1, 2)
    two.work.go_on.set()
    async with asyncio.timeout(LONG):
        assert (await job.task).added == (await followed.task).added == 2
    assert two.work.begun == [("c", True, None)]
    assert one.work.begun == []
    [row] = JobTable(one.database).latest(1)
    assert (row.state, row.progress.done, row.progress.total) == ("done", 2, 2)


async def test_those_who_ask_for_one_that_waits_get_that_one(nodes: tuple[Node, Node]) -> None:
    """It does what all of them ask for, and one that is under way is not changed."""
    one, two = nodes
    first = await one.jobs.start("c", full=False, paths=frozenset({"a"}))
    second = await two.jobs.start("c", full=False, paths=frozenset({"b"}))
    assert first.id == second.id
    one.takes_jobs()
    await until(lambda: bool(one.work.begun))
    behind = await two.jobs.start("c", full=True, paths=frozenset({"c"}))
    joined = await one.jobs.start("c", full=False)
    assert behind.id == joined.id != first.id
    one.work.go_on.set()
    async with asyncio.timeout(LONG):
        await asyncio.gather(first.task, second.task, behind.task, joined.task)
    assert one.work.begun == [("c", False, frozenset({"a", "b"})), ("c", True, None)]


async def test_it_is_asked_for_as_often_as_anybody_likes(nodes: tuple[Node, Node]) -> None:
    """By one connection, for which the server plans a statement once and for all in the end."""
    table = JobTable(nodes[0].database)
    for _ in range(20):
        job = table.put("c")
        assert table.put("c", full=True) == job
        assert table.cancel(job)


async def test_many_jobs_and_several_workers(nodes: tuple[Node, Node]) -> None:
    """Each is done by one of them, once."""
    one, two = nodes
    for node in nodes:
        node.work.go_on.set()
        node.takes_jobs()
    names = [f"c{number}" for number in range(20)]
    jobs = [
        await nodes[number % 2].jobs.start(name, full=False) for number, name in enumerate(names)
    ]
    async with asyncio.timeout(LONG):
        await asyncio.gather(*(job.task for job in jobs))
    assert sorted(one.work.finished + two.work.finished) == sorted(names)


async def test_one_that_stops_gives_its_job_back(nodes: tuple[Node, Node]) -> None:
    """Another one goes on with it at once, and no attempt is counted as a mishap."""
    one, two = nodes
    one.takes_jobs()
    job = await two.jobs.start("c", full=False)
    await until(lambda: bool(one.work.begun))
    await one.stop()
    assert one.work.stopped == 1
    two.work.go_on.set()
    two.takes_jobs()
    async with asyncio.timeout(LONG):
        await job.task
    assert JobTable(two.database).mishaps(int(job.id)) == 0
    assert (one.work.finished, two.work.finished) == ([], ["c"])


async def test_one_that_loses_its_connection_loses_its_job(
    nodes: tuple[Node, Node], postgresql_url: str
) -> None:
    """It ends its work and may tell nothing more; the other one goes on and tells the end."""
    one, two = nodes
    one.takes_jobs()
    job = await two.jobs.start("c", full=False)
    await until(lambda: bool(one.work.begun))
    engine = engine_at(postgresql_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
    engine.dispose()
    two.takes_jobs()
    await until(lambda: bool(one.work.stopped))
    await until(lambda: bool(one.work.begun[1:] or two.work.begun))
    for node in nodes:
        node.work.go_on.set()
    async with asyncio.timeout(LONG):
        await job.task
    assert len(one.work.finished + two.work.finished) == 1


async def test_who_was_overtaken_may_not_tell(nodes: tuple[Node, Node]) -> None:
    """Only the last attempt tells how far it is and how it ended."""
    one, _ = nodes
    table = JobTable(one.database)
    job = table.put("c")
    first = table.begin(job, "one")
    second = table.begin(job, "two")
    assert first is not None
    assert second is not None
    assert table.tell(job, first, Progress("encode", 9, 9)) is None
    assert not table.end(job, first, "done", {})
    table.give_back(job, first, due_in_s=0.0)
    assert table.tell(job, second, Progress("encode", 1, 9)) is False
    assert table.end(job, second, "failed", {"error": "TangerineError"})
    assert table.begin(job, "three") is None
    assert table.mishaps(job) == 1


async def test_a_job_is_cancelled_wherever_it_runs(nodes: tuple[Node, Node]) -> None:
    """Whoever follows it is told; one that waits is over at once; what is over stays so."""
    one, two = nodes
    waiting = await one.jobs.start("c", full=False)
    table = JobTable(two.database)
    assert table.cancel(int(waiting.id))
    with pytest.raises(ShuttingDown, match="stopped"):
        await asyncio.wait_for(asyncio.shield(waiting.task), LONG)
    two.takes_jobs()
    job = await one.jobs.start("c", full=False)
    await until(lambda: bool(two.work.begun))
    assert table.cancel(int(job.id))
    with pytest.raises(ShuttingDown, match="stopped"):
        await asyncio.wait_for(asyncio.shield(job.task), LONG)
    assert (two.work.stopped, two.work.finished) == (1, [])
    assert not table.cancel(int(job.id))
    asked = asyncio.create_task(one.jobs.reindex("c"))
    await until(lambda: len(two.work.begun) == 2)
    asked.cancel()
    await until(lambda: two.work.stopped == 2)


async def test_what_goes_by_itself_is_tried_again(nodes: tuple[Node, Node]) -> None:
    """A database or another reindex in the way; other errors end the job."""
    one, _ = nodes
    one.work.errors = [
        CatalogueError("The database cannot be reached.", remedy="Start it."),
        ReindexRunning(),
    ]
    one.work.go_on.set()
    one.takes_jobs()
    job = await one.jobs.start("c", full=False)
    async with asyncio.timeout(LONG):
        assert (await job.task).added == 2
    assert len(one.work.begun) == 3
    one.work.errors = [RuntimeError("secret")]
    broken = await one.jobs.start("c", full=False)
    with pytest.raises(TangerineError, match="Something went wrong here"):
        await asyncio.wait_for(asyncio.shield(broken.task), LONG)


async def test_what_kills_each_worker_is_given_up(nodes: tuple[Node, Node]) -> None:
    """A job that was begun and lost five times is not begun a sixth time."""
    one, _ = nodes
    table = JobTable(one.database)
    job = await one.jobs.start("c", full=False)
    for _ in range(5):
        assert table.begin(int(job.id), "killed") is not None
    one.takes_jobs()
    with pytest.raises(Unavailable, match="stopped"):
        await asyncio.wait_for(asyncio.shield(job.task), LONG)
    assert one.work.begun == []


async def test_what_gets_further_each_time_is_not_given_up(nodes: tuple[Node, Node]) -> None:
    """Who dies without having got further than all before is counted, until one gets further."""
    table = JobTable(nodes[0].database)
    job = table.put("c")
    counted = []
    for left in (9, 8, 8, 8, 9, 7):
        attempt = table.begin(job, "killed")
        assert attempt is not None
        for progress in (Progress("scan", 500, 0), Progress("encode", 10 - left, 10)):
            assert table.tell(job, attempt, progress) is False
        counted.append(table.mishaps(job))
    assert counted == [0, 0, 1, 2, 3, 0]


async def test_a_table_of_an_older_version_gets_what_it_lacks(nodes: tuple[Node, Node]) -> None:
    """At the next start, and what is queued in it is done."""
    table = JobTable(nodes[0].database)
    job = table.put("c")
    with nodes[0].database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs DROP COLUMN fewest_left")
    for _ in range(2):
        table.make()
    attempt = table.begin(job, "one")
    assert attempt is not None
    assert table.tell(job, attempt, Progress("encode", 1, 9)) is False


async def test_a_server_that_is_away_for_a_while(
    nodes: tuple[Node, Node], postgresql: PostgresqlServer, tmp_path: Path
) -> None:
    """Jobs that were queued are done once it is back; who asks meanwhile is told."""
    del nodes, tmp_path
    with postgresql.database() as url:
        async with _node(url, "one") as one:
            job = await one.jobs.start("c", full=False)
            name = url.rsplit("/", 1)[1]
            postgresql.administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgresql.administer(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
            with pytest.raises(CatalogueError):
                await one.jobs.start("d", full=False)
            one.work.go_on.set()
            one.takes_jobs()
            postgresql.administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            async with asyncio.timeout(LONG):
                assert (await job.task).added == 2
            assert one.work.finished == ["c"]
