"""One decode worker: a process that may die at any moment, and its replacement."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import structlog

from core.domain.errors import (
    BadPicture,
    DamagedPicture,
    DecodingFailed,
    NotAPicture,
    PictureTooComplex,
    PictureTooLarge,
    TooManyPixels,
)
from core.domain.types import MAX_FRAMES, DecodedFrame, DecodedPicture, Pixels
from core.images.deadline import WAITS, WorkerDeadline
from core.images.decode import OpenFile, open_file, within
from core.images.errors import worker_died
from core.images.formats import FORMATS, SHOWN_VIDEOS
from core.images.sandbox import Isolation
from core.images.starting import WorkerHost, not_started
from core.images.wire import HEADER, MAX_TEXT, TIME, Header, Kind, packed
from core.images.worker import Job, ToJpeg, ToPixels

START_SECONDS: Final = 90.0
"""How long a worker may take to start, on a machine busy with other things."""

JOBS_PER_WORKER: Final = 2000
"""A worker is replaced after so many pictures: decoders in C leak a little, all of them."""

_REFUSALS: Final[Mapping[str, type[BadPicture]]] = MappingProxyType(
    {
        error.code: error
        for error in (
            BadPicture,
            NotAPicture,
            DamagedPicture,
            PictureTooLarge,
            PictureTooComplex,
            TooManyPixels,
            DecodingFailed,
        )
    }
)
"""All that a worker may say of a picture, by the code of the error."""

_LARGEST_FACT: Final = 1e15

_FILE_BYTES_PER_PIXEL: Final = 8
_FILE_BYTES: Final = 1 << 20
"""A file of so many pixels has at most this many bytes each, and these."""


_PLACEHOLDER_BYTES: Final = 512
"""Twelve by twelve pixels of noise are 200 bytes of WebP."""

_FIRST: Final = -62_135_596_800.0
_LAST: Final = 253_402_300_800.0
"""The years that a date has four digits for, 1 to 9999, in seconds since the epoch."""


class _WorkerEndedError(Exception):
    """It ended with a job unread, so that another may do it."""


class WorkerSlot:
    """A place for one worker process, which does one job at a time."""

    def __init__(
        self,
        host: WorkerHost,
        *,
        timeout_s: float,
        jobs_per_worker: int = JOBS_PER_WORKER,
        waits: float = WAITS,
    ) -> None:
        """Make an empty place; ``host`` starts the processes.

        Each ends after ``jobs_per_worker`` pictures. One may take ``timeout_s`` of processor time
        and ``waits`` times as much by the wall clock.
        """
        self._host = host
        self._timeout_s = timeout_s
        self._jobs_per_worker = jobs_per_worker
        self._waits = waits
        self._channel: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._jobs = 0
        self._log = structlog.get_logger("tangerine.pictures")
        self.isolation: Isolation | None = None
        self.busy = False
        self.pid = 0
        self.restarts = 0

    @property
    def alive(self) -> bool:
        """Whether a worker is there and may be given a job."""
        if self._channel is None or self._jobs >= self._jobs_per_worker:
            return False
        if self.busy:
            return True
        try:
            # It says nothing unasked; where its end is closed, this reads nothing at all.
            self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    async def start(self) -> None:
        """Start a worker where none is alive, and wait until it answers.

        Raises TangerineError where it does not within :data:`START_SECONDS`.
        """
        async with self._starting:
            if self._jobs >= self._jobs_per_worker:
                self.end()
            if self._channel is not None:
                if self.alive:
                    return
                self._lost()  # it died while it had nothing to do
            try:
                async with asyncio.timeout(START_SECONDS):
                    self.pid, self._channel = await self._host.start()
                    self.isolation = await self._ready(self._channel)
            except (OSError, EOFError, ValueError) as error:
                self.end()
                raise not_started(error, seconds=START_SECONDS) from error
            except BaseException:
                self.end()
                raise
            self._jobs = 0

    async def run(self, job: Job) -> DecodedPicture | bytes:
        """Do one job in the worker.

        Raises BadPicture and its subclasses: also DecodingFailed where the worker ran out of time,
        died, or answered what is no answer. Whoever calls this sees to it that the slot is
        :attr:`alive` again before the next job.
        """
        source = job.source
        if isinstance(source, Path):
            # Workers reach no file of their own accord.
            source = await asyncio.to_thread(open_file, source, job.limits)
            job = replace(job, source=source)
        try:
            try:
                return await self._attempt(job)
            except _WorkerEndedError:
                pass
            try:
                return await self._attempt(job)
            except _WorkerEndedError as error:
                raise worker_died() from error
        finally:
            if isinstance(source, OpenFile):
                source.close()

    async def _attempt(self, job: Job) -> DecodedPicture | bytes:
        self.busy = False
        await self.start()
        self.busy = True
        channel = self._channel
        assert channel is not None
        self._jobs += 1
        deadline = WorkerDeadline(self.pid, self._timeout_s, self._waits)
        try:
            async with deadline:
                await self._send(channel, job)
                header = await self._header(channel)
                body = await self._received(channel, self._expected(header, job))
        except TimeoutError as error:
            self._lost()
            raise deadline.error() from error
        except ConnectionError as error:
            # Its end of the socket was closed before it had read all that we sent.
            self._lost()
            raise _WorkerEndedError from error
        except EOFError as error:
            self._lost()
            raise worker_died() from error
        except ValueError as error:
            self._log.error("picture worker answers nonsense", pid=self.pid, reason=str(error))
            self._lost()
            raise worker_died() from error
        except BaseException:
            self.end()  # its next answer could not be trusted
            raise
        try:
            return self._result(header, body, job)
        except ValueError as error:
            self._log.error("picture worker answers nonsense", pid=self.pid, reason=str(error))
            self._lost()
            raise worker_died() from error

    def _result(self, header: Header, body: bytearray, job: Job) -> DecodedPicture | bytes:
        if header.kind is Kind.FILE:
            return bytes(body)
        if header.kind is Kind.PIXELS and isinstance(job, ToPixels):
            size = 3 * job.spec.height * job.spec.width
            pixels = np.frombuffer(body, np.uint8, size).reshape(job.spec.height, job.spec.width, 3)
            height, width = _preview_size(header, job)
            shown = np.frombuffer(body, np.uint8, 3 * height * width, offset=size)
            preview = shown.reshape(height, width, 3) if job.preview else None
            end = size + shown.size + header.placeholder
            return DecodedPicture(
                pixels,
                header.name,
                header.width,
                header.height,
                bytes(body[size + shown.size : end]),
                header.taken,
                preview,
                _frames(body, end, header.frames, pixels),
            )
        text = body.decode(errors="replace")
        if header.kind is Kind.REFUSED:
            try:
                refusal = _refusal(_REFUSALS[header.name], *json.loads(text))
            except (ValueError, TypeError, AttributeError) as error:
                raise worker_died() from error
            raise refusal
        # Not the picture's fault but a bug in this program; the caller gets an answer.
        self._log.error("picture worker failed", traceback=text)
        raise worker_died()

    def _expected(self, header: Header, job: Job) -> int:
        """How many bytes follow this header. Raises ValueError for one that answers no job."""
        if header.kind is Kind.PIXELS and isinstance(job, ToPixels):
            pixels = header.width * header.height
            fine = (
                0 < pixels <= job.limits.max_pixels
                and header.length
                == 3 * (job.spec.width * job.spec.height + math.prod(_preview_size(header, job)))
                + header.placeholder
                + header.frames * TIME.size
                + max(0, header.frames - 1) * 3 * job.spec.width * job.spec.height
                and header.frames <= (MAX_FRAMES if job.frames else 0)
                and header.placeholder <= _PLACEHOLDER_BYTES
                and (header.taken is None or _FIRST < header.taken.seconds < _LAST)
                and (header.name in FORMATS or header.name in SHOWN_VIDEOS)
            )
        elif header.kind is Kind.FILE and not isinstance(job, ToPixels):
            most = _FILE_BYTES + _FILE_BYTES_PER_PIXEL * job.edge**2
            fine = header.length <= most * (MAX_FRAMES if isinstance(job, ToJpeg) else 1)
        else:
            fine = header.length <= MAX_TEXT and (
                header.kind is Kind.BUG
                or (header.kind is Kind.REFUSED and header.name in _REFUSALS)
            )
        if not fine:
            raise ValueError(f"{header} does not answer a {type(job).__name__}")
        return header.length

    async def _send(self, channel: socket.socket, job: Job) -> None:
        head, picture, descriptor = packed(job)
        # Few bytes into an empty socket: it has room.
        socket.send_fds(channel, [head], [] if descriptor is None else [descriptor])
        if picture:
            await asyncio.get_running_loop().sock_sendall(channel, picture)

    async def _header(self, channel: socket.socket) -> Header:
        return Header.unpack(bytes(await self._received(channel, HEADER.size)))

    async def _received(self, channel: socket.socket, size: int) -> bytearray:
        """Exactly ``size`` bytes. Raises EOFError where the worker ends before."""
        loop = asyncio.get_running_loop()
        data = bytearray(size)
        left = memoryview(data)
        while left:
            count = await loop.sock_recv_into(channel, left)
            if not count:
                raise EOFError("it ended")
            left = left[count:]
        return data

    async def _ready(self, channel: socket.socket) -> Isolation:
        header = await self._header(channel)
        if header.length > MAX_TEXT:
            raise ValueError("it answers nonsense")
        text = (await self._received(channel, header.length)).decode(errors="replace")
        if header.kind is not Kind.READY:
            raise ValueError(text)
        told = json.loads(text)
        return Isolation(**{**told, "missing": tuple(told["missing"])})

    def _lost(self) -> None:
        self.end()
        self.restarts += 1
        self._log.warning("picture worker lost", pid=self.pid, restarts=self.restarts)

    def end(self) -> None:
        channel, self._channel = self._channel, None
        self._jobs = 0
        if channel is not None:
            channel.close()
            self._host.end(self.pid)


def _refusal(
    kind: type[BadPicture], cause: object, remedy: object, facts: dict[str, object]
) -> BadPicture:
    error = kind(_printable(cause), remedy=_printable(remedy))
    error.facts = {
        name: fact
        if isinstance(fact, int | float) and abs(fact) < _LARGEST_FACT
        else _printable(fact)
        for name, fact in facts.items()
    }
    return error


def _printable(text: object) -> str:
    return "".join(c for c in str(text) if c.isprintable())


def _frames(body: bytearray, at: int, count: int, first: Pixels) -> tuple[DecodedFrame, ...]:
    """The frames behind ``at``. Raises ValueError where their seconds are none."""
    frames: list[DecodedFrame] = []
    for number in range(count):
        [second] = TIME.unpack_from(body, at)
        at += TIME.size
        if not (frames[-1].at_s if frames else 0.0) <= second < _LAST:
            raise ValueError("frames are out of order")
        pixels = first
        if number:
            pixels = np.frombuffer(body, np.uint8, first.size, offset=at).reshape(first.shape)
            pixels.setflags(write=False)
            at += first.size
        frames.append(DecodedFrame(second, pixels))
    return tuple(frames)


def _preview_size(header: Header, job: ToPixels) -> tuple[int, int]:
    """Height and width of the preview of a picture of the header's size, [0, 0] for none."""
    if not job.preview:
        return 0, 0
    width, height = within((header.width, header.height), job.preview)
    return height, width
