"""Requests counted for all nodes that share a database on a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b

import structlog
from sqlalchemy import Connection, delete, select, update

from core.domain.errors import CatalogueError
from core.domain.rate_limits import DAY_S, MINUTE_S, Asked, Bucket, Waits
from core.domain.threads import finished_in_thread
from index.catalogue.database import Database
from index.catalogue.node_tables import NOW, request_buckets, request_times

# As text: the library takes ten times as long to write these as the server to answer them.
_LOCK = """
INSERT INTO request_buckets (bucket, number, free_at, used)
SELECT bucket, 0, 0, extract(epoch FROM clock_timestamp()) FROM unnest(%(keys)s::bigint[]) AS bucket
ON CONFLICT (bucket) DO UPDATE SET used = excluded.used"""
_WAITS = """
WITH clock AS MATERIALIZED (SELECT extract(epoch FROM clock_timestamp()) AS now)
SELECT bucket, free_at - now AS left_s FROM request_buckets, clock WHERE bucket = %(pause)s
UNION ALL
SELECT bucket, coalesce(max(span_s - now + (
    SELECT at FROM request_times AS counted
    WHERE counted.bucket = buckets.bucket AND counted.number = buckets.number - allowed
)), 0)
FROM unnest(%(ruled)s::bigint[], %(allowed)s::bigint[], %(spans)s::float8[])
    AS rules (bucket, allowed, span_s)
JOIN request_buckets AS buckets USING (bucket), clock
GROUP BY bucket"""
_ADD = """
WITH paused AS (
    UPDATE request_buckets SET free_at = extract(epoch FROM clock_timestamp()) + %(pause_s)s::float8
    WHERE bucket = %(pause)s::bigint
), counted AS (
    UPDATE request_buckets SET number = number + %(times)s WHERE bucket = ANY(%(keys)s::bigint[])
    RETURNING bucket, number
)
INSERT INTO request_times (bucket, number, at)
SELECT bucket, number - which, extract(epoch FROM clock_timestamp())
FROM counted CROSS JOIN generate_series(1, %(times)s) AS which"""

_PRUNE_EVERY_S = 3600.0
_MARGIN_S = 60.0
"""A bucket outlives its last request, which is counted a moment after it was asked for."""


class SharedCounts:
    """The RequestCounts of nodes that share a database on a server.

    The rows of the buckets are locked in the order of their numbers while a request is counted,
    so that what is asked for at the same time anywhere is counted one after the other. Times are
    those of the server's clock. A request waits for the server for ``patience_s`` at most.
    ``monotonic`` gives seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        patience_s: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._pruned_at = float("-inf")
        self._log = structlog.get_logger(__name__)

    async def count(self, asked: Asked) -> Waits:
        try:
            async with asyncio.timeout(self._patience_s):
                # Left behind where it hangs: what it counts then does no harm.
                return await asyncio.to_thread(self._count, asked)
        except TimeoutError:
            raise CatalogueError(
                f"The database gives no answer ({self._database.name}).",
                remedy="Look at its server; what is asked is answered once it is back.",
            ) from None

    async def charge(self, buckets: Sequence[Bucket], times: int) -> None:
        def work() -> None:
            with self._database.beside() as connection:
                keys = [_key(each) for each in buckets]
                _lock(connection, keys)
                _add(connection, keys, times=times)

        await self._if_it_can(work)

    async def lift(self, pause: Bucket) -> None:
        def work() -> None:
            mine = request_buckets.c.bucket == _key(pause)
            with self._database.beside() as connection:
                connection.execute(update(request_buckets).where(mine).values(free_at=0.0))

        await self._if_it_can(work)

    def prune(self) -> None:
        """Forget what no rule looks at any more. Blocking. Raises CatalogueError."""
        times, buckets, now = request_times.c, request_buckets.c, NOW
        unused = (buckets.used < now - (DAY_S + _MARGIN_S), buckets.free_at < now)
        with self._database.beside() as connection:
            connection.execute(delete(request_times).where(times.at < now - DAY_S))
            # It waits for nobody who counts: they lock several, in another order.
            free = select(buckets.bucket).where(*unused).with_for_update(skip_locked=True)
            connection.execute(delete(request_buckets).where(buckets.bucket.in_(free)))

    def _count(self, asked: Asked) -> Waits:
        now = self._monotonic()
        if now - self._pruned_at > _PRUNE_EVERY_S:
            self._pruned_at = now
            self.prune()
        pause = _key(asked.pause)
        windows = {_key(each.bucket): each for each in asked.windows}
        rules = [
            (key, allowed, span_s)
            for key, each in windows.items()
            for allowed, span_s in ((each.per_minute, MINUTE_S), (each.per_day, DAY_S))
            if allowed
        ]
        columns = [list(column) for column in zip(*rules, strict=True)] or [[], [], []]
        named = dict(zip(("ruled", "allowed", "spans"), columns, strict=True))
        with self._database.beside() as connection:
            _lock(connection, [pause, *windows])
            found = connection.exec_driver_sql(_WAITS, {"pause": pause, **named}).all()
            left = {row.bucket: max(row.left_s, 0.0) for row in found}
            waits = Waits(left[pause], tuple(left.get(key, 0.0) for key in windows))
            if waits.none:
                _add(connection, list(windows), pause=pause, pause_s=asked.pause_s)
            return waits

    async def _if_it_can(self, work: Callable[[], None]) -> None:
        try:
            await finished_in_thread(work)
        except CatalogueError as error:
            self._log.warning("request counts not changed", reason=error.message)


def _key(bucket: Bucket) -> int:
    name = "\0".join(bucket).encode(errors="surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8).digest(), signed=True)


def _lock(connection: Connection, keys: Sequence[int]) -> None:
    """Hold these buckets, made where they are missing, until the transaction ends."""
    connection.exec_driver_sql(_LOCK, {"keys": sorted(keys)})


def _add(
    connection: Connection,
    keys: Sequence[int],
    *,
    times: int = 1,
    pause: int | None = None,
    pause_s: float = 0.0,
) -> None:
    """Count so many requests in each bucket, and begin a pause."""
    counted = {"keys": keys, "times": times, "pause": pause, "pause_s": pause_s}
    connection.exec_driver_sql(_ADD, counted)
