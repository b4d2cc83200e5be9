"""Doing the reindexes that are queued in a database on a server, each in one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from core.domain.errors import (
    CatalogueDamaged,
    CatalogueError,
    ModelUnavailable,
    ReindexRunning,
    ShuttingDown,
    TangerineError,
    Unavailable,
)
from core.domain.ports import Reindexing
from core.domain.repeating import repeated
from core.domain.threads import finished_in_thread
from core.domain.types import Progress, ReindexReport
from index.catalogue.database import Database, Hold
from index.catalogue.job_rows import JobRow, JobTable
from index.indexing.outcomes import error_to_json, report_to_json

_MISHAPS = 5
"""So often in turn may attempts die or lose their database and have got no further: what kills its
worker each time would else kill every worker in turn, for ever."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Paces:
    """How often a worker looks, and tells how far it is, in seconds.

    ``again_s``: when it tries again where something stood in the way that goes by itself.
    ``silence_s``: whoever is at a job tells so each ``tell_s``, and nobody else goes on with it
    before it has been silent for so long, though its lock is free: a process whose connection was
    cut needs a moment to learn of it.
    """

    look_s: float = 0.5
    tell_s: float = 0.5
    silence_s: float = 2.0
    again_s: float = 5.0


class JobWorker:
    """Takes jobs that nobody is at, and does them.

    Whoever is at a job holds an advisory lock, which the server frees with the connection: a job
    whose process was killed is taken by the next one that looks, and goes on from what was kept.
    A process that has lost its lock ends its work and says nothing of it: only the last attempt
    may tell how a job ended. ``name`` is told to people; ``only`` names the collections whose
    jobs are taken, None: all.
    """

    def __init__(
        self,
        database: Database,
        reindexing: Reindexing,
        *,
        name: str,
        paces: Paces = Paces(),
        at_once: int = 4,
        only: Collection[str] | None = None,
    ) -> None:
        self._database = database
        self._table = JobTable(database)
        self._reindexing = reindexing
        self._name = name
        self._paces = paces
        self._at_once = at_once
        self._only = only
        self._doing: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Do what is queued until cancelled; what is under way then is given back."""
        try:
            await repeated(self._take, "no jobs can be taken", self._paces.look_s)
        finally:
            tasks = list(self._doing.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def _take(self) -> None:
        for row in _free(await finished_in_thread(self._table.unfinished), self._paces.silence_s):
            name = row.collection
            is_ours = self._only is None or name in self._only
            if not is_ours or name in self._doing or len(self._doing) >= self._at_once:
                continue
            held = await finished_in_thread(self._database.hold, f"job {name}")
            if held is None:
                continue
            task = self._doing[name] = asyncio.create_task(self._held(row, held))
            task.add_done_callback(lambda _, name=name: self._doing.pop(name))  # type: ignore[misc]

    async def _held(self, row: JobRow, held: Hold) -> None:
        try:
            attempt = await finished_in_thread(self._table.begin, row.id, self._name)
            if attempt is not None:
                await self._do(row, held, attempt)
        except CatalogueError as error:
            # Nothing could be said: it is silent from now on, and taken again.
            _log.warning("a job is left", job=row.id, reason=error.message)
        except Exception:  # noqa: BLE001 - one defect must not end the others
            _log.exception("a job is left", job=row.id)
        finally:
            await finished_in_thread(held.let_go)

    async def _do(self, row: JobRow, held: Hold, attempt: int) -> None:
        if await finished_in_thread(self._table.mishaps, row.id) >= _MISHAPS:
            _log.error("a job is given up", job=row.id, collection=row.collection)
            await self._end(row, attempt, _given_up())
            return
        _log.debug("job begun", job=row.id, collection=row.collection, attempt=attempt)
        progress = Progress("scan", 0, 0)

        def note(now: Progress) -> None:
            nonlocal progress
            progress = now

        work = asyncio.create_task(
            self._reindexing.reindex(
                row.collection,
                full=row.full,
                confirm_removals=row.confirm_removals,
                paths=row.paths,
                on_progress=note,
            )
        )
        try:
            while True:
                await asyncio.wait({work}, timeout=self._paces.tell_s)
                if work.done():
                    break
                cancelled = await self._told(row, held, attempt, progress)
                if cancelled is not False:
                    await _ended(work)
                    if cancelled:
                        await finished_in_thread(
                            self._table.end, row.id, attempt, "cancelled", None
                        )
                    else:
                        _log.warning("a job was lost", job=row.id, attempt=attempt)
                    return
        except asyncio.CancelledError:
            await _ended(work)
            with suppress(CatalogueError):
                await finished_in_thread(self._table.give_back, row.id, attempt, due_in_s=0.0)
            raise
        await self._end(row, attempt, _result(work))

    async def _told(self, row: JobRow, held: Hold, attempt: int, progress: Progress) -> bool | None:
        """See :meth:`JobTable.tell`; None also where this process holds the job no longer."""
        try:
            if not await finished_in_thread(held.lasts):
                return None
            return await finished_in_thread(self._table.tell, row.id, attempt, progress)
        except CatalogueError:
            return None

    async def _end(self, row: JobRow, attempt: int, result: ReindexReport | TangerineError) -> None:
        table, again_s = self._table, self._paces.again_s
        if isinstance(result, ReindexReport):
            told = report_to_json(result)
            await finished_in_thread(table.end, row.id, attempt, "done", told)
            _log.info("job done", job=row.id, collection=row.collection, attempt=attempt)
        elif isinstance(result, ReindexRunning | ShuttingDown):
            # Somebody does it without a job, as an import.
            await finished_in_thread(table.give_back, row.id, attempt, due_in_s=again_s)
        elif _goes_by_itself(result) and (
            await finished_in_thread(table.mishaps, row.id) + 1 < _MISHAPS
        ):
            await finished_in_thread(
                table.give_back, row.id, attempt, due_in_s=again_s, mishap=True
            )
            _log.warning("job put off", job=row.id, code=result.code, reason=result.message)
        else:
            told = error_to_json(result)
            await finished_in_thread(table.end, row.id, attempt, "failed", told)
            _log.warning("job failed", job=row.id, code=result.code, reason=result.message)


def _free(rows: Sequence[JobRow], silence_s: float) -> list[JobRow]:
    """Those that may be taken as far as the table tells."""
    busy = {row.collection for row in rows if row.state == "running" and row.idle_s < silence_s}
    return [row for row in rows if row.due and row.collection not in busy]


def _goes_by_itself(error: TangerineError) -> bool:
    """Whether another try may do: a database or encoders that are away for a while."""
    return isinstance(error, CatalogueError | ModelUnavailable) and not isinstance(
        error, CatalogueDamaged
    )


def _given_up() -> TangerineError:
    return Unavailable("The reindex was stopped.", remedy="Tell the operator of this server.")


def _result(work: asyncio.Task[ReindexReport]) -> ReindexReport | TangerineError:
    try:
        return work.result()
    except TangerineError as error:
        return error
    except Exception:  # noqa: BLE001 - a defect is told in general words
        _log.exception("reindex failed")
        return TangerineError()


async def _ended(work: asyncio.Task[ReindexReport]) -> None:
    work.cancel()
    await asyncio.wait({work})
