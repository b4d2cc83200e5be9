"""What nobody asks for is done by one process of all that share a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.app.turns import SharedTurn
from bot.app.upkeep import elected
from index.catalogue.database import Database, open_database
from index.catalogue.job_rows import JobTable
from tests.galleries import until
from tests.program import small_program
from tests.servers.postgresql import engine_at

pytestmark = pytest.mark.process


class Process:
    """One of them, with work that goes on until it is ended."""

    def __init__(self, url: str) -> None:
        self.database: Database = open_database(url)
        self.busy = False
        turn = SharedTurn(self.database.hold, "upkeep", look_s=0.01)
        self._task = asyncio.create_task(elected(turn, [self._work]))

    async def _work(self) -> None:
        self.busy = True
        try:
            await asyncio.Event().wait()
        finally:
            self.busy = False

    async def stop(self) -> None:
        """End it, as SIGTERM does."""
        self._task.cancel()
        await asyncio.wait({self._task})
        self.database.close()


@pytest.fixture
async def processes(postgresql_url: str) -> AsyncIterator[list[Process]]:
    """Three."""
    made = [Process(postgresql_url) for _ in range(3)]
    yield made
    await asyncio.gather(*(each.stop() for each in made))


def _busy(processes: list[Process]) -> Callable[[], bool]:
    return lambda: any(each.busy for each in processes)


async def test_one_is_elected_and_another_follows(
    processes: list[Process], postgresql_url: str
) -> None:
    """At its end, and where its connection is cut, which it learns of before it goes on."""
    await until(_busy(processes))
    [first] = [each for each in processes if each.busy]
    await first.stop()
    processes.remove(first)
    await until(_busy(processes))
    [second] = [each for each in processes if each.busy]
    engine = engine_at(postgresql_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        )
    engine.dispose()
    await until(lambda: not second.busy)
    await until(_busy(processes))
    assert sum(each.busy for each in processes) == 1


def test_jobs_are_listed_and_cancelled(tmp_path: Path, postgresql_url: str) -> None:
    """By their number; one that is over is not cancelled again."""
    database = open_database(postgresql_url)
    table = JobTable(database)
    table.make()
    number = table.put("default", full=True)
    program = small_program(tmp_path, TANGERINE_DATABASE_URL=postgresql_url)
    [job] = program("jobs", "--json").json["jobs"]
    assert (job["id"], job["collection"], job["state"], job["full"]) == (
        *(number, "default", "queued"),
        True,
    )
    assert "cancelled" in program("jobs", "--cancel", str(number)).out
    again = program("jobs", "--cancel", str(number))
    assert again.code == 1
    assert f"no job {number}" in again.err
    database.close()


@pytest.mark.parametrize("command", ["worker", "jobs"])
def test_without_a_shared_database_there_is_nothing_to_share(tmp_path: Path, command: str) -> None:
    """Told with what to set; no data folder is made."""
    done = small_program(tmp_path)(command)
    assert done.code == 1
    assert "TANGERINE_DATABASE_URL" in done.err
    assert not (tmp_path / "data").exists()
