"""Where requests are counted: one suite on each implementation of the port RequestCounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from core.domain.errors import CatalogueError, TooManyRequests
from core.domain.rate_limits import (
    DAY_S,
    Asked,
    OwnCounts,
    Quota,
    RateLimiter,
    RequestCounts,
    Waits,
    Window,
)
from index.catalogue.database import Database, open_database
from index.catalogue.node_tables import node_tables
from index.catalogue.shared_counts import SharedCounts
from tests.fakes import FakeClock
from tests.servers.postgresql import PostgresqlServer

ANN, HERE = ("person", "ann"), ("asked here", "discord:1")
PAUSE = ("pause", "ann")


@dataclass(frozen=True)
class Bench:
    """The same counts as two who ask have them; ``advance`` lets so many seconds pass."""

    counts: RequestCounts
    others: RequestCounts
    advance: Callable[[float], None]


@pytest.fixture(params=["own", pytest.param("shared", marks=pytest.mark.process)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """In one process, and at two nodes."""
    if request.param == "own":
        clock = FakeClock()
        counts = OwnCounts(clock)
        yield Bench(counts, counts, clock.advance)
        return
    url = request.getfixturevalue("postgresql_url")
    with closing(open_database(url)) as one, closing(open_database(url)) as two:
        one.make(node_tables)
        two.make(node_tables)
        yield Bench(SharedCounts(one), SharedCounts(two), lambda s: _age(one, s))


def _age(database: Database, seconds: float) -> None:
    """The clock is the server's: instead of it, what is kept is moved."""
    with database.write() as connection:
        for table, column in (
            ("request_times", "at"),
            ("request_buckets", "free_at"),
            ("request_buckets", "used"),
        ):
            connection.execute(text(f"UPDATE {table} SET {column} = {column} - :s"), {"s": seconds})


def asked(*windows: Window, pause_s: float = 0.0) -> Asked:
    """What ann asks."""
    return Asked(PAUSE, pause_s, windows)


def seconds(waits: Waits) -> tuple[int, ...]:
    """The waits, rounded: a server's clock goes on meanwhile."""
    return tuple(round(each, -1) for each in map(int, (waits.pause_s, *waits.windows_s)))


async def test_a_pause_holds_at_every_node(bench: Bench) -> None:
    """A request begins it wherever it is asked; one that has to wait begins none."""
    assert (await bench.counts.count(asked(pause_s=100))).none
    bench.advance(50)
    for _ in range(2):
        assert seconds(await bench.others.count(asked(pause_s=100))) == (50,)
    bench.advance(51)
    assert (await bench.others.count(asked())).none


async def test_the_minute_and_the_day_slide(bench: Bench) -> None:
    """The fourth waits until the first of the minute is a minute old; days alike."""
    window = Window(ANN, 3, 5)
    for counts in (bench.counts, bench.others, bench.counts):
        assert (await counts.count(asked(window))).none
        bench.advance(10)
    assert seconds(await bench.others.count(asked(window)))[1] in {20, 30}
    bench.advance(30)
    for _ in range(2):
        assert (await bench.others.count(asked(window))).none
        bench.advance(100)
    left = (await bench.counts.count(asked(window))).windows_s[0]
    assert left == pytest.approx(DAY_S - 260, abs=20)
    assert (await bench.counts.count(asked(Window(ANN, 3, 0)))).none


async def test_where_one_window_is_full_nothing_is_counted(bench: Bench) -> None:
    """Neither in the other windows nor as a pause."""
    mine, ours = Window(ANN, 2, 0), Window(HERE, 1, 0)
    assert (await bench.counts.count(asked(mine, ours))).none
    for _ in range(3):
        waits = await bench.others.count(asked(mine, ours, pause_s=100))
        assert [each > 0 for each in waits.windows_s] == [False, True]
    assert (await bench.counts.count(asked(mine))).none
    assert not (await bench.counts.count(asked(mine))).none


async def test_charges_count_and_a_pause_can_be_lifted(bench: Bench) -> None:
    """A charge is counted beyond what there is room for."""
    window = Window(ANN, 20, 0)
    await bench.counts.charge((ANN, HERE), 19)
    assert (await bench.others.count(asked(window, pause_s=100))).none
    await bench.counts.charge((ANN,), 10)
    bench.advance(30)
    assert seconds(await bench.others.count(asked(window)))[1] in {20, 30}
    await bench.others.lift(PAUSE)
    assert (await bench.counts.count(asked())).none


async def test_many_at_once_are_counted_one_by_one(bench: Bench) -> None:
    """Of sixty who ask at two nodes at the same moment, as many get in as there is room for."""
    window = Window(HERE, 25, 25)
    waits = await asyncio.gather(
        *(
            counts.count(
                Asked(("pause", f"{number}"), 9.0, (Window(("p", f"{number}"), 1, 1), window))
            )
            for number in range(30)
            for counts in (bench.counts, bench.others)
        )
    )
    assert sum(each.none for each in waits) == 25


async def test_whoever_is_refused_at_one_node_is_refused_at_the_other(bench: Bench) -> None:
    """As people meet it: quotas and pauses of the settings."""
    limits = [
        RateLimiter(Quota({"text": 50.0}, 2), FakeClock(), counts=each)
        for each in (bench.counts, bench.others)
    ]
    await limits[0].admit("ann", "text", community="discord:1")
    for each in limits:
        with pytest.raises(TooManyRequests):
            await each.admit("ann", "text", community="discord:2")
    await limits[1].admit("bob", "text", community="discord:1")


@pytest.mark.process
async def test_what_no_rule_looks_at_any_more_is_forgotten(postgresql_url: str) -> None:
    """A day after somebody asked for the last time, nothing is left of it."""
    with closing(open_database(postgresql_url)) as database:
        database.make(node_tables)
        counts = SharedCounts(database)
        for name in ("ann", "bob"):
            await counts.count(Asked(("pause", name), 5.0, (Window(("person", name), 3, 3),)))
            _age(database, DAY_S / 2)
        await counts.charge((("person", "bob"),), 1)
        _age(database, DAY_S / 2 + 100)
        counts.prune()
        with database.read() as connection:
            rows = [
                connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()
                for table in ("request_times", "request_buckets")
            ]
        assert rows == [1, 1]


@pytest.mark.process
async def test_a_database_that_hangs_is_told(postgresql_url: str) -> None:
    """Nobody waits for good, whoever holds the row; what waits in vain gives up."""
    with (
        closing(open_database(postgresql_url)) as one,
        closing(open_database(postgresql_url)) as two,
    ):
        one.make(node_tables)
        counts = SharedCounts(two, patience_s=0.2)
        assert (await SharedCounts(one).count(asked())).none
        with one.beside() as frozen:
            frozen.execute(text("SELECT * FROM request_buckets FOR UPDATE"))
            with pytest.raises(CatalogueError, match="no answer"):
                await counts.count(asked())
        with two.beside() as connection:
            assert connection.execute(text("SHOW lock_timeout")).scalar() == "10s"


@pytest.mark.process
async def test_a_database_that_is_away_is_told(own_postgresql: PostgresqlServer) -> None:
    """Whoever asks is told why; what needs no answer is left."""
    with own_postgresql.database() as url, closing(open_database(url)) as database:
        database.make(node_tables)
        counts = SharedCounts(database)
        assert (await counts.count(asked(Window(ANN, 2, 2)))).none
        with own_postgresql.away():
            with pytest.raises(CatalogueError):
                await counts.count(asked(Window(ANN, 2, 2)))
            await counts.charge((ANN,), 5)
            await counts.lift(PAUSE)
        assert (await counts.count(asked(Window(ANN, 2, 2)))).none
