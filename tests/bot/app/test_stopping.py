"""How a running program is asked to stop: once, twice, and what ends it in any case."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from structlog.testing import capture_logs

from bot.app.lifecycle import asked_by_hangup, stop_on_signals

# Longer than all tests together take.
_LONG_S = 86_400.0


class Ends:
    """Stands in for the end of the process: the codes it would have ended with."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()

    def __call__(self, code: int) -> None:
        """Note an end, from any thread."""
        self.codes.append(code)
        self.loop.call_soon_threadsafe(self.ended.set)


async def _until_handled() -> None:
    # The loop is told of a signal through a pipe: a turn or two later.
    for _ in range(3):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_asked_once_it_stops_and_asked_twice_it_ends(number: signal.Signals) -> None:
    """A signal to a process group and to its leader is one request; a later one is another."""
    ends, now = Ends(), [50.0]
    stop = stop_on_signals(at_latest_s=_LONG_S, end=ends, clock=lambda: now[0])
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(10):
        await stop.wait()
    now[0] += 0.9
    os.kill(os.getpid(), number)
    await _until_handled()
    assert ends.codes == []
    now[0] += 1.1
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await ends.ended.wait()
    assert ends.codes == [1]


async def test_what_hangs_does_not_hang_the_end() -> None:
    """Some seconds after it was asked it ends, with code 0 and a line in the log."""
    ends = Ends()
    stop = stop_on_signals(at_latest_s=0.01, end=ends)
    with capture_logs() as logs:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await ends.ended.wait()
    assert stop.is_set()
    assert ends.codes == [0]
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_nothing_ends_what_nobody_asked() -> None:
    """Time alone ends no program."""
    ends = Ends()
    stop_on_signals(at_latest_s=0.0, end=ends)
    await _until_handled()
    assert ends.codes == []


async def test_a_hangup_is_no_end() -> None:
    """It asks for the settings to be read anew."""
    ends = Ends()
    stop, asked = stop_on_signals(end=ends), asked_by_hangup()
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        await asked.wait()
    assert not stop.is_set()
    assert ends.codes == []
