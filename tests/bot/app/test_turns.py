"""Where nodes share a database, one of them at a time speaks to a platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app.platform import Platform
from bot.app.turns import SharedTurn
from bot.chat.supervision import Pauses
from core.domain.errors import CatalogueError, SettingsError
from index.catalogue.database import Hold, open_database
from tests.bot.app.test_supervision import Odd
from tests.bot.engine.test_reloading import Said
from tests.servers.discord_gateway import until
from tests.servers.postgresql import engine_at
from tests.web.parts import Parts

_QUICK = Pauses(first_s=0.05, longest_s=0.1)
_LOOK_S = 0.01


class Connected(Odd):
    """An adapter that notes whether it is connected."""

    @property
    def here(self) -> bool:
        """Whether people would get their answers from it."""
        return self.started > self.stopped


@asynccontextmanager
async def node(
    parts: Parts, turn: SharedTurn, adapter: Connected
) -> AsyncIterator[tuple[Platform, Said]]:
    """One with this adapter, until the block is left."""
    said = Said()
    platform = Platform("Odd", adapter, said, parts.failures, turn=turn, pauses=_QUICK)
    platform.start()
    try:
        yield platform, said
    finally:
        await platform.stop()


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    """What a platform reports to."""
    made = Parts(tmp_path)
    yield made
    await made.close()


@pytest.mark.process
async def test_one_node_answers_and_another_follows(parts: Parts, postgresql_url: str) -> None:
    """At its end, a failure of its own, and where the server cuts all connections."""
    databases = [open_database(postgresql_url) for _ in range(2)]
    turns = [SharedTurn(each.hold, "Odd", look_s=_LOOK_S, grace_s=5.0) for each in databases]
    first, second = Connected(), Connected()

    def one() -> bool:
        return first.here != second.here

    async with node(parts, turns[0], first) as (answering, _):
        await until(lambda: first.here)
        async with node(parts, turns[1], second) as (waiting, said):
            await until(lambda: any("stands by" in line for line in said.lines))
            # It is ready, since people get their answers; it is not it who gives them.
            assert waiting.unready() is None
            assert not waiting.connected()
            assert one()

            first.start_error = SettingsError("It is refused here.", remedy="Look.")
            first.fail(SettingsError("It is refused here.", remedy="Look."))
            await until(lambda: second.here)
            await until(lambda: "refused" not in str(answering.unready()))
            assert not first.here

            first.start_error = None
            engine = engine_at(postgresql_url)
            with engine.connect() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                )
            engine.dispose()
            await asyncio.sleep(20 * _LOOK_S)
            await until(one)
        await until(lambda: first.here)
        assert not second.here
    assert not first.here
    for each in databases:
        each.close()


class Server:
    """A server with one lock, which forgets it, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.taken: object = None

    def hold(self, name: str) -> Hold | None:
        """Take it, unless somebody has."""
        assert name == "Odd"
        if self.away:
            raise CatalogueError("The database is away.", remedy="Wait.")
        if self.taken is not None:
            return None
        self.taken = held = Held(self)
        return held


class Held:
    """The lock of one node."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def lasts(self) -> bool:
        """Until the server has forgotten it."""
        return not self._server.away and self._server.taken is self

    def let_go(self) -> None:
        """Also where it is lost."""
        if self._server.taken is self:
            self._server.taken = None


async def test_a_node_goes_on_while_the_database_is_away_for_a_moment(parts: Parts) -> None:
    """People are told then that it is away, which is more than silence."""
    server, adapter = Server(), Connected()
    turn = SharedTurn(server.hold, "Odd", look_s=_LOOK_S, grace_s=60.0)
    async with node(parts, turn, adapter) as (_, said):
        await until(lambda: adapter.here)
        server.away, server.taken = True, None
        await asyncio.sleep(5 * _LOOK_S)
        assert adapter.here
        server.away = False
        await until(lambda: server.taken is not None)
        assert (adapter.started, adapter.stopped) == (1, 0)
        # Another node was quicker: this one leaves.
        server.taken = object()
        await until(lambda: any("stands by" in line for line in said.lines))
        assert not adapter.here


async def test_a_node_without_the_database_leaves_in_time(parts: Parts) -> None:
    """Before the server takes it for dead, and another node answers beside it."""
    server, adapter = Server(), Connected()
    turn = SharedTurn(server.hold, "Odd", look_s=_LOOK_S, grace_s=10 * _LOOK_S)
    async with node(parts, turn, adapter):
        await until(lambda: adapter.here)
        server.away, server.taken = True, None
        await until(lambda: not adapter.here)
        server.away = False
        await until(lambda: adapter.here)
