"""What is due is deleted while the program runs."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.app.background import keep_sweeping
from core.domain.errors import CatalogueError
from tests.web.parts import Parts


@pytest.mark.parametrize("error", [CatalogueError("The disk is full."), RuntimeError("a defect")])
async def test_a_failed_sweep_is_logged_and_tried_again(tmp_path: Path, error: Exception) -> None:
    """At once, and again and again, whatever happens, until the program stops."""
    contributions = Parts(tmp_path).contributions
    done = asyncio.Event()
    calls = 0

    async def sweep() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise error
        if calls > 2:
            done.set()

    contributions.sweep = sweep
    with capture_logs() as logs:
        task = asyncio.create_task(keep_sweeping(contributions, every_s=0.0))
        await asyncio.wait_for(done.wait(), 5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert [entry["event"] for entry in logs] == ["not swept"]
