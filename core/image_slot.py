"""One decode worker: a process that may die at any moment, and its replacement."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from typing import Final, TypeVar

import structlog
from pebble import ProcessExpired, ProcessPool

from core.errors import TangerineError
from core.image_errors import out_of_time, worker_died
from core.image_starting import lacking, unexplained
from core.image_worker import Job, initialize

R = TypeVar("R")

START_SECONDS: Final = 30.0
"""How long a worker may take to start, on a machine busy with other things."""

_LATE_SECONDS: Final = 5.0
"""How long after the time limit Pebble may take to report it, before we stop believing it."""

_JOBS_PER_WORKER: Final = 2000
"""A worker is replaced after so many pictures: decoders in C leak a little, all of them."""


class WorkerSlot:
    """A place for one worker process, which does one job at a time.

    Pebble's pool of one process does the work: it starts the process, cuts it off at the
    time limit and notices its death. A pool of several would share one pipe and one lock
    among its processes, so that one killed at the wrong moment takes the others with it, and
    it gives up for good when a process dies while nothing is running. Here a pool that lost
    its process is thrown away as a whole.
    """

    def __init__(
        self, executor: Executor, *, timeout_s: float, memory_bytes: int, max_pixels: int
    ) -> None:
        """Make an empty place; ``executor`` does what blocks: starting and ending."""
        self._executor = executor
        self._timeout_s = timeout_s
        self._initargs = (memory_bytes, max_pixels)
        self._pool: ProcessPool | None = None
        self._starting = asyncio.Lock()
        self._ready = False
        self._jobs = 0
        self._refused = ""
        self._log = structlog.get_logger("tangerine.pictures")
        self.busy = False
        self.pid = 0
        self.restarts = 0

    @property
    def alive(self) -> bool:
        """Whether a worker is there and may be given a job."""
        return self._ready and self._pool is not None and bool(self._pool.active)

    async def start(self) -> None:
        """Start a worker where none is alive, and wait until it answers.

        Raises TangerineError where it does not within :data:`START_SECONDS`.
        """
        async with self._starting:
            if self.alive:
                return
            if self._ready:  # it died while it had nothing to do
                self._lost()
            self._discard()
            context, loop = _context(), asyncio.get_running_loop()
            try:
                pool = self._pool = ProcessPool(
                    max_workers=1,
                    initializer=initialize,
                    initargs=self._initargs,
                    context=context,
                )
                async with asyncio.timeout(START_SECONDS):
                    # The first job starts threads and the process: not for the event loop.
                    first = await loop.run_in_executor(self._executor, pool.schedule, os.getpid)
                    self.pid = await asyncio.wrap_future(first)
            except (OSError, RuntimeError) as error:
                self._discard()
                refused = await asyncio.to_thread(lacking, context)
                if refused is None:
                    refused = unexplained(error, seconds=START_SECONDS)
                    # It may be tried again every second.
                    if self._refused != refused.message:
                        self._log.exception("picture worker does not start")
                self._refused = refused.message
                raise refused from error
            self._refused = ""
            self._ready, self._jobs = True, 0

    async def run(self, work: Callable[[Job], R], job: Job) -> R:
        """Do one job in the worker. Raises what ``work`` raises if it is a TangerineError.

        DecodingFailed where the worker ran out of time or died. Whoever calls this sees to
        it that the slot is :attr:`alive` again before the next job.
        """
        try:
            return await self._attempt(work, job)
        except BrokenProcessPool:
            # The worker died before it began, or so early that Pebble cannot tell.
            pass
        try:
            return await self._attempt(work, job)
        except BrokenProcessPool as error:
            raise worker_died() from error

    async def _attempt(self, work: Callable[[Job], R], job: Job) -> R:
        await self.start()
        pool = self._pool
        assert pool is not None
        self._jobs += 1
        try:
            future = pool.schedule(work, args=(job,), timeout=self._timeout_s)
        except RuntimeError as error:  # it died just now
            self._lost()
            raise BrokenProcessPool from error
        outcome: asyncio.Future[R] = asyncio.wrap_future(future)
        try:
            await asyncio.wait({outcome}, timeout=self._timeout_s + _LATE_SECONDS)
            if not outcome.done():
                raise TimeoutError  # noqa: TRY301 - handled as if Pebble had said so
            result = outcome.result()
        except (ProcessExpired, BrokenProcessPool) as error:
            self._lost()
            if isinstance(error, BrokenProcessPool):
                raise
            raise worker_died() from error
        except TimeoutError as error:
            self._lost()
            raise out_of_time(self._timeout_s) from error
        except TangerineError:
            raise
        except Exception as error:
            # Not a picture's fault but a bug of ours; the one who asked gets an answer.
            self._log.exception("picture worker failed")
            raise worker_died() from error
        if self._jobs >= _JOBS_PER_WORKER:
            self._ready = False
        return result

    def _lost(self) -> None:
        self._ready = False
        self.restarts += 1
        self._log.warning("picture worker lost", pid=self.pid, restarts=self.restarts)

    async def stop(self) -> None:
        """End the worker, whatever it is doing."""
        self._ready = False
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.get_running_loop().run_in_executor(self._executor, _end, pool)

    def _discard(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            self._executor.submit(_end, pool)


def _context() -> multiprocessing.context.BaseContext:
    """How workers are started: never by forking this process, whose threads hold locks.

    A fork server has everything imported already, so a worker costs it some milliseconds.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["core.image_worker"])
    return context


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    with contextlib.suppress(RuntimeError):  # Pebble's word for a process that will not die
        pool.join()
