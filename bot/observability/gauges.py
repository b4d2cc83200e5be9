"""Polls the program for what no event reports: states, sizes, ages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.observability.metrics import Metrics
from bot.protocol.ports import Readiness
from core.domain.types import CollectionStatus, DecodeStats, Progress
from core.encoder.batch_records import BatcherHealth

# A connection that is lost for less than a second is none that an admin asks about.
_STATES_EVERY_S = 1.0
_SIZES_EVERY_S = 15.0

_log = structlog.get_logger("bot.observing")


class ObservedPlatform(Protocol):
    """A platform, as far as it is observed."""

    @property
    def name(self) -> str:
        """What it is called in a label, as ``discord``."""

    def connected(self) -> bool:
        """Whether people get their answers from this program."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What is looked at. ``sizes`` are bytes on disk, ``reindexed`` seconds since the epoch."""

    connections: Sequence[ObservedPlatform]
    readiness: Readiness
    batcher: Callable[[], BatcherHealth]
    decoders: Callable[[], DecodeStats]
    reindexing: Callable[[], Mapping[str, Progress]]
    collections: Callable[[], Awaitable[Sequence[CollectionStatus]]]
    sizes: Callable[[], Mapping[str, int]]
    reindexed: Callable[[], Mapping[str, float]]


class Observer:
    """Brings the gauges up to date until cancelled; an error is logged and tried again."""

    def __init__(
        self, observed: Observed, gauges: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self._observed = observed
        self._gauges = gauges
        self._now = now

    async def observe(self) -> None:
        """Look at states every second, at sizes every quarter of a minute."""
        sized_at = float("-inf")
        while True:
            self.look()
            if time.monotonic() - sized_at >= _SIZES_EVERY_S:
                sized_at = time.monotonic()
                try:
                    await self.measure()
                except Exception as error:  # noqa: BLE001 - gauges must not end for one defect
                    _log.warning("not measured", error=type(error).__name__)
            await asyncio.sleep(_STATES_EVERY_S)

    def look(self) -> None:
        """What is in memory: never blocks."""
        observed, gauges = self._observed, self._gauges
        for connection in observed.connections:
            gauges.connection(connection.name, connected=connection.connected())
        gauges.ready(ready=not observed.readiness())
        gauges.batcher(observed.batcher())
        gauges.decoders(observed.decoders())
        gauges.reindexing(observed.reindexing())

    async def measure(self) -> None:
        observed = self._observed
        statuses = await observed.collections()
        sizes = await asyncio.to_thread(observed.sizes)
        reindexed = await asyncio.to_thread(observed.reindexed)
        for status in statuses:
            ended = reindexed.get(status.name)
            self._gauges.index(
                status,
                size=sizes.get(status.name, 0),
                age_s=None if ended is None else max(self._now() - ended, 0.0),
            )


async def watch_batcher(
    gauges: Metrics, batcher: Callable[[], BatcherHealth], readiness: Readiness
) -> None:
    """The gauges of an encoder alone, every second until cancelled."""
    while True:
        gauges.ready(ready=not readiness())
        gauges.batcher(batcher())
        await asyncio.sleep(_STATES_EVERY_S)
