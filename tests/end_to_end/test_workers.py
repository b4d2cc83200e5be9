"""Real bots and workers on one PostgreSQL: whoever does a job is killed, and it is done."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import psutil
import pytest

from index.catalogue.database import open_database
from index.catalogue.job_rows import JobRow, JobTable
from tests.fakes import picture_bytes
from tests.program import Program, small_program
from tests.running import Running, running

pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.timeout(1800)]

_PICTURES = 120
_TAKEN_OVER_S = 5.0
"""What is promised from a kill to the moment at which another process is at the job."""


def _program(folder: Path, exported: Path, url: str, **environment: str) -> Program:
    """A node with a data folder of its own and the gallery that all of them share."""
    shutil.copytree(exported, folder / "data", copy_function=shutil.copy2)
    return small_program(
        folder,
        TANGERINE_GALLERY=str(folder.parent / "gallery"),
        TANGERINE_DATABASE_URL=url,
        HF_HUB_OFFLINE="1",
        **environment,
    )


class Jobs:
    """What the table of jobs says."""

    def __init__(self, url: str) -> None:
        self._database = open_database(url)
        self._table = JobTable(self._database)
        self._table.make()
        self.close = self._database.close

    def under_way(self) -> JobRow | None:
        """The one that a process is at."""
        rows = self._table.unfinished()
        return next((row for row in rows if row.state == "running"), None)

    def of(self, job: int) -> JobRow:
        """The job of this number."""
        [row] = self._table.of([job])
        return row

    def has_come(self, job: int, done: int) -> bool:
        """Whether so many pictures are done, or it is over."""
        row = self.of(job)
        return row.state == "done" or (row.progress.stage == "encode" and row.progress.done >= done)

    def left(self) -> list[JobRow]:
        """Those that are not done."""
        return [row for row in self._table.latest(1000) if row.state != "done"]


async def _reindex(bot: Running) -> None:
    form = aiohttp.FormData({"text": "/reindex full:yes"}, default_to_multipart=True)
    async with bot.client.post(bot.url + "/api/chat", data=form) as response:
        assert response.status == 200, await response.text()


async def _started_anew(stack: AsyncExitStack, bot: Running) -> float:
    """Seconds from ``kill -9`` and a new start of a bot until it answers."""
    bot.process.kill()
    await bot.process.wait()
    began = time.monotonic()
    again = await stack.enter_async_context(running(bot.program))
    await again.wait_until_said("Ready: ")
    status, found = await again.get("/api/find", q="red", k=10)
    assert (status, len(found["hits"])) == (200, 10)
    return time.monotonic() - began


@pytest.mark.parametrize("kills", [1, 20])
async def test_a_killed_workers_job_is_done_by_another(
    exported: Path, tmp_path: Path, blank_url: str, kills: int
) -> None:
    """``kill -9`` of whoever is at it: another one goes on, the bot tells how far it is."""
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    for number in range(_PICTURES):
        (gallery / f"{number}.png").write_bytes(picture_bytes("red", number))
    chance = random.Random(5)
    asking = _program(tmp_path / "bot", exported, blank_url, TANGERINE_JOBS__DONE_BY="workers")
    working = [_program(tmp_path / name, exported, blank_url) for name in ("one", "two")]
    took = []
    async with AsyncExitStack() as stack:

        async def worker(program: Program) -> Running:
            return await stack.enter_async_context(running(program, command=("worker",)))

        bot = await stack.enter_async_context(running(asking))
        workers = [await worker(each) for each in working]
        await bot.wait_for(lambda: bool(bot.url))
        for each in workers:
            await each.wait_until_said("Worker: takes jobs.")
            soft, hard = psutil.Process(each.process.pid).rlimit(psutil.RLIMIT_NOFILE)
            assert soft == hard, "as many files as it may open"
        jobs = Jobs(blank_url)
        stack.callback(jobs.close)
        for kill in range(kills):
            if kill and jobs.under_way() is None:
                await _reindex(bot)
            await bot.wait_for(lambda: jobs.under_way() is not None)
            row = jobs.under_way()
            assert row is not None
            number, before = row.id, row.worker
            goal = chance.randrange(_PICTURES) if kill else 1
            await bot.wait_for(lambda number=number, goal=goal: jobs.has_come(number, goal))  # type: ignore[misc]
            if jobs.of(number).state == "running":
                status, told = await bot.get("/api/progress")
                assert status == 200
                assert [each["collection"] for each in told["running"]] == ["default"]
            [at_it] = [each for each in workers if before.endswith(f":{each.process.pid}")]
            for process in reversed(at_it.processes()):
                process.kill()
            killed = time.monotonic()
            await at_it.process.wait()
            await bot.wait_for(
                lambda number=number, before=before: (  # type: ignore[misc]
                    jobs.of(number).worker != before or jobs.of(number).state == "done"
                )
            )
            took.append(time.monotonic() - killed)
            await bot.wait_for(lambda number=number: jobs.of(number).state == "done")  # type: ignore[misc]
            workers.remove(at_it)
            if kill + 1 < kills:
                workers.append(await worker(at_it.program))
        await bot.wait_for(lambda: not jobs.left())
        left = workers[-1].program
        started = await _started_anew(stack, bot)
    print(
        f"another one was at it after {[round(each, 1) for each in sorted(took)]} s; a bot that "
        f"was killed answered {started:.1f} s after it was started anew"
    )
    assert sorted(took)[len(took) // 2] < _TAKEN_OVER_S
    verified = await asyncio.to_thread(left, "verify", "--json")
    assert verified.json["ok"]
    status_of = await asyncio.to_thread(left, "status", "--json")
    assert status_of.json["collections"][0]["pictures"] == _PICTURES
