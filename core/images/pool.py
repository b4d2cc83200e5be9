"""Untrusted bytes -> bounded RGB pixels, decoded in worker processes.

Decoders are written in C and read what strangers send. They run where a crash, an endless
loop or a gigabyte of memory costs one picture and one small process, never the chat.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self, cast

import structlog

from core.domain.asker import Asker, asked_by
from core.domain.errors import DecodingFailed, MachineBusy, ShuttingDown, TangerineError
from core.domain.types import DecodedPicture, DecodeStats, PixelSpec
from core.images.deadline import WAITS
from core.images.decode import DecodeLimits
from core.images.errors import too_many_bytes
from core.images.queue import SlotQueue
from core.images.sandbox import Isolation
from core.images.slot import JOBS_PER_WORKER, WorkerSlot
from core.images.starting import WorkerHost
from core.images.worker import Job, ToJpeg, ToPixels, perform

_MIB: Final = 1 << 20
_THUMBNAIL_QUALITY: Final = 82
_STOP_SECONDS: Final = 10.0
_WATCH_SECONDS: Final = 1.0


class DecodePool:
    """Decodes pictures in worker processes, one picture at a time in each.

    Use as ``async with``; the methods are for any number of tasks of one event loop. Every
    caller gets an answer: the picture, a typed error, or ShuttingDown when the pool closes.
    A caller that leaves while waiting costs nothing; one that leaves while its picture is
    decoded leaves the worker busy until that is done or out of time. Of the pictures that one
    person posts, one is decoded at a time, and one that costs a worker its life is charged to
    that person's quota.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        timeout_s: float = 10.0,
        memory_bytes: int = 1536 * _MIB,
        max_bytes: int = 10 * _MIB,
        max_file_bytes: int | None = 512 * _MIB,
        max_pixels: int = 50_000_000,
        max_waiting_bytes: int = 256 * _MIB,
        jobs_per_worker: int = JOBS_PER_WORKER,
        work: Callable[[Job], object] = perform,
        waits: float = WAITS,
        waits_for_pictures: bool = False,
    ) -> None:
        """Nothing starts before ``async with``; no worker before the first picture on request.

        ``timeout_s``: seconds of processor time that one picture may take; by the wall clock it
        may take ``waits`` times as much. ``memory_bytes``: memory one picture may take in its
        worker; the default holds 50 megapixels in every format and mode.
        ``max_bytes``: size of a picture given as bytes; ``max_file_bytes``: of one given as a
        path (None: any). ``max_pixels``: width times height as the header says.
        ``max_waiting_bytes``: memory of pictures that wait for a worker, beyond which new
        ones are turned away (paths cost none). ``jobs_per_worker``: pictures
        after which a worker is replaced. ``work`` runs in the worker (tests' seam).
        ``waits_for_pictures``: workers start with the first one, for programs that may get none.
        """
        if min(workers, timeout_s, waits, memory_bytes, max_bytes, max_pixels) <= 0:
            raise ValueError("workers and limits must be positive")
        self._host = WorkerHost(memory_bytes=memory_bytes, max_pixels=max_pixels, work=work)
        self._slots = tuple(
            WorkerSlot(
                self._host, timeout_s=timeout_s, jobs_per_worker=jobs_per_worker, waits=waits
            )
            for _ in range(workers)
        )
        self._upload_limits = DecodeLimits(max_bytes, max_pixels)
        self._file_limits = DecodeLimits(max_file_bytes, max_pixels)
        self._max_bytes = max_bytes
        self._queue = SlotQueue(max_waiting_bytes)
        self._open = False
        self._waits = waits_for_pictures
        self._begun = False
        self._beginning: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._decoded = 0
        self._failed: Counter[str] = Counter()
        self._refused = ""
        self._log = structlog.get_logger("tangerine.pictures")

    async def __aenter__(self) -> Self:
        self._open = True
        if not self._waits:
            await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def decode(
        self, source: bytes | Path, spec: PixelSpec, *, preview: int = 0, frames: bool = False
    ) -> DecodedPicture:
        """Pixels of the spec's size, read-only. Raises BadPicture and its subclasses.

        ``preview``: pixels of the longer edge of the preview that comes along; 0 for none.
        ``frames``: with the frames that stand for a picture that moves. Also raises Busy where
        too many pictures wait already, and ShuttingDown.
        """
        job = ToPixels(source, self._limits(source), spec, preview, frames)
        picture = cast("DecodedPicture", await self._done(job))
        for pixels in (picture.pixels, picture.preview):
            if pixels is not None:
                pixels.setflags(write=False)
        return picture

    async def thumbnail(self, source: bytes | Path, edge: int, at_s: float = 0.0) -> bytes:
        """A JPEG within ``edge`` x ``edge`` pixels, without metadata. Raises as decode does.

        ``at_s``: of a picture that moves the frame at this second.
        """
        return await self._file(source, edge, at_s=at_s)

    async def kept(self, source: bytes | Path, edge: int) -> bytes:
        """:meth:`thumbnail`; of a picture that moves an animated WebP of its frames."""
        return await self._file(source, edge, frames=True)

    async def _file(
        self, source: bytes | Path, edge: int, *, at_s: float = 0.0, frames: bool = False
    ) -> bytes:
        if edge < 1:
            raise ValueError("edge must be at least 1 pixel")
        job = ToJpeg(source, self._limits(source), edge, _THUMBNAIL_QUALITY, at_s, frames)
        return cast("bytes", await self._done(job))

    def healthy(self) -> bool:
        """Whether pictures are being decoded: open, and a worker alive or not needed yet."""
        return self._open and (not self._begun or any(slot.alive for slot in self._slots))

    @property
    def isolation(self) -> Isolation | None:
        """What the workers have given up; None until one has started."""
        return next((slot.isolation for slot in self._slots if slot.isolation), None)

    def stats(self) -> DecodeStats:
        alive = [slot for slot in self._slots if slot.alive]
        return DecodeStats(
            workers=len(self._slots),
            alive=len(alive),
            busy=sum(slot.busy for slot in self._slots),
            waiting=self._queue.waiting,
            decoded=self._decoded,
            failed=MappingProxyType(dict(self._failed)),
            restarts=sum(slot.restarts for slot in self._slots),
            pids=tuple(slot.pid for slot in alive),
        )

    async def _begin(self) -> None:
        if self._begun or not self._open:
            return
        if self._beginning is None or self._beginning.done():
            self._beginning = asyncio.create_task(self._first_start())
            self._beginning.add_done_callback(_heard)
        # A caller that leaves meanwhile takes nothing away from those that come.
        await asyncio.shield(self._beginning)

    async def _first_start(self) -> None:
        try:
            await self._start_all()
        except BaseException:
            if self._waits:  # the next picture tries it again
                await self._end_all()
            else:
                await self.close()
            raise
        if not self._open:
            await self._end_all()
            return
        self._begun = True
        for slot in self._slots:
            self._queue.give(slot)
        self._keep(asyncio.create_task(self._watch()))

    async def close(self) -> None:
        """End every worker and tell every caller ShuttingDown; may be called again."""
        if not self._open:
            return
        self._open = False
        self._queue.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        await self._end_all()

    async def _end_all(self) -> None:
        for slot in self._slots:
            slot.end()
        await self._host.stop()

    def _limits(self, source: bytes | Path) -> DecodeLimits:
        if isinstance(source, Path):
            return self._file_limits
        # Refused here, before anything is copied to a worker.
        if len(source) > self._max_bytes:
            error = too_many_bytes(len(source), self._max_bytes)
            self._failed[error.code] += 1
            raise error
        return self._upload_limits

    async def _done(self, job: Job) -> object:
        await self._begin()
        size, asker = 0, None
        if isinstance(job.source, bytes):
            size, asker = len(job.source), asked_by.get()
        slot, done = await self._queue.take(size, asker.requester if asker else "")
        slot.busy = True
        task = asyncio.create_task(self._run(slot, job, asker))
        self._keep(task)
        task.add_done_callback(partial(self._returned, slot, done))
        try:
            # Ending the worker with its caller would cost more than finishing the picture.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and caller is not None and not caller.cancelling():
                raise ShuttingDown from None
            raise

    async def _run(self, slot: WorkerSlot, job: Job, asker: Asker | None) -> object:
        restarts = slot.restarts
        try:
            return await slot.run(job)
        except MachineBusy:
            raise  # nobody's picture is to blame
        except DecodingFailed:
            if asker is not None and slot.restarts > restarts:
                await asker.charge()
            raise

    def _returned(
        self, slot: WorkerSlot, done: Callable[[], None], task: asyncio.Task[object]
    ) -> None:
        done()
        slot.busy = False
        error = None if task.cancelled() else task.exception()
        if isinstance(error, TangerineError):
            self._failed[error.code] += 1
        elif error is None and not task.cancelled():
            self._decoded += 1
        if not self._open:
            return
        if slot.alive:
            self._queue.give(slot)
        else:
            self._keep(asyncio.create_task(self._revive(slot)))

    async def _start_all(self) -> None:
        # All of them, so that none is still starting when another's error closes the pool.
        starts = (slot.start() for slot in self._slots)
        for error in filter(None, await asyncio.gather(*starts, return_exceptions=True)):
            raise error

    async def _revive(self, slot: WorkerSlot) -> None:
        while True:
            if await self._restarted(slot):
                self._queue.give(slot)
                return
            await asyncio.sleep(_WATCH_SECONDS)

    async def _watch(self) -> None:
        """Replace workers that died while they had nothing to do."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for slot in self._slots:
                if not slot.busy and not slot.alive:
                    await self._restarted(slot)

    async def _restarted(self, slot: WorkerSlot) -> bool:
        try:
            await slot.start()
        except TangerineError as error:
            if self._refused != error.message:  # told once for as long as it stays
                self._log.warning("pictures are not decoded", reason=error.message)
            self._refused = error.message
            return False
        self._refused = ""
        return True

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _heard(task: asyncio.Task[None]) -> None:
    """Nobody may be left who waits for its error."""
    if not task.cancelled():
        task.exception()
