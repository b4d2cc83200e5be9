"""Work that is to go on for good: begun again after growing pauses, and left in order."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.app.background import in_background
from bot.app.platform import Platform
from bot.chat.supervision import Pauses
from core.domain.errors import SettingsError, Unavailable
from tests.bot.engine.test_reloading import Said
from tests.servers.discord_gateway import until
from tests.web.parts import Parts

_QUICK = Pauses(first_s=0.001, longest_s=0.002)


class Odd:
    """An adapter that ends as often, and as, it is told to; then it stays."""

    def __init__(self, *ends: BaseException, start: BaseException | None = None) -> None:
        self.ends = list(ends)
        self.start_error = start
        self.stop_error: Exception | None = None
        self.started = self.stopped = 0
        self._next = asyncio.Event()

    async def start(self) -> None:
        """Connect, or not."""
        self.started += 1
        if self.start_error is not None:
            raise self.start_error

    def fail(self, error: BaseException) -> None:
        """End what is connected."""
        self.ends.append(error)
        self._next.set()

    async def ended(self) -> None:
        """The next end."""
        if not self.ends:
            self._next.clear()
            await self._next.wait()
        raise self.ends.pop(0)

    async def stop(self) -> None:
        """Leave, or not."""
        self.stopped += 1
        if self.stop_error is not None:
            raise self.stop_error

    def unready(self) -> str | None:
        """Nothing of its own."""
        return None


def test_pauses_grow_and_have_an_end() -> None:
    """Twice as long each time, and never longer than the longest."""
    pauses = Pauses(first_s=2.0, longest_s=120.0)
    assert [pauses.after(n) for n in (1, 2, 3, 6, 7, 10_000)] == [2.0, 4.0, 8.0, 64.0, 120.0, 120.0]


async def test_whatever_ends_an_adapter_it_is_started_again(tmp_path: Path) -> None:
    """Errors, cancellations from inside, a token, an outage: stopped and started each time."""
    ends = (
        KeyError("user"),
        asyncio.CancelledError(),
        SettingsError("The token is refused.", remedy="Set another."),
        Unavailable("It is out of reach.", remedy="Wait.", retry_after=0.001),
    )
    adapter, said, parts = Odd(*ends), Said(), Parts(tmp_path)
    platform = Platform("Odd", adapter, said, parts.failures, pauses=_QUICK)
    platform.start()
    await until(lambda: adapter.started == 5)
    assert said.lines.count("Odd: connected") == 5
    assert sum("ended unexpectedly (error " in line for line in said.lines) == 2
    assert {"The token is refused.", "Set another.", "It is out of reach."} <= set(said.lines)
    assert platform.unready() is None
    assert adapter.stopped == 4
    await platform.stop()
    assert adapter.stopped == 5
    await parts.close()


async def test_the_same_failure_is_told_once(tmp_path: Path) -> None:
    """A hundred attempts are one line, with the id that readiness names all the while."""
    adapter, said, parts = Odd(start=KeyError("user")), Said(), Parts(tmp_path)
    platform = Platform("Odd", adapter, said, parts.failures, pauses=_QUICK)
    platform.start()
    await until(lambda: adapter.started > 100)
    [line] = [line for line in said.lines if line]
    [logged] = parts.log.events
    assert platform.unready() == f"Odd ended unexpectedly (error {logged['incident']})"
    assert line.startswith(platform.unready() or "")
    await platform.stop()
    await parts.close()


async def test_an_adapter_that_cannot_be_left_stops_nothing(tmp_path: Path) -> None:
    """Its defect is told with an id, and the stop goes on."""
    adapter, said, parts = Odd(), Said(), Parts(tmp_path)
    adapter.stop_error = RuntimeError("what somebody wrote")
    platform = Platform("Odd", adapter, said, parts.failures)
    platform.start()
    await until(lambda: "Odd: connected" in said.lines)
    await platform.stop()
    [line] = [line for line in said.lines if "in order (error " in line]
    assert "RuntimeError" in line
    assert "what somebody wrote" not in str(parts.log.events) + line
    await parts.close()


@pytest.mark.parametrize("failures", [1, 3])
async def test_work_in_the_background_is_begun_again(failures: int) -> None:
    """Each failure is a line with an id and a place, without its words; what is done is done."""
    done, words = asyncio.Event(), "what somebody wrote"
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        if calls <= failures:
            raise ValueError(words)
        done.set()

    with capture_logs() as logs:
        async with AsyncExitStack() as stack:
            await in_background(stack, work, _QUICK)
            await asyncio.wait_for(done.wait(), 30)
    assert calls == failures + 1
    assert [entry["event"] for entry in logs] == ["background work failed"] * failures
    assert len({entry["incident"] for entry in logs}) == failures
    assert all('File "' in entry["traceback"] for entry in logs)
    assert words not in str(logs)


async def test_work_that_has_just_failed_is_ended_cleanly() -> None:
    """Closing raises nothing, however long the pause would be."""
    failed = asyncio.Event()

    async def work() -> None:
        failed.set()
        raise RuntimeError("a defect")

    with capture_logs():
        async with AsyncExitStack() as stack:
            await in_background(stack, work, Pauses(first_s=600.0, longest_s=600.0))
            await failed.wait()
